"""Top and side views: what is projected, how it is scaled, and what the caption says."""

import numpy as np
import pytest
from saved_figures import check_saved

from focusbench.files import write_json
from focusbench.images import write_volume
from focusbench.paths import Restored, observed, restored, score, truth
from focusbench.report.results import Results
from focusbench.tracks.multifocus.figures import fig4, fig4_caption

TRACK = "multifocus"
VOXEL = (0.3, 0.1, 0.1)
SHAPE = (7, 40, 24)


@pytest.fixture
def write(tmp_path):
    """Results of recordings: {(sample, degradation, method): volume}."""

    def write(volumes, stack=None, truths=None, voxel=VOXEL):
        items = []
        for (sample, degradation, method), volume in volumes.items():
            item = Restored(sample, degradation, method, 0)
            items.append(item)
            seen = np.full(SHAPE, 0.9, np.float32) if stack is None else stack
            write_volume(tmp_path / restored(TRACK, item), volume, "ZYX", voxel)
            write_volume(tmp_path / observed(TRACK, sample, degradation), seen, "ZYX", voxel)
            write_json(tmp_path / score(TRACK, item), {**item._asdict(), "metrics": {"psnr": None}})
        for sample, volume in (truths or {}).items():
            write_volume(tmp_path / truth(TRACK, sample), volume, "ZYX", voxel)
        return Results(TRACK, items, tmp_path)

    return write


def volume(*boxes):
    """Transparent but for boxes of (slices, absorption per um)."""
    absorption = np.zeros(SHAPE)
    for box, value in boxes:
        absorption[box] = value
    return np.exp(-absorption).astype(np.float32)


BOX = (slice(2, 4), slice(12, 20), slice(5, 9))
SETTINGS = {
    "preset": "quick",
    "track": {"geometry": {"numerical_aperture": 0.75}},
    "differs": {"data.stack.cell_na0.5.numerical_aperture": 0.5},
}


def shown(figure):
    """Images by the place of their axes: rows of the grid, first column first."""
    return [axes.images[0] for axes in figure.axes if axes.images and axes.get_visible()]


def test_views_are_means_of_absorption(write):
    results = write(
        {
            ("cell", "recorded", "iterative"): volume((BOX, 0.4)),
            ("cell", "recorded", "lbfgs"): volume((BOX, 0.2)),
        },
        stack=np.linspace(0.5, 1, 7 * 40 * 24, dtype=np.float32).reshape(SHAPE),
    )
    top_observed, top, other, side_observed, side, _ = shown(fig4(results, SETTINGS))
    seen = results.observed("cell", "recorded").array
    assert np.array_equal(top_observed.get_array(), seen[3])  # the middle one
    expected = np.zeros(SHAPE[1:])
    expected[12:20, 5:9] = 0.4 * 2 / 7
    np.testing.assert_allclose(top.get_array(), expected, atol=1e-6)
    np.testing.assert_allclose(other.get_array(), expected / 2, atol=1e-6)
    # 1 um of y are 10 rows; they hold the box, which has 8
    expected = np.zeros((7, 24))
    expected[2:4, 5:9] = 0.4 * 8 / 10
    np.testing.assert_allclose(side.get_array(), expected, atol=1e-6)
    assert side_observed.get_array().shape == (7, 24)


def test_one_grey_scale_and_one_magnification(write):
    results = write(
        {
            ("cell", "recorded", method): volume((BOX, value))
            for method, value in (("iterative", 0.4), ("lbfgs", 0.2))
        }
    )
    figure = fig4(results, SETTINGS)
    images = shown(figure)
    estimates = [image for image in images if image.get_cmap().name == "gray_r"]
    assert len(estimates) == 4
    assert len({image.get_clim() for image in estimates}) == 1
    assert estimates[0].get_clim()[0] == 0
    assert "absorption, 1/µm" in [axes.get_ylabel() for axes in figure.axes]
    figure.canvas.draw()
    boxes = [image.axes.get_window_extent() for image in images]
    top, side = boxes[1], boxes[4]
    assert side.width == pytest.approx(top.width, rel=0.02)
    assert top.height / top.width == pytest.approx(40 / 24, rel=0.02)
    assert side.height / side.width == pytest.approx(7 * 0.3 / (24 * 0.1), rel=0.02)


