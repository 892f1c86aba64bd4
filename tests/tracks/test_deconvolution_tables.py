"""Table 1 and the table of costs of the deconvolution track, from made-up results."""

import io
import json
from statistics import stdev

import pandas
import pytest
from table_texts import FITTED, TRACK, block, rescore, texts

from focusbench import paths
from focusbench.evaluation import published
from focusbench.files import write_json
from focusbench.report.tables import DASH, as_csv, as_latex, as_markdown
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.tables import cost, networks, table1, table2, table3


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


def test_data_have_every_restoration_and_the_averages(deconvolved, settings):
    data = table1(deconvolved, settings).data
    alone = data[data["sample"] != published.AVERAGE]
    ids = alone[["sample", "degradation", "method", "seed"]].itertuples(index=False)
    assert sorted(map(tuple, ids)) == sorted(map(tuple, deconvolved.items))
    scores = deconvolved.scores()
    for metric in METRICS:
        assert sorted(alone[metric].dropna()) == sorted(scores[metric].dropna())
    averages = data[data["sample"] == published.AVERAGE]
    assert len(averages) == 3 * len(deconvolved.methods)
    assert set(averages["samples"]) == {5}
    own = scores[(scores["degradation"] == "snr20") & (scores["method"] == "wiener")]
    row = averages[(averages["degradation"] == "snr20") & (averages["method"] == "wiener")].iloc[0]
    assert row["psnr_volume"] == pytest.approx(own["psnr_volume"].mean())
    noisy = alone[alone["degradation"] == "snr20"]
    assert set(noisy["snr_asked_db"]) == {20}
    record = deconvolved.observation_record("microtubules_test2", "snr20")
    peak = noisy[noisy["sample"] == "microtubules_test2"]["photons_at_peak"].iloc[0]
    assert peak == pytest.approx(3000 * record["noise_free"]["peak"])


def test_rows_are_methods_with_mean_and_spread(deconvolved, settings):
    table = table1(deconvolved, settings)
    rows = texts(block(table, "snr20: mean"))
    assert list(rows)[:6] == [
        *("zeros", "input", FITTED, "richardson_lucy", "richardson_lucy_tv", "wiener"),
    ]
    scores = deconvolved.scores()
    own = scores[(scores["degradation"] == "snr20") & (scores["method"] == "wiener")]
    psnr, ssim = own["psnr_volume"].to_list(), own["ssim_uniform_3d"].to_list()
    row = rows["wiener"]
    assert row["PSNR of the volume, dB"] == f"{sum(psnr) / 5:.2f}±{stdev(psnr):.2f}"
    assert row["SSIM uniform_3d"] == f"{sum(ssim) / 5:.4f}±{stdev(ssim):.4f}"
    # these volumes have no interior
    assert not any("interior" in name for name in block(table, "snr20: mean").header)


def test_an_interior_is_shown_where_there_is_one(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, samples=("microtubules_test1",), degradations=("snr20",))
    for item in results.items:
        rescore(results, item, psnr_volume_interior=31.234, ssim_uniform_3d_interior=0.5)
    table = table1(results, settings)
    row = texts(block(table, "snr20: one sample"))["wiener"]
    assert row["PSNR of the interior, dB"] == "31.23"
    assert row["SSIM uniform_3d of the interior"] == "0.5000"
    assert any("15 voxels in from every face" in note for note in table.notes)


def test_published_values_stand_beside_what_they_are_of(deconvolved, settings):
    table = table1(deconvolved, settings)
    rows = texts(block(table, "snr20: mean"))
    column = "published PSNR, dB / SSIM"
    assert rows["input"][column] == "22.30 / 0.7275"
    assert rows["wiener"][column] == f"{DASH} / {DASH}"
    alone = rows["cyclegan_blur_kernel (published alone)"]
    assert alone[column] == "26.62 / 0.9573"
    assert alone["PSNR of the volume, dB"] == ""
    assert block(table, "snr20: mean").tail == 4
    for other in ("richards_wolf_snr20: mean", "offmodel: mean"):
        assert column not in block(table, other).header
    printed = table.data["published_psnr_volume"].dropna()
    assert list(printed) == [22.3020]
    assert "not comparable" in table.summary


