"""Table 2 of the deconvolution track: models of the PSF, from made-up results."""

import math

import pytest
from table_texts import FITTED, TRACK, block, rescore, texts

from focusbench.evaluation import published
from focusbench.report.results import Results
from focusbench.report.tables import DASH, as_csv, as_latex
from focusbench.tracks.deconvolution.tables import table2

MODELS = ("snr20", "richards_wolf_snr20", "offmodel_snr20")


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


def test_all_models_stand_side_by_side(models, settings):
    table = table2(models, settings)
    assert [b.title for b in table.blocks] == [
        "snr20: mean over 5 samples",
        "snr20: what the model of the PSF changes",
    ]
    rows = texts(table.blocks[0])
    assert list(rows)[:6] == ["zeros", "input", FITTED, *models.methods[3:]]
    scores = models.scores().set_index(["degradation", "method"])
    for name, degradation in zip(
        ("(a) Born-Wolf", "(b) Richards-Wolf", "(c) aberrated"), MODELS, strict=True
    ):
        own = scores.loc[(degradation, "input")]
        expected = f"{own['psnr_volume'].mean():.2f} / {own['ssim_uniform_3d'].mean():.4f}"
        assert rows["input"][f"{name}: PSNR, dB / SSIM"] == expected
    assert rows["input"]["(a) published"] == "22.30 / 0.7275"
    assert rows["input"]["(b) published"] == "22.52 / 0.7348"
    assert rows["cyclegan (published alone)"]["(b) published"] == "27.29 / 0.9584"
    assert rows["wiener"]["(a) published"] == f"{DASH} / {DASH}"
    assert "Not selected" not in table.summary
    assert "(c) is ours" in table.caption


def test_changes_are_paired_and_have_intervals(models, settings):
    table = table2(models, settings)
    rows = texts(table.blocks[1])
    scores = models.scores()
    own = scores[scores["method"] == "input"].set_index(["degradation", "sample"])["psnr_volume"]
    change = (own[MODELS[1]] - own[MODELS[0]]).mean()
    assert change > 0
    assert rows["input"]["(b) minus (a): PSNR, dB"].startswith(f"{change:.2f} [")
    aberrated = (own[MODELS[2]] - own[MODELS[0]]).mean()
    shown = f"{aberrated:.2f} [".replace("-", "−")
    assert rows["input"]["(c) minus (a): PSNR, dB"].startswith(shown)
    assert rows["input"]["(b) minus (a) published"] == "0.22 / 0.0073"
    assert rows["cyclegan (published alone)"]["(b) minus (a) published"] == "1.04 / 0.0110"
    data = table.data.set_index(["method", "sample"])
    mean = data.loc[("input", published.AVERAGE)]
    name = "psnr_volume_richards_wolf_change"
    assert mean[name] == pytest.approx(change)
    assert mean[f"{name}_low"] <= change <= mean[f"{name}_high"]
    assert mean["published_psnr_volume_richards_wolf"] == 22.5202
    single = data.loc[("wiener", "microtubules_test4")]
    assert single["psnr_volume_offmodel_change"] == pytest.approx(
        single["psnr_volume_offmodel"] - single["psnr_volume_born_wolf"]
    )
    assert math.isnan(data.loc[("wiener", published.AVERAGE), "published_psnr_volume_born_wolf"])


def test_bold_is_judged_for_each_model(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=MODELS)
    item = results.find("microtubules_test3", MODELS[1], "richardson_lucy_tv")
    rescore(results, item, psnr_volume=0.01)
    rows = {row[0][0].text: row for row in table2(results, settings).blocks[0].rows}
    bold = [column[0].bold for column in rows["richardson_lucy_tv"][1:4]]
    assert bold == [True, False, True]


def test_what_was_not_selected_is_named(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20", "offmodel"))
    table = table2(results, settings)
    assert [b.title.split(":")[0] for b in table.blocks] == ["snr20", "clean"]
    assert "richards_wolf_snr20 (b) Richards-Wolf" in table.summary
    assert "clean (a) Born-Wolf" in table.summary
    assert "(c) aberrated: PSNR, dB / SSIM" in table.blocks[1].header


def test_recordings_alone_have_no_model(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, samples=("pollen",), degradations=("recorded",))
    for empty in (results, Results(TRACK, [], tmp_path)):
        table = table2(empty, settings)
        assert table.blocks == ()
        assert "richards_wolf_snr20" in table.summary
        assert len(table.data) == 0
        assert as_csv(table).startswith("degradation,sample,method")
        assert as_latex(table).count(r"\begin{") == 1


def test_published_values_are_of_20_db(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr10", "richards_wolf_snr10"))
    table = table2(results, settings)
    assert not any("published" in name for one in table.blocks for name in one.header)
    assert "printed no value" in table.summary


def test_few_samples_have_no_intervals(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, samples=("one", "two"), degradations=MODELS)
    table = table2(results, settings)
    assert block(table, "snr20: mean over 2 samples")
    assert not any("[" in text for row in texts(table.blocks[1]).values() for text in row.values())


def test_an_exact_estimate_breaks_nothing(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path)
    for item in results.items:
        if item.method == "input":
            rescore(results, item, psnr_volume="inf")
    rows = texts(table2(results, settings).blocks[0])
    assert rows["input"]["(b) Richards-Wolf: PSNR, dB / SSIM"].startswith("∞")
