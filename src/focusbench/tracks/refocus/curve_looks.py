"""How curves of methods are drawn: colour and mark by the method, dashes by what it starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from focusbench.tracks.refocus.shown import HIGHRES, LOWRES, base, ordered, styles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DASHES = {LOWRES: "-", HIGHRES: (0, (4, 1.5))}
WORDS = {LOWRES: "from half the size", HIGHRES: "from the 0 µm plane itself"}
FILLINGS = ("full", "none", "left", "right")  # of the mark: as published, then its variants
PLAIN_MARK = "."  # bicubic has none; where there is no line, it needs one


class Curve(NamedTuple):
    """A method, and what it starts from."""

    degradation: str
    method: str

    @property
    def kind(self) -> str:
        """LOWRES or HIGHRES: whether its input has half the size."""
        return HIGHRES if self.degradation.startswith(HIGHRES) else LOWRES


def in_order(curves: Sequence[Curve]) -> list[Curve]:
    """Put curves in the order of their methods, each once; half the size before the whole."""
    methods = ordered([one.method for one in curves])
    kinds = list(DASHES)
    return sorted(
        dict.fromkeys(curves), key=lambda one: (methods.index(one.method), kinds.index(one.kind))
    )


def looks(curves: Sequence[Curve], settings: Mapping[str, Any]) -> dict[Curve, dict[str, Any]]:
    """Return what `plot` is told of each curve.

    Variants of a method have its colour and mark, which is filled in another way.
    """
    methods = ordered([one.method for one in curves])
    own = styles(methods, settings)
    known = ordered([*(settings.get("variants") or ()), *methods])
    found = {}
    for one in curves:
        kind = base(one.method)
        family = [kind, *(m for m in known if base(m) == kind and m != kind)]
        found[one] = {
            "color": own[one.method].colour,
            "marker": own[one.method].marker,
            "linestyle": DASHES[one.kind],
            "fillstyle": FILLINGS[family.index(one.method) % len(FILLINGS)],
            "markersize": 4.5,
            "markeredgewidth": 1.0,
            "linewidth": 1.3,
        }
    return found


def labels(curves: Sequence[Curve]) -> dict[Curve, str]:
    """Name each curve by its method; one that is there twice, by its input too."""
    methods = [one.method for one in curves]
    return {
        one: f"{one.method} ({one.kind})" if methods.count(one.method) > 1 else one.method
        for one in curves
    }


def shortened(curve: Curve, look: Mapping[str, Any]) -> dict[str, Any]:
    """Return a look for single marks, without a line between them."""
    marker = look["marker"] or PLAIN_MARK
    return {**look, "linestyle": "", "marker": marker, "markersize": 6}


def legend(
    figure: Figure, handles: Mapping[str, Any], curves: Sequence[Curve], ncols: int = 3
) -> None:
    """Put a legend beneath all; it tells what dashes mean."""
    from matplotlib.lines import Line2D

    kinds = [kind for kind in DASHES if any(one.kind == kind for one in curves)]
    told = dict(handles)
    if len(kinds) > 1:
        for kind in kinds:
            look = {"color": "#333333", "linestyle": DASHES[kind], "linewidth": 1.3}
            told[f"{kind}: {WORDS[kind]}"] = Line2D([], [], **look)
    place = {"loc": "outside lower center", "frameon": False, "handlelength": 2.8}
    figure.legend(list(told.values()), list(told), ncols=ncols, **place)


def number(value: float) -> str:
    """Up to six digits, with a proper minus."""
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def dashes_told(curves: Sequence[Curve]) -> str:
    """Say in a caption what dashes mean, where both kinds are there."""
    if len({one.kind for one in curves}) < 2:
        return ""
    return " Solid: " + "; dashed: ".join(f"{WORDS[kind]} ({kind})" for kind in DASHES) + "."
