"""Table of recordings of the deconvolution track, from made-up results."""

import pytest
from table_texts import TRACK, block, rescore, texts

from focusbench.report.results import Results
from focusbench.report.tables import DASH, as_latex, as_markdown
from focusbench.tracks.deconvolution.tables import recordings

METHODS = ("zeros", "input", "wiener", "supervised_mse", "of_recordings")


@pytest.fixture
def settings(deconvolution_settings):
    told = deconvolution_settings["track"]["training"]
    told["recordings"] = {"samples": ["pollen"], "references": "richardson_lucy", "blocks": 2}
    deconvolution_settings["sources"] = dict.fromkeys(("bars", "pollen"), "fluorescence")
    return deconvolution_settings


@pytest.fixture
def recorded(make_deconvolution, make_trainings, tmp_path):
    results = make_deconvolution(
        tmp_path,
        samples=("bars", "pollen"),
        degradations=("recorded",),
        methods=METHODS,
        truth_of=lambda sample: sample != "pollen",
    )
    for item in results.items:
        if item.sample == "pollen":
            rescore(results, item, chi_square=1.35)
    return make_trainings(
        results, [("supervised_mse", "snr20-seed0"), ("of_recordings", "recorded-seed0")]
    )


def test_a_recording_without_a_truth_has_its_residual(recorded, settings):
    table = recordings(recorded, settings)
    shown = block(table, "pollen")
    assert shown.header == (
        "method",
        "trained on",
        "RMS residual, grey values",
        "reduced chi-square",
    )
    rows = texts(shown)
    assert list(rows) == list(METHODS)
    assert rows["wiener"]["RMS residual, grey values"] == "3.60"
    assert rows["wiener"]["reduced chi-square"] == "1.35"
    assert "No truth is known of pollen." in table.summary


def test_a_truth_adds_scores_and_its_own_residual(recorded, settings):
    rows = texts(block(recordings(recorded, settings), "bars"))
    scores = recorded.scores().set_index(["sample", "method"])
    own = scores.loc[("bars", "wiener")]
    assert rows["wiener"]["PSNR of the volume after one gain, dB"] == f"{own['psnr_volume']:.2f}"
    assert rows["wiener"]["lateral FSC period, nm"] == f"{1000 * own['fsc_lateral']:.0f}"
    assert rows["truth itself"]["RMS residual, grey values"] == "3.03"
    assert rows["truth itself"]["SSIM uniform_3d"] == ""
    assert rows["zeros"]["axial FSC period, nm"] == DASH


def test_weights_say_what_they_were_trained_on(recorded, settings):
    table = recordings(recorded, settings)
    rows = texts(block(table, "pollen"))
    assert rows["wiener"]["trained on"] == DASH
    assert rows["supervised_mse"]["trained on"] == "made volumes, snr20"
    assert rows["of_recordings"]["trained on"] == "recordings"
    assert "Trained on made volumes, not on recordings: supervised_mse." in table.caption
    assert "Trained on recordings: of_recordings, on pollen; what richardson_lucy" in table.caption
    trained = table.data.set_index(["sample", "method"])["trained_on"]
    assert trained["bars", "of_recordings"] == "recorded"
    assert len(table.data) == len(recorded.items)


def test_without_training_no_column_speaks_of_it(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, samples=("pollen",), degradations=("recorded",))
    table = recordings(results, settings)
    assert "trained on" not in table.blocks[0].header
    assert "Trained" not in table.caption
    assert "nan" not in as_markdown(table)


def test_nothing_selected_is_said(settings, make_deconvolution, tmp_path):
    made = make_deconvolution(tmp_path, samples=("one",), degradations=("snr20",))
    for results in (Results(TRACK, [], tmp_path), made):
        table = recordings(results, settings)
        assert "No recording was restored" in table.summary
        assert table.blocks == ()
        assert as_latex(table).count(r"\begin{") == 1
