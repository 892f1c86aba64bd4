"""The figure of error spectra, from made-up results."""

import numpy as np
import pytest
from saved_figures import check_saved

from focusbench import paths
from focusbench.evaluation.missing_cone import split_error
from focusbench.images import write_volume
from focusbench.tracks.multifocus.spectrum import spectrum, spectrum_caption

TRACK = "multifocus"


def marks(axes, size):
    """Heights of the single marks of a size, in the order that they were drawn."""
    return [
        float(line.get_ydata()[0])
        for line in axes.lines
        if len(line.get_ydata()) == 1 and line.get_markersize() == size
    ]


def test_marks_are_the_mean_of_the_samples_in_both_regions(finished, settings):
    axes = spectrum(finished, settings).axes[0]
    large = marks(axes, 8)
    assert len(large) == 2 * len(finished.methods)
    method = finished.methods.index("lbfgs")
    splits = []
    for sample in finished.samples:
        truth = finished.truth(sample)
        estimate = finished.restored(finished.find(sample, "clean", "lbfgs")).array
        splits.append(split_error(truth.array, estimate, truth.voxel_size, 0.75))
    assert large[2 * method] == pytest.approx(np.mean([one.seen_db for one in splits]))
    assert large[2 * method + 1] == pytest.approx(np.mean([one.missing_db for one in splits]))
    assert [text.get_text() for text in axes.get_xticklabels()] == finished.methods
    # what is transparent has no energy but the truth's to miss
    assert large[2 * finished.methods.index("transparent")] == pytest.approx(0)


def test_each_real_method_has_a_map_with_the_border_of_the_cone(finished, settings):
    figure = spectrum(finished, settings)
    maps = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in maps] == ["iterative", "lbfgs", "dip", "dip_pretrain_2"]
    slope = 0.75 / np.sqrt(1 - 0.75**2)
    for axes in maps:
        border = axes.lines[0].get_xydata()
        assert border[1, 1] / border[1, 0] == pytest.approx(slope)
        assert axes.get_xlim()[1] == pytest.approx(0.5 / 0.92, rel=0.05)
    limits = {axes.collections[0].get_clim() for axes in maps}
    assert len(limits) == 1
    assert axes.get_xlabel() == "lateral, cycles/µm"


def test_caption_tells_the_share_of_the_missing_cone(finished, settings):
    shares = []
    for sample in finished.samples:
        truth = finished.truth(sample)
        split = split_error(truth.array, truth.array, truth.voxel_size, 0.75)
        shares.append(round(100 * split.missing_share))
    caption = spectrum_caption(finished, settings)
    assert f"holds {min(shares)} to {max(shares)} % of the truth's energy" in caption
    assert "Without a map: transparent, start" in caption
    assert "NA 0.75" in caption
    assert "Preset quick" in caption


def test_an_exact_estimate_does_not_stretch_the_axes(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=("engine",), degradations=("clean",), methods=("lbfgs", "start")
    )
    item = results.find("engine", "clean", "lbfgs")
    truth = results.truth("engine")
    write_volume(tmp_path / paths.restored(TRACK, item), *truth)
    axes = spectrum(results, settings).axes[0]
    assert marks(axes, 8)[:2] == [-60, -60]


def test_samples_without_truth_are_left_out(make_run, settings, tmp_path):
    results = make_run(
        tmp_path,
        samples=("mine", "engine"),
        degradations=("clean",),
        truth_of=lambda sample: sample == "engine",
    )
    assert "(engine)" in spectrum_caption(results, settings)
    results = make_run(
        tmp_path / "none", samples=("mine",), degradations=("recorded",), truth_of=lambda _: False
    )
    assert "No sample has a truth" in spectrum(results, settings).texts[0].get_text()
    assert "No sample has a truth" in spectrum_caption(results, settings)


def test_an_empty_selection_says_so(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=())
    assert "No sample" in spectrum(results, settings).texts[0].get_text()
    assert "No sample" in spectrum_caption(results, settings)


def test_bytes_repeat_and_nothing_is_cut_off(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("engine", "teapot"), degradations=("clean",))
    check_saved(lambda: spectrum(results, settings), tmp_path)


def test_a_sized_sample_is_shown_by_its_own_id(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("cell.size24",), degradations=("clean",))
    assert "(cell)" in spectrum_caption(results, settings)
