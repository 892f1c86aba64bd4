"""Table 3 of the deconvolution track: told the PSF or not, from made-up results."""

import pytest
from table_texts import FITTED, TRACK, block, rescore, texts

from focusbench.evaluation import published
from focusbench.evaluation.statistics import paired_interval
from focusbench.report.results import Results
from focusbench.report.tables import DASH, as_csv, as_latex
from focusbench.tracks.deconvolution import learned as trainings_of
from focusbench.tracks.deconvolution.tables import table3
from focusbench.tracks.deconvolution.told import left_out, pairs, told

BLIND, TOLD = "cyclegan_blur_kernel", "cyclegan_blur_kernel_nonblind"


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


def test_rows_say_what_each_method_is_told(learned, settings):
    table = table3(learned, settings)
    rows = texts(block(table, "snr20: mean"))
    assert {row: cells["the PSF is"] for row, cells in rows.items()} == {
        "zeros": "not used",
        "input": "not used",
        FITTED: "not used",
        "richardson_lucy": "told",
        "richardson_lucy_tv": "told",
        "wiener": "told",
        "blind_pupil": "found in the observation itself",
        BLIND: "learned from unpaired volumes",
        TOLD: "told, in training",
        "truth itself": "",
    }
    (note,) = [note for note in table.notes if note.startswith("Neither blind nor told")]
    assert "supervised_mse (learns from pairs" in note
    assert "cyclegan (a network stands for the blur)" in note


def test_published_values_stand_beside(learned, settings):
    rows = texts(block(table3(learned, settings), "snr20: mean"))
    column = "published PSNR, dB / SSIM"
    assert rows["input"][column] == "22.30 / 0.7275"
    assert rows[BLIND][column] == "26.62 / 0.9573"
    assert rows[TOLD][column] == "29.29 / 0.9746"
    assert rows["wiener"][column] == f"{DASH} / {DASH}"


def test_consistency_has_the_truth_beneath(learned, settings):
    rows = texts(block(table3(learned, settings), "snr20: mean"))
    column = "reduced chi-square / RMS residual in 1/1000 of full intensity"
    assert rows["wiener"][column] == "1.20 / 12.0"
    assert rows["truth itself"][column] == "1.01 / 10.1"


def test_differences_are_paired(learned, settings):
    table = table3(learned, settings)
    rows = texts(block(table, "snr20: what knowing"))
    scores = learned.scores().set_index(["method", "sample"])["psnr_volume"]
    expected = paired_interval(list(scores[TOLD]), list(scores[BLIND]), seed=0)
    row = rows[f"{TOLD} minus {BLIND}"]
    mean, low, high = (f"{value:.2f}" for value in expected)
    assert row["PSNR, dB [95 % interval]"] == f"{mean} [{low}, {high}]"
    assert row["published PSNR, dB / SSIM"] == "2.67 / 0.0173"
    assert list(rows)[1:] == ["richardson_lucy_tv minus blind_pupil"]
    data = table.data[table.data["minus"] == BLIND].set_index("sample")
    assert len(data) == 6
    assert data.loc[published.AVERAGE, "psnr_volume_low"] == expected.low
    assert data.loc["microtubules_test2", "psnr_volume"] == pytest.approx(
        scores[TOLD, "microtubules_test2"] - scores[BLIND, "microtubules_test2"]
    )
    alone = table.data[table.data["minus"].isna()]
    assert set(alone["method"]) == set(told(learned.methods, trainings_of.read(learned)))


def test_a_variant_is_told_by_its_networks(make_deconvolution, make_trainings, settings, tmp_path):
    methods = ("input", "of_recordings", TOLD, "mine")
    results = make_deconvolution(tmp_path, degradations=("snr20",), methods=methods)
    results = make_trainings(results, [(one, "snr20-seed0") for one in methods[1:]])
    trainings = trainings_of.read(results)
    assert told(methods, trainings)["of_recordings"] == "learned from unpaired volumes"
    assert pairs(methods, trainings) == [(TOLD, "of_recordings")]
    assert left_out(methods, trainings) == ["mine (what it is told is not known)"]
    rows = texts(block(table3(results, settings), "snr20: what knowing"))
    assert rows[f"{TOLD} minus of_recordings"]["published PSNR, dB / SSIM"] == f"{DASH} / {DASH}"