def test_the_slab_is_marked_and_keeps_away_from_the_faces(write):
    edge = (slice(None), slice(0, 4), slice(None))
    results = write({("cell", "recorded", "lbfgs"): volume((BOX, 0.2), (edge, 2.0))})
    axes = shown(fig4(results, SETTINGS))[1].axes
    marks = {float(line.get_ydata()[0]) for line in axes.lines}
    low, high = sorted(marks)
    assert high - low == 10
    assert low >= 9.5
    assert low <= 11.5
    assert high >= 19.5


def test_truth_has_a_column_of_its_own(write):
    results = write(
        {("cell", "offmodel_sigma0.01", "lbfgs"): volume((BOX, 0.2))},
        truths={"cell": volume((BOX, 0.3))},
    )
    figure = fig4(results, SETTINGS)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[1:] == ["truth", "lbfgs"]
    assert shown(figure)[1].get_array().max() == pytest.approx(0.3 * 2 / 7)
    caption = fig4_caption(results, SETTINGS)
    assert "Second column: the truth." in caption
    assert "degradation offmodel_sigma0.01" in caption


def test_derived_degradations_are_not_shown(write):
    results = write(
        {
            ("cell", "recorded_heldout", "lbfgs"): volume((BOX, 9.0)),
            ("cell", "recorded", "lbfgs"): volume((BOX, 0.2)),
        }
    )
    assert shown(fig4(results, SETTINGS))[1].get_array().max() == pytest.approx(0.2 * 2 / 7)


@pytest.mark.parametrize("degradations", [(), ("recorded_heldout",)])
def test_nothing_to_show(write, degradations):
    results = write({("cell", one, "lbfgs"): volume((BOX, 0.2)) for one in degradations})
    assert "No recording" in fig4(results, SETTINGS).texts[0].get_text()
    assert "No recording" in fig4_caption(results, SETTINGS)


def test_caption(write):
    samples = ("cell_na0.5", "cell.size24")
    results = write(
        {
            (sample, "recorded", method): volume((BOX, 0.2))
            for sample in samples
            for method in ("transparent", "lbfgs")
        }
    )
    caption = fig4_caption(results, SETTINGS)
    assert "cell_na0.5: recorded image 4 of 7, methods are told NA 0.5, voxels of" in caption
    assert "cell: recorded image 4 of 7, methods are told NA 0.75" in caption
    assert "0.1 × 0.1 × 0.3 µm (x, y, z)" in caption
    assert "mean, along the line of sight, of the absorption per µm" in caption
    assert "Preset quick" in caption
    assert "Not shown: transparent" in caption


def test_at_most_four_samples_and_a_method_that_is_missing_for_one(write):
    volumes = {(f"s{i}", "recorded", "lbfgs"): volume((BOX, 0.2)) for i in range(6)}
    volumes["s0", "recorded", "iterative"] = volume((BOX, 0.3))
    figure = fig4(write(volumes), SETTINGS)
    assert len(shown(figure)) == 4 * 2 * 2 + 2
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert "s3\nXY" in labels
    assert "s4\nXY" not in labels


def test_voxel_size_that_nobody_knows(write):
    results = write({("cell", "recorded", "lbfgs"): volume((BOX, 0.2))}, voxel=None)
    figure = fig4(results, SETTINGS)
    assert not any(axes.texts for axes in figure.axes)  # no scale bar
    assert "voxels of" not in fig4_caption(results, SETTINGS)


def test_nothing_is_cut_off_and_bytes_repeat(write, tmp_path):
    volumes = {
        ("cell", "recorded", method): volume((BOX, 0.2)) for method in ("lbfgs", "plug_and_play")
    }
    results = write(volumes)
    check_saved(lambda: fig4(results, SETTINGS), tmp_path)
