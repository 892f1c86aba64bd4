"""Which methods and samples a figure of volumes shows, where not all fit."""

import pytest

from focusbench.tracks.multifocus.figures import fig3, fig3_caption, front
from focusbench.tracks.multifocus.shown import left_out, shown_methods, shown_samples

TRIVIAL = ("transparent", "start")
NINE = (
    *("iterative", "lbfgs", "dip", "dip_es_wmv", "dip_es_emv", "dip_pretrain_1", "dip_pretrain_2"),
    *("neural_field", "plug_and_play"),
)


@pytest.fixture
def nine(make_run, tmp_path):
    """The made-up run ranks the variants of dip: dip_pretrain_2 best, dip_es_emv last."""
    return make_run(
        tmp_path, samples=("engine",), degradations=("clean",), methods=(*TRIVIAL, *NINE)
    )


def test_kinds_come_first_then_the_best_variants(nine):
    kinds = ["iterative", "lbfgs", "dip", "neural_field", "plug_and_play"]
    assert (
        shown_methods(nine, "clean")
        == [
            *kinds[:3],
            "dip_pretrain_2",  # the best of the variants, in its place
            *kinds[3:],
        ]
    )


def test_few_methods_are_all_shown(make_run, tmp_path):
    results = make_run(
        tmp_path, samples=("engine",), degradations=("clean",), methods=(*TRIVIAL, *NINE[:6])
    )
    assert shown_methods(results, "clean") == list(NINE[:6])
    assert left_out(results, list(NINE[:6])) == " Not shown: transparent, start (see the table)."


def test_without_a_truth_the_first_variants_are_shown(make_run, tmp_path):
    results = make_run(
        tmp_path,
        samples=("mine",),
        degradations=("recorded",),
        methods=NINE,
        truth_of=lambda sample: False,
    )
    chosen = shown_methods(results, "recorded")
    assert chosen == ["iterative", "lbfgs", "dip", "dip_es_wmv", "neural_field", "plug_and_play"]


def test_trivial_rows_are_shown_where_there_is_nothing_else(make_run, tmp_path):
    results = make_run(tmp_path, samples=("engine",), degradations=("clean",), methods=TRIVIAL)
    assert shown_methods(results, "clean") == list(TRIVIAL)
    assert left_out(results, list(TRIVIAL)) == ""


def test_samples(make_run, tmp_path):
    names = ("aneurism", "teapot", "engine", "lobster", "heptane")
    results = make_run(tmp_path, samples=names, degradations=("clean",), methods=("start",))
    assert shown_samples(results, "clean") == list(names[:4])
    assert shown_samples(results, "float") == []


def test_the_caption_says_which_and_why(nine, settings):
    caption = fig3_caption(nine, settings)
    assert "one of each kind is shown, then the variants with the highest mean PSNR" in caption
    assert "Not shown: transparent, start, dip_es_wmv, dip_es_emv, dip_pretrain_1" in caption
    titles = [axes.get_title() for axes in fig3(nine, settings).axes if axes.get_title()]
    assert len(titles) == 1 + 6
    assert any(title.startswith("dip_pretrain_2") for title in titles)


def test_front_tells_nine_methods_apart(nine, settings):
    figure = front(nine, settings)
    handles = figure.legends[0].legend_handles
    assert len(handles) == 11
    curves = [h for h in handles if h.get_marker() not in ("", "None")]
    assert len({h.get_marker() for h in curves}) == len(NINE)
    assert len({(h.get_color(), h.get_linestyle()) for h in curves}) == len(NINE)
