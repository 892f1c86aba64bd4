"""Stacks judged without a truth: the table and the Fourier shells, from made-up results."""

import json
import math

import numpy as np
import pytest
from saved_figures import check_saved

from focusbench import paths
from focusbench.evaluation.fourier_shell import fourier_shell_correlation, resolution
from focusbench.files import write_json
from focusbench.images import write_volume
from focusbench.report.results import ORIGINS
from focusbench.report.tables import as_csv, as_latex, as_markdown
from focusbench.tracks.multifocus.fourier_shells import fsc, fsc_caption
from focusbench.tracks.multifocus.recordings import recordings

TRACK = "multifocus"
PARTS = ("", "_heldout", "_planes_odd", "_planes_even", "_rays_odd", "_rays_even")
VOXEL = (1.0, 0.92, 0.92)


def recorded_run(make_run, root, parts=PARTS, samples=("mine",), stack="recorded", **more):
    """A run whose halves share a smooth structure and have noise of their own."""
    results = make_run(
        root,
        samples=samples,
        degradations=tuple(f"{stack}{part}" for part in parts),
        methods=("iterative", "lbfgs"),
        **{"truth_of": lambda sample: False, **more},
    )
    for number, item in enumerate(results.items):
        path = root / paths.score(TRACK, item)
        score = json.loads(path.read_text())
        score["metrics"]["residual_correlation"] = 0.01 * number
        score["metrics"]["residual_flatness"] = 1 - 0.02 * number
        if item.degradation.endswith("_heldout"):
            score["metrics"] |= {"held_out_rms": 0.02, "held_out_rms_interpolated": 0.03}
        write_json(path, score)
        if "_planes" in item.degradation:
            noise = np.random.default_rng(number).normal(size=(11, 24, 24))
            volume = results.restored(item).array + 0.05 * noise.astype(np.float32)
            write_volume(root / paths.restored(TRACK, item), volume, "ZYX", VOXEL)
    return results


def halves(results, method, kind, direction="all", sample="mine", stack="recorded"):
    volumes = [
        results.restored(results.find(sample, f"{stack}_{kind}_{half}", method)).array
        for half in ("odd", "even")
    ]
    return fourier_shell_correlation(*volumes, VOXEL, direction=direction)


def columns(block):
    """Heading -> texts of the rows."""
    return {
        name: [" / ".join(part.text for part in row[i]) for row in block.rows]
        for i, name in enumerate(block.header)
    }


def test_table_has_the_metrics_of_the_whole_stack_and_of_the_withheld_planes(
    make_run, settings, tmp_path
):
    results = recorded_run(make_run, tmp_path)
    table = recordings(results, settings)
    (block,) = table.blocks
    assert block.title == "mine, recorded"
    shown = columns(block)
    assert shown["method"] == ["iterative", "lbfgs"]
    assert shown["residual, 1/1000 of full intensity"] == ["1.20", "1.20"]
    assert shown["its correlation / flatness"] == ["0.000 / 1.000", "0.010 / 0.980"]
    assert (
        shown["error of withheld planes / interpolated, 1/1000 of full intensity"]
        == ["20.0 / 30.0"] * 2
    )
    assert list(table.data["held_out_rms"]) == [0.02, 0.02]
    assert not any("truth" in name for name in shown)


def test_table_has_the_resolutions_of_both_kinds_of_halves(make_run, settings, tmp_path):
    results = recorded_run(make_run, tmp_path)
    table = recordings(results, settings)
    row = table.data[table.data["method"] == "lbfgs"].iloc[0]
    for kind in ("rays", "planes"):
        for direction in ("all", "lateral", "axial"):
            shells = halves(results, "lbfgs", kind, direction)
            for threshold in ("one_seventh", "half_bit"):
                expected = resolution(shells, threshold)
                if expected is None:
                    expected = 1 / shells.frequency[-1]
                assert row[f"{kind}_{direction}_{threshold}"] == pytest.approx(expected)
    shown = columns(table.blocks[0])
    assert shown["agreement of aperture halves, lateral, µm"][1].startswith(
        "≤ 1.84"
    )  # hardly any noise there
    lateral = row["planes_lateral_one_seventh"]
    assert 1.84 < lateral < 30
    assert shown["agreement of plane halves, lateral, µm"][1].startswith(f"{lateral:.3g}"[:3])


