"""How figures look, and that saving them repeats its bytes."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from focusbench import methods
from focusbench.errors import InputError
from focusbench.report.figures import (
    COLOURS,
    TRIVIAL_COLOUR,
    image_axes,
    method_styles,
    new_figure,
    save,
    scale_bar,
    sentence_figure,
    style,
    track_styles,
)

KNOWN = ["transparent", "start", "iterative", "lbfgs", "dip"]
TRIVIAL = ["transparent", "start"]

DRAW = """
import sys
from focusbench.report.figures import new_figure, save, style
with style():
    figure = new_figure(3, 2)
    axes = figure.subplots()
    axes.plot([1, 2, 3], [3, 1, 2], label="a line")
    axes.imshow([[0, 1], [1, 0]], extent=(1, 2, 1, 2))
    axes.set_xlabel("transmittance per µm")
    axes.legend()
save(figure, *sys.argv[1:], caption="In µm.")
"""


def test_two_processes_write_the_same_bytes(tmp_path):
    written = []
    for name, hash_seed in (("a", "1"), ("b", "2")):
        paths = [tmp_path / f"{name}.{ending}" for ending in ("pdf", "png")]
        subprocess.run(
            [sys.executable, "-c", DRAW, *map(str, paths)],
            check=True,
            env={"PYTHONHASHSEED": hash_seed, "PATH": "", "HOME": str(tmp_path)},
        )
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
    pdf, png = written[0]
    assert pdf.startswith(b"%PDF")
    assert b"Date" not in pdf
    assert png.startswith(b"\x89PNG")
    assert b"Software" not in png
    assert b"Description" in png
    assert b"/Subject" in pdf


def test_another_ending_is_refused_before_anything_is_written(tmp_path):
    figure = new_figure(2, 2)
    with pytest.raises(InputError, match=r"\.pdf, \.png"):
        save(figure, tmp_path / "f.png", tmp_path / "f.svg")
    assert not list(tmp_path.iterdir())


def test_a_method_looks_the_same_whatever_else_is_shown():
    everything = method_styles(KNOWN, [*KNOWN, "mine"], TRIVIAL)
    assert method_styles(KNOWN, ["dip"], TRIVIAL)["dip"] == everything["dip"]
    assert method_styles(KNOWN, ["lbfgs", "mine"], TRIVIAL)["mine"] == everything["mine"]


def test_styles_differ_and_trivial_ones_are_grey():
    shown = [*KNOWN, *(f"own_{i}" for i in range(9))]
    styles = method_styles(KNOWN, shown, TRIVIAL)
    assert len(set(styles.values())) == len(shown)
    assert styles["start"].colour == styles["transparent"].colour
    assert styles["start"].colour not in COLOURS
    assert {styles[m].colour for m in ("iterative", "lbfgs", "dip")} <= set(COLOURS)


def test_a_method_looks_the_same_with_and_without_trivial_rows():
    alone = track_styles("multifocus", ["lbfgs"])
    beside = track_styles("multifocus", ["transparent", "start", "lbfgs"])
    assert alone["lbfgs"] == beside["lbfgs"]
    assert beside["start"].colour == TRIVIAL_COLOUR


def test_a_variant_looks_the_same_whichever_others_a_figure_shows():
    variants = [f"own_{i}" for i in range(20)]
    alone = track_styles("multifocus", ["own_7"], variants)["own_7"]
    assert track_styles("multifocus", ["own_3", "own_7", "lbfgs"], variants)["own_7"] == alone
    everything = [*methods.names("multifocus"), *variants]
    styles = track_styles("multifocus", everything, variants)
    assert len(set(styles.values())) == len(everything)


def test_a_figure_may_say_why_it_is_empty():
    assert sentence_figure("Nothing.").texts[0].get_text() == "Nothing."


def test_style_shields_from_a_users_settings_and_gives_them_back():
    with matplotlib.rc_context({"lines.linewidth": 9.0}):
        with style():
            assert matplotlib.rcParams["lines.linewidth"] != 9.0
        assert matplotlib.rcParams["lines.linewidth"] == 9.0


@pytest.mark.parametrize("left", [False, True])
def test_the_label_of_a_short_scale_bar_stays_inside_the_image(left):
    with style():
        figure = new_figure(1.5, 1.5)
        axes = figure.subplots()
        image_axes(axes)
        axes.imshow(np.zeros((48, 48)))
        scale_bar(axes, (48, 48), 0.243, left=left)  # 2 um are 8 px
        figure.draw_without_rendering()
    (text,), (bar,) = axes.texts, axes.lines
    inner, outer = text.get_window_extent(), axes.get_window_extent()
    assert text.get_text() == "2 µm"
    room = 0.05 * outer.width + 1  # for the white edges of letters
    assert outer.x0 + room < inner.x0
    assert inner.x1 < outer.x1 - room
    assert np.ptp(bar.get_xdata()) == pytest.approx(2 / 0.243)