def test_bold_needs_a_certain_lead(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20",))
    table = table1(results, settings)
    rows = {row[0][0].text: row for row in block(table, "snr20: mean").rows}
    assert rows["richardson_lucy_tv"][1][0].bold
    assert [name for name, row in rows.items() if any(c[0].bold for c in row)] == [
        "richardson_lucy_tv"
    ]
    item = results.find("microtubules_test3", "snr20", "richardson_lucy_tv")
    rescore(results, item, **dict.fromkeys(("psnr_volume", "ssim_uniform_3d"), 0.01))
    rows = {row[0][0].text: row for row in block(table1(results, settings), "snr20: mean").rows}
    assert not any(row[1][0].bold for row in rows.values())


def test_an_oracle_is_marked_and_never_bold(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20",))
    for item in results.items:
        if item.method == "affine_input":
            rescore(results, item, psnr_volume=60.0)
    table = table1(results, settings)
    rows = {row[0][0].text: row for row in block(table, "snr20: mean").rows}
    assert rows[FITTED][2][0].text == "best mean"
    assert not rows[FITTED][1][0].bold
    note = next(note for note in table.notes if note.startswith("‡"))
    assert "oracle" in note
    assert "gain (mean 1.7)" in note
    assert "offset (mean −0.01)" in note


def test_intervals_to_the_best(deconvolved, settings):
    table = table1(deconvolved, settings)
    rows = texts(block(table, "snr20: mean"))
    column = "minus the best mean [95 % interval]"
    assert rows["richardson_lucy_tv"][column] == "best mean"
    data = table.data[(table.data["sample"] == "average") & (table.data["method"] == "wiener")]
    first = data.iloc[0]
    low, high = first["psnr_minus_best_low"], first["psnr_minus_best_high"]
    assert low <= first["psnr_minus_best"] <= high < 0
    shown = f"{first['psnr_minus_best']:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")
    assert rows["wiener"][column] == shown


def test_four_samples_are_too_few_for_bold_and_intervals(make_deconvolution, settings, tmp_path):
    samples = tuple(f"microtubules_test{i}" for i in range(1, 5))
    results = make_deconvolution(tmp_path, samples=samples)
    table = table1(results, settings)
    assert "**" not in as_markdown(table)
    assert block(table, "snr20: mean ± standard deviation over 4 samples")
    assert table.data["psnr_minus_best"].isna().all()


def test_consistency_has_the_truth_beside(deconvolved, settings):
    table = table1(deconvolved, settings)
    rows = texts(block(table, "snr20: reduced chi-square"))
    assert list(rows) == ["truth itself", *deconvolved.methods]
    assert rows["truth itself"]["microtubules_test1"] == "1.01 / 10.1"
    assert rows["wiener"]["microtubules_test5"] == "1.20 / 12.0"
    rows = texts(block(table, "offmodel: reduced chi-square"))
    assert rows["truth itself"]["microtubules_test1"] == f"{DASH} / 10.1"


def test_observations_say_what_was_asked_and_what_came_out(deconvolved, settings):
    table = table1(deconvolved, settings)
    rows = texts(block(table, "Observations"))
    assert list(rows) == deconvolved.degradations
    row = rows["snr20"]
    assert row["blurred with"] == "Born-Wolf"
    assert row["average SNR asked, dB"] == "20"
    assert row["measured, dB"] == "20.01"
    assert row["peak SNR, dB"] == "29.50"
    peaks = [
        3000 * deconvolved.observation_record(sample, "snr20")["noise_free"]["peak"]
        for sample in deconvolved.samples
    ]
    assert row["photons at the peak"] == f"{min(peaks):,.0f} to {max(peaks):,.0f}"
    assert rows["offmodel"]["average SNR asked, dB"] == "no noise"
    assert rows["offmodel"]["measured, dB"] == DASH
    assert rows["richards_wolf_snr20"]["blurred with"] == "Richards-Wolf"


def sparse(results, mean_square):
    """Give every noisy observation the noise-free image of a volume with mean 0.01, peak 0.5."""
    for sample in results.samples:
        for degradation in results.degradations:
            path = results.root / paths.observation_record(TRACK, sample, degradation)
            image = {"peak": 0.5, "mean": 0.01, "mean_square": mean_square}
            write_json(path, {**json.loads(path.read_text()), "noise_free": image})


def test_notes_say_why_peak_and_average_snr_do_not_go_together(
    make_deconvolution, settings, tmp_path
):
    results = make_deconvolution(tmp_path, samples=("microtubules_test1",), degradations=("snr20",))
    sparse(results, 6e-4)
    # 256 photons at 0.5 are 512 a unit: 512 * 6e-4 / 0.01 = 30.72, which is 14.87 dB
    caption = table1(results, settings).caption
    assert "10 log10(256)" in caption
    assert "both cannot hold" in caption
    assert "leaves an average SNR of 14.87 dB" in caption
    assert "20 dB take 1,500 photons at the peak" in caption
    sparse(results, 4e-3)  # 204.8, which is 23.11 dB
    caption = table1(results, settings).caption
    assert "both cannot hold" not in caption
    assert "23.11 dB here" in caption


def test_without_noise_nothing_is_said_of_snr(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("offmodel",))
    table = table1(results, settings)
    assert not any("SNR" in note for note in table.notes if "PSNR" not in note)
    assert "about observations with 20 dB" in table.summary


def test_caption_of_a_quick_table(deconvolved, settings):
    caption = table1(deconvolved, settings).caption
    for said in (
        "preset quick",
        "not comparable: preset quick",
        "20 x 28 x 36 voxels (z, y, x), not 128 x 256 x 512",
        "filaments 15",
        "NA 1.4, index 1.5, 500 nm",
        "linear boundary",
        "1.5 times wider along all axes",
        "vectorial Richards-Wolf",
        "aberrated Gibson-Lanni PSF (particle_depth 3.0, sample_index 1.45)",
        "richardson_lucy 80 steps (160 evaluations of the imaging model)",
        "zeros no steps",
        "richardson_lucy iterations 80",
        "tracks.deconvolution.shape",
        "50 % of the power",
        "7 voxels wide, sample covariance, range 1",
        "sigma 1.5, 11 voxels wide, range 1",
        "before any fit",
    ):
        assert said in caption
    settings["track"]["optics"]["convention"] = "printed"
    assert "as printed in the paper's Eq. 23" in table1(deconvolved, settings).caption


def test_caption_of_a_table_at_the_papers_settings(deconvolved, settings):
    settings["track"]["shape"] = [128, 256, 512]
    faithful = {**settings, "preset": "paper", "differs": {}}
    for table in (table1, table2):
        summary = table(deconvolved, faithful).summary
        assert "not comparable" not in summary
        assert "not its volumes" in summary
        changed = {**faithful, "differs": {"methods.deconvolution.wiener.x": 10}}
        assert "keys differ from the preset paper" in table(deconvolved, changed).summary


def test_recordings_are_not_averaged(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(
        tmp_path,
        samples=("bars", "tubes", "pollen"),
        degradations=("recorded",),
        truth_of=lambda sample: sample != "pollen",
    )
    settings["sources"] = dict.fromkeys(results.samples, "fluorescence")
    table = table1(results, settings)
    assert [b.title for b in table.blocks] == [
        "recorded bars: after one gain",
        "recorded tubes: after one gain",
        "recorded: reduced chi-square / RMS residual in grey values",
    ]
    rows = texts(table.blocks[0])
    assert rows["wiener"]["gain"] == "0.003333"
    assert FITTED in rows
    fits = {row: cells["pollen"] for row, cells in texts(table.blocks[2]).items()}
    assert fits == {
        "truth itself": f"{DASH} / {DASH}",
        **dict.fromkeys(results.methods, f"{DASH} / 3.60"),
    }
    assert published.AVERAGE not in set(table.data["sample"])
    assert any("one gain a volume was fitted" in note for note in table.notes)
    assert "voxels (z, y, x)" not in table.summary
    assert "nan" not in as_markdown(table)
    assert "own size" in cost(results, settings).caption


def test_an_exact_estimate_breaks_nothing(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path)
    for item in results.items:
        if item.method == "input":
            rescore(results, item, psnr_volume="inf", psnr_mean_xy_slices="inf")
    rows = texts(block(table1(results, settings), "snr20: mean"))
    assert rows["input"]["PSNR of the volume, dB"] == "∞"


def test_tables_repeat_their_bytes_and_read_back(deconvolved, settings):
    for make in (table1, table2, table3, networks, cost):
        first, second = make(deconvolved, settings), make(deconvolved, settings)
        for writer in (as_csv, as_markdown, as_latex):
            assert writer(first) == writer(second)
        assert as_latex(first).isascii()
        assert "nan" not in as_latex(first)
        assert "nan" not in as_markdown(first)
        assert len(pandas.read_csv(io.StringIO(as_csv(first)))) == len(first.data)


def test_cost_has_every_method(deconvolved, settings):
    table = cost(deconvolved, settings)
    rows = texts(table.blocks[0])
    assert list(rows) == deconvolved.methods
    assert rows["richardson_lucy"]["steps"] == "80"
    assert rows["richardson_lucy"]["evaluations"] == "160"
    assert rows["richardson_lucy"]["seconds"] == "4.00"
    assert rows["wiener"]["seconds per step"] == DASH
    assert "20 x 28 x 36 voxels (z, y, x) with a PSF of 31 x 31 x 31" in table.caption
    assert "Training is done" not in table.caption


def test_cost_names_recordings_beside_made_volumes(make_deconvolution, settings, tmp_path):
    made = make_deconvolution(tmp_path, samples=("microtubules_test1",), degradations=("snr20",))
    own = make_deconvolution(tmp_path, samples=("pollen",), degradations=("recorded",))
    results = type(made)(TRACK, [*made.items, *own.items], tmp_path)
    results.timed = made.items[:5] + own.items[5:]
    settings["sources"] |= {"pollen": "fluorescence"}
    rows = texts(cost(results, settings).blocks[0])
    assert list(rows)[4:] == ["richardson_lucy_tv", "wiener, on the recording pollen"]
    assert "20 x 28 x 36 voxels" in cost(results, settings).caption


def test_cost_says_what_a_training_is(learned, settings):
    table = cost(learned, settings)
    assert texts(table.blocks[0])["supervised_mse"]["training, seconds"] == "126"
    assert "Training is done once" in table.caption


def test_cost_and_networks_agree_on_the_warm_up(learned, settings):
    # only steps have one: a method without them is called once (training.timing.measure)
    caption = cost(learned, settings).caption
    assert "the time of a step, after a warm-up, times the steps" in caption
    assert "no loop, a single whole run was timed, without a warm-up" in caption
    said = "a single call without a warm-up, as in the table of costs"
    assert said in networks(learned, settings).caption