def test_a_stand_in_with_a_truth_is_held_against_it(make_run, settings, tmp_path):
    results = recorded_run(
        make_run,
        tmp_path,
        samples=("engine.size24",),
        stack="offmodel_sigma0.01",
        truth_of=lambda sample: True,
    )
    settings["sources"] = {"engine.size24": "scivis"}
    table = recordings(results, settings)
    assert table.blocks[0].title == "engine, offmodel_sigma0.01"
    assert "Rendered stacks stand in for recordings: engine." in table.summary
    shown = columns(table.blocks[0])
    assert set(shown) >= {f"agreement with the truth, {one}, µm" for one in ("lateral", "axial")}
    truth = results.truth("engine.size24").array
    item = results.find("engine.size24", "offmodel_sigma0.01", "lbfgs")
    shells = fourier_shell_correlation(
        results.restored(item).array, truth, VOXEL, direction="axial"
    )
    expected = resolution(shells, 0.5) or 1 / shells.frequency[-1]
    assert table.data["truth_axial_half"].iloc[1] == pytest.approx(expected)
    assert any("what the halves should be held against" in note for note in table.notes)


def test_parts_that_were_not_selected_are_named(make_run, settings, tmp_path):
    results = recorded_run(make_run, tmp_path, parts=("", "_rays_odd", "_rays_even"))
    table = recordings(results, settings)
    shown = columns(table.blocks[0])
    assert set(shown) == {
        "method",
        "residual, 1/1000 of full intensity",
        "its correlation / flatness",
        "agreement of aperture halves, lateral, µm",
        "agreement of aperture halves, axial, µm",
    }
    assert any(
        "Not selected, so not in the table: _heldout, _planes_odd, _planes_even" in note
        for note in table.notes
    )
    assert math.isnan(table.data["planes_all_one_seventh"].iloc[0])
    assert "Not restored: halves of the planes" in fsc_caption(results, settings)


def test_rows_say_which_data_and_which_code_made_them(make_run, settings, tmp_path):
    results = recorded_run(make_run, tmp_path, parts=("", "_heldout", "_rays_odd"))
    for item in results.items:
        path = tmp_path / paths.score(TRACK, item)
        hashed = {"": "a", "heldout": "b", "odd": "c"}[item.degradation[9:].rpartition("_")[2]]
        write_json(path, json.loads(path.read_text()) | {"observed_sha256": 64 * hashed})
    table = recordings(results, settings)
    assert set(ORIGINS) <= set(table.data)
    for row in table.data.to_dict("records"):
        assert (row["observed_sha256"], row["truth_sha256"]) == (64 * "a", 64 * "1")
        assert (row["restoration_code"], row["score_code"]) == ("abc1234", "def5678")
        assert row["heldout_observed_sha256"] == 64 * "b"
        assert row["rays_odd_observed_sha256"] == 64 * "c"
        assert row["planes_odd_observed_sha256"] is None
    assert "SHA-256" in table.caption
    results.items = [item for item in results.items if item.degradation == "recorded_heldout"]
    parts = recordings(results, settings).data
    assert parts["observed_sha256"].isna().all()
    assert set(parts["restoration_code"]) == {"abc1234"}


