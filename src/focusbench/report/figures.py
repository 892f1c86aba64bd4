"""How all figures look, and saving them so that equal figures give equal bytes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from focusbench import methods as known_methods
from focusbench.errors import InputError
from focusbench.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by readers of any colour vision (their yellow is too pale
# for lines on white). Markers and dashes say the same once more.
# Okabe and Ito's, then three of Tol's that stay apart from them
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    *("#882255", "#999933", "#332288"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p")
TRIVIAL_COLOUR = "#777777"
TRIVIAL_DASHES = ((0, (1, 1.5)), (0, (5, 2)), (0, (5, 1.5, 1, 1.5)))
DIFFERENCE_MAP = "RdBu_r"  # blue to red through white: safe for colour-blind readers too

SCALE_BARS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # um
SHORT_BAR = 0.25  # of an image's width: less than a label may be wide

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "pdf.fonttype": 42,  # text stays text
    "savefig.dpi": 200,
}


class Style(NamedTuple):
    """How one method is drawn, in every figure."""

    colour: str
    marker: str
    dashes: str | tuple[int, tuple[float, ...]]


def method_styles(
    known: Sequence[str], shown: Sequence[str], trivial: Collection[str] = ()
) -> dict[str, Style]:
    """Return a style for each method in `shown`.

    It depends on a method's place among the track's `known` ids, not on which others are shown;
    ids of one's own follow in the order given. Trivial methods are grey.
    """
    ids = list(dict.fromkeys([*known, *shown]))
    styles = {}
    for i, method in enumerate([m for m in ids if m not in trivial]):
        dashes = ("-", (0, (4, 1.5)))[(i // len(COLOURS)) % 2]  # colours come round again
        styles[method] = Style(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], dashes)
    for i, method in enumerate([m for m in ids if m in trivial]):
        dashes = TRIVIAL_DASHES[i % len(TRIVIAL_DASHES)]
        styles[method] = Style(TRIVIAL_COLOUR, "", dashes)
    return {method: styles[method] for method in shown}


def track_styles(
    track: str, shown: Sequence[str], variants: Sequence[str] = ()
) -> dict[str, Style]:
    """Return a style for each method in `shown`, the same in every figure of a track.

    `variants` are all methods of one's own that the configuration has for the track, whether a
    figure shows them or not: a style depends on a method's place among all. What is trivial is
    told for all methods as well: told for those in `shown` alone, the colours would hang on
    whether a figure has trivial rows.
    """
    known = [*known_methods.names(track), *variants]
    return method_styles(known, shown, {one for one in (*known, *shown) if is_trivial(one)})


def is_trivial(method: str) -> bool:
    """Whether a method is a row that a reader gets for nothing."""
    entry = known_methods.TABLE.get(method)
    return entry is not None and entry.trivial


@contextmanager
def style() -> Iterator[None]:
    """Draw with this project's settings, whatever those of the user are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make a figure (inches) that needs no display and leaves no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def sentence_figure(words: str) -> Figure:
    """Make a figure that says why there is nothing to show."""
    figure = new_figure(6, 1.5)
    figure.text(0.5, 0.5, words, ha="center", va="center", wrap=True)
    return figure


def image_axes(axes: Axes) -> None:
    """Strip an axes that shows an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color("#888888")
        spine.set_linewidth(0.5)


def scale_bar(
    axes: Axes,
    shape: Sequence[int],
    pixel_size: float | None,
    *,
    left: bool = False,
    top: bool = False,
) -> None:
    """Draw a scale bar into a corner of an image, the lower right one; none where nothing fits.

    Its label stands over its middle; of a short bar it ends where the bar does, inside.

    Parameters
    ----------
    shape
        (rows, columns) of the image.
    pixel_size
        um along the columns; None: unknown.
    left
        Into a left corner, not a right one.
    top
        Into an upper corner, not a lower one.
    """
    from matplotlib.patheffects import withStroke

    if not pixel_size:
        return
    height, width = shape
    fitting = [bar for bar in SCALE_BARS if bar <= 0.4 * width * pixel_size]
    if not fitting:
        return
    length = fitting[-1] / pixel_size
    start = (0.06 * width if left else 0.94 * width - length) - 0.5  # an image begins at -0.5
    y = (0.06 if top else 0.94) * height - 0.5
    ink = {"color": "#D55E00", "path_effects": [withStroke(linewidth=4, foreground="white")]}
    axes.plot([start, start + length], [y, y], linewidth=2, solid_capstyle="butt", **ink)
    words = {"fontsize": 8, "ha": "center", "va": "top" if top else "bottom"}
    aside, x = (0.03 if top else -0.03) * height, start + length / 2
    if length < SHORT_BAR * width:
        words["ha"], x = ("left", start) if left else ("right", start + length)
    axes.text(x, y + aside, f"{fitting[-1]} µm", **words, **ink)


def save(figure: Figure, *paths: str | Path, caption: str = "") -> None:
    """Write `figure` once per path (pdf or png), without dates or program names.

    A caption goes along with the file: as the subject of a PDF, as the description of a PNG.

    Raises
    ------
    InputError
        Another ending.
    """
    metadata = {
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None, "Subject": caption},
        ".png": {"Software": None, "Description": caption},
    }
    chosen = list(map(Path, paths))
    for path in chosen:
        if path.suffix not in metadata:
            raise InputError(f"{path}: a figure ends in one of {', '.join(metadata)}")
    with style():
        # the layout is found once: drawn again, some figures would shift it, file by file
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for path in chosen:
            with replacing(path) as temporary:
                figure.savefig(temporary, metadata=metadata[path.suffix])