def test_old_records_are_told_by_id(make_deconvolution, make_trainings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20",), methods=(BLIND, TOLD))
    made = [(one, "snr20-seed0") for one in (BLIND, TOLD)]
    trainings = trainings_of.read(make_trainings(results, made, details={}))
    assert pairs((BLIND, TOLD), trainings) == [(TOLD, BLIND)]


def test_without_two_to_compare_it_says_what_it_takes(deconvolved, settings):
    table = table3(deconvolved, settings)
    assert [b.title.split(":")[0] for b in table.blocks] == deconvolved.degradations
    assert "cyclegan_blur_kernel_nonblind" in table.summary
    rows = texts(block(table, "snr20: mean"))
    assert rows[f"{TOLD} (published alone)"]["published PSNR, dB / SSIM"] == "29.29 / 0.9746"
    assert "published PSNR, dB / SSIM" not in block(table, "offmodel: mean").header


def test_recordings_alone_have_no_row(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, samples=("pollen",), degradations=("recorded",))
    for empty in (results, Results(TRACK, [], tmp_path)):
        table = table3(empty, settings)
        assert table.blocks == ()
        assert "Nothing was run" in table.summary
        assert as_csv(table).startswith("degradation,sample,method")
        assert as_latex(table).count(r"\begin{") == 1


def test_bold_leaves_out_the_oracle(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20",))
    for item in results.items:
        if item.method == "affine_input":
            rescore(results, item, psnr_volume=60.0)
    rows = {row[0][0].text: row for row in table3(results, settings).blocks[0].rows}
    assert not any(row[2][0].bold for row in rows.values())


def _pair(make_deconvolution, make_trainings, root, seeds, steps=(300, 300)):
    results = make_deconvolution(root, degradations=("snr20",), methods=("input", BLIND, TOLD))
    for method, taken in zip((BLIND, TOLD), steps, strict=True):
        make_trainings(results, [(method, f"snr20-seed{i}") for i in range(seeds)], steps=taken)
    results.trained = [(one, f"snr20-seed{i}") for one in (BLIND, TOLD) for i in range(seeds)]
    return results


def _bold(table):
    return {
        row[0][0].text for b in table.blocks for row in b.rows for c in row for p in c if p.bold
    }


@pytest.mark.parametrize(
    ("seeds", "steps", "certain"),
    [(1, (300, 300), False), (3, (240, 200), False), (3, (300, 300), True)],
)
def test_one_training_against_another_is_no_verdict(
    make_deconvolution, make_trainings, settings, tmp_path, seeds, steps, certain
):
    results = _pair(make_deconvolution, make_trainings, tmp_path, seeds, steps)
    for item in results.items:
        if item.method == TOLD:
            rescore(results, item, psnr_volume=60.0)
    table = table3(results, settings)
    assert _bold(table) == ({TOLD} if certain else set())
    found = [note for note in table.notes if note.startswith(f"{TOLD} minus {BLIND}: ")]
    assert bool(found) != certain
    assert ("Never bold here" in table.caption) != certain
    if not certain:
        plural = "s" if seeds > 1 else ""
        said = f"{steps[1]} steps, {seeds} seed{plural} against {steps[0]} steps, {seeds} seed"
        assert said in found[0]
        assert "for these very trainings, and says nothing of other" in found[0]
    # what was measured is about one seed, and about that preset
    assert ("differed by 1 to 3 dB" in table.caption) == (seeds == 1)
    assert "1 to 3 dB" not in table3(results, {**settings, "preset": "paper"}).caption


def test_a_classical_row_stays_bold(learned, settings):
    assert _bold(table3(learned, settings)) == {"richardson_lucy_tv"}


def test_start_of_the_blind_search_is_that_of_the_settings(learned, settings):
    def note():
        (found,) = [n for n in table3(learned, settings).notes if n.startswith("blind_pupil is")]
        return found

    said = "from a lens of NA 1.2, index 1.5, 500 nm in vacuum, its PSF widened 1.2 times"
    assert f"{said}: this NA is deliberately not the true one, which is 1.4." in note()
    key = "numerical_aperture"
    settings["methods"]["blind_pupil"] = {key: 1.3, "wavelength": 0.6, "widening": 1.1}
    settings["differs"][f"methods.deconvolution.blind_pupil.{key}"] = 1.3
    assert "NA 1.3, index 1.5, 600 nm in vacuum, its PSF widened 1.1 times" in note()
    assert "this NA is not the true one, which is 1.4." in note()
    settings["methods"]["blind_pupil"][key] = 1.4
    assert "this NA is the true one." in note()