def test_methods_of_one_colour_have_other_marks(make_run, settings, tmp_path):
    results = recorded_run(make_run, tmp_path)
    for item in list(results.items):  # by names whose colours have come round
        if item.method == "iterative":
            for method in ("plug_and_play", "mine"):
                same = item._replace(method=method)
                for path in (paths.restored, paths.score, paths.record):
                    source, target = (results.root / path(TRACK, one) for one in (item, same))
                    target.write_bytes(source.read_bytes())
                results.items.append(same)
    figure = fsc(results, {**settings, "variants": [*(f"own{i}" for i in range(1)), "mine"]})
    legend = figure.legends[0].get_lines()[:4]
    assert len({line.get_color() for line in legend}) < 4
    assert len({(line.get_color(), line.get_marker()) for line in legend}) == 4


def test_half_of_a_pair_alone_is_no_pair(make_run, settings, tmp_path):
    results = recorded_run(make_run, tmp_path, parts=("", "_rays_odd"))
    assert "No stack was restored" in fsc(results, settings).texts[0].get_text()
    assert "No stack was restored" in fsc_caption(results, settings)
    table = recordings(results, settings)
    assert set(columns(table.blocks[0])) == {
        "method",
        "residual, 1/1000 of full intensity",
        "its correlation / flatness",
    }


def test_an_empty_selection_says_so(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=())
    table = recordings(results, settings)
    assert "No restoration was selected" in table.summary
    assert table.blocks == ()
    for write in (as_markdown, as_latex, as_csv):
        assert isinstance(write(table), str)
    assert "No stack was restored" in fsc(results, settings).texts[0].get_text()


def test_notes_say_what_halves_are_worth(make_run, settings, tmp_path):
    table = recordings(recorded_run(make_run, tmp_path), settings)
    text = " ".join(table.notes)
    assert "bounds consistency, not resolution" in text
    assert "each sees half of the planes" in text
    assert "Rosenthal" in text
    assert "van Heel" in text
    assert text.count("a focal stack of one's own") == 1  # parts are explained once
    assert "≤" in as_markdown(table)
    assert r"$\leq$" in as_latex(table)
    assert "≤" not in as_latex(table)
    assert as_csv(table).startswith("sample,stack,method,rms_residual,")


def test_curves_are_the_correlations_of_the_halves(make_run, settings, tmp_path):
    results = recorded_run(make_run, tmp_path, samples=("mine", "other"))
    figure = fsc(results, settings)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["mine, recorded", "other, recorded"]
    axes = figure.axes[0]
    for kind, dashes in (("rays", False), ("planes", True)):
        for method in ("iterative", "lbfgs"):
            shells = halves(results, method, kind)
            (line,) = (
                line
                for line in axes.lines
                if len(line.get_ydata()) == len(shells.correlation)
                and np.allclose(line.get_ydata(), shells.correlation, atol=1e-12, rtol=0)
            )
            assert np.array_equal(line.get_xdata(), shells.frequency)
            assert (line.get_linestyle() == "-") == dashes
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        *("iterative", "lbfgs", "halves of the aperture", "halves of the planes"),
        *("1/7", "half-bit"),
    ]
    assert axes.get_xlabel() == "spatial frequency, cycles/µm"


def test_caption_says_what_the_curves_are_worth(make_run, settings, tmp_path):
    caption = fsc_caption(recorded_run(make_run, tmp_path), settings)
    assert "share one recording and its noise" in caption
    assert "bounds consistency, not resolution" in caption
    assert "independent noise" in caption
    assert "Preset quick" in caption


def test_bytes_repeat_and_nothing_is_cut_off(make_run, settings, tmp_path):
    results = recorded_run(make_run, tmp_path, samples=("mine", "other", "third"))
    check_saved(lambda: fsc(results, settings), tmp_path)


@pytest.mark.parametrize(("stack", "told"), [("recorded", True), ("sigma0.01", False)])
def test_what_withheld_planes_give_away_is_told(make_run, settings, tmp_path, stack, told):
    table = recordings(recorded_run(make_run, tmp_path, stack=stack), settings)
    assert any("before any is withheld" in note for note in table.notes) == told
