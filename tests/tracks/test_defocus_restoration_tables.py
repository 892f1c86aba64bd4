"""Tables of restored fields, of recordings and of costs of the defocus track, made up."""

import io
import math

import numpy as np
import pandas
import pytest
from defocus_table_results import FIELDS, MadeUp, level_map, table_settings
from scipy.ndimage import gaussian_filter
from table_texts import block, texts

from focusbench import config, plan
from focusbench.evaluation import published
from focusbench.evaluation.metrics import psnr, ssim
from focusbench.evaluation.statistics import paired_interval
from focusbench.paths import Restored
from focusbench.report.tables import DASH, as_csv, as_latex, as_markdown
from focusbench.tracks.defocus import told
from focusbench.tracks.defocus.metrics import METRICS
from focusbench.tracks.defocus.restoration_table_notes import least_ssim
from focusbench.tracks.defocus.tables import cost, recordings, restoration

RESTORERS = (
    *("input", "rectangular_oracle", "rectangular_poisson", "depth_variant_rectangular"),
    *("depth_variant_triangular", "depth_invariant"),
)
GAIN = {  # dB over the observation
    **{"input": 0.0, "depth_invariant": 0.2, "depth_variant_rectangular": 1.0},
    **{"depth_variant_triangular": 1.5, "rectangular_poisson": 2.5, "rectangular_oracle": 3.0},
}


def restored(samples=FIELDS, degradations=("tilted_poisson",), methods=RESTORERS, **content):
    items = [Restored(s, d, m, 0) for d in degradations for s in samples for m in methods]
    rng = np.random.default_rng(0)
    scores = {}
    for item in items:
        number, gain = samples.index(item.sample), GAIN.get(item.method, 0.5)
        if gain:
            gain += 0.1 * rng.normal()
        observed = 55 + number - 3 * (item.degradation == "level04_poisson")
        scores[item] = {
            "psnr_65535": observed + gain,
            "psnr_own": observed + gain - 30 - number / 10,
            "psnr_gain": gain,
            "ssim_65535": 0.99 + gain / 1000,
            "ssim_own": 0.8 + gain / 20,
            "ssim_ratio": 1 + gain / 1000,
            "seam_excess": 0.2 if "rectangular" in item.method else 0.004,
            "nuclei": 40 + number + (5 if number % 2 else -5) - gain,
            "nuclei_observed": 30 + number,
            "nuclei_truth": 40 + number,
            "rms_residual": 12.0,
            "chi_square": 1.2,
        }
    return MadeUp(items, scores=scores, **content)


@pytest.fixture(scope="module")
def run():
    return restored(degradations=("tilted_poisson", "level04_poisson"))


@pytest.fixture(scope="module")
def table(run):
    return restoration(run, table_settings())


# --- restored fields --------------------------------------------------------------------------


def test_restorers_are_grouped_by_who_told_them_the_levels(table):
    rows = texts(block(table, "tilted_poisson: mean ± standard deviation over 6 samples"))
    assert [(name, row["levels from"]) for name, row in rows.items()] == [
        ("input", ""),
        ("depth_variant_rectangular", "delpnet"),
        ("depth_variant_triangular", "delpnet"),
        ("depth_invariant", "delpnet (bg alone)"),
        ("rectangular_poisson", "delpnet_poisson"),
        ("rectangular_oracle‡", "the truth"),
        ("field in focus", ""),
        ("observed field", ""),
    ]
    assert block(table, "tilted_poisson: mean").tail == 2
    assert block(table, "level04_poisson: mean")
    assert any(note.startswith("‡ told the truth") for note in table.notes)


def test_means_are_those_of_the_score_files(table, run):
    scores = run.scores()
    own = scores[
        (scores["method"] == "depth_variant_triangular")
        & (scores["degradation"] == "tilted_poisson")
    ]
    row = texts(block(table, "tilted_poisson: mean"))["depth_variant_triangular"]
    for heading, column, digits in (
        ("PSNR, range 65535, dB", "psnr_65535", 2),
        ("PSNR, own range, dB", "psnr_own", 2),
        ("PSNR gain, dB", "psnr_gain", 2),
        ("SSIM, range 65535", "ssim_65535", 4),
        ("SSIM, own range", "ssim_own", 4),
    ):
        mean, spread = own[column].mean(), own[column].std()
        assert row[heading] == f"{mean:.{digits}f}±{spread:.{digits}f}"
    assert row["seam excess, %"] == "0.4±0.0"
    average = table.data[
        (table.data["sample"] == published.AVERAGE)
        & (table.data["method"] == "depth_variant_triangular")
        & (table.data["degradation"] == "tilted_poisson")
    ].iloc[0]
    assert average["psnr_own"] == pytest.approx(own["psnr_own"].mean())
    assert average["samples"] == 6
    assert average["levels_from"] == "delpnet"


def test_counts_of_nuclei_stand_beside_those_of_both_fields(table, run):
    rows = texts(block(table, "tilted_poisson: mean"))
    assert rows["field in focus"]["nuclei"] == "42.5"
    assert rows["observed field"]["nuclei"] == "32.5"
    assert rows["field in focus"]["seam excess, %"] == ""
    # too many in every other field, too few in the others: the mean is right, the counts are not
    scores = run.scores()
    own = scores[(scores["method"] == "input") & (scores["degradation"] == "tilted_poisson")]
    assert rows["input"]["nuclei"].startswith("42.5")
    assert rows["input"]["nuclei off"] == "5.0±0.0"
    assert (own["nuclei"] - own["nuclei_truth"]).abs().mean() == 5


def test_differences_to_the_papers_are_paired(table, run):
    shown = block(table, "tilted_poisson: minus depth_variant_triangular, paired")
    assert "depth_variant_triangular" not in texts(shown)
    scores = run.scores()
    scores = scores[scores["degradation"] == "tilted_poisson"].set_index(["method", "sample"])
    values = [
        [scores.loc[(method, sample), "psnr_65535"] for sample in FIELDS]
        for method in ("depth_variant_rectangular", "depth_variant_triangular")
    ]
    mean, low, high = paired_interval(*values, seed=0)
    text = f"{mean:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")
    assert texts(shown)["depth_variant_rectangular"]["PSNR, dB"] == text
    data = table.data.set_index(["degradation", "sample", "method"])
    at = ("tilted_poisson", published.AVERAGE, "depth_variant_rectangular")
    start = "psnr_own_minus_depth_variant_triangular"
    assert data.loc[at, start] == pytest.approx(mean)
    assert data.loc[at, f"{start}_low"] == pytest.approx(low)


def test_what_is_told_the_truth_is_never_bold(table):
    for one in table.blocks:
        for row in one.rows:
            if row[0][0].text == "rectangular_oracle‡":
                assert not any(part.bold for cell in row for part in cell)
    rows = {row[0][0].text: row for row in block(table, "tilted_poisson: mean").rows}
    assert rows["rectangular_poisson"][2][0].bold  # the best of the others
    assert not rows["depth_variant_triangular"][2][0].bold


def test_four_fields_are_too_few_for_intervals():
    run = restored(samples=FIELDS[:4])
    few = restoration(run, table_settings())
    assert "**" not in as_markdown(few)
    assert "[" not in texts(block(few, "tilted_poisson: minus"))["input"]["PSNR, dB"]


def test_without_the_papers_restorer_the_observation_is_the_reference():
    few = restoration(restored(methods=("input", "depth_invariant")), table_settings())
    assert list(texts(block(few, "tilted_poisson: minus input"))) == ["depth_invariant"]


def test_what_lacks_a_score_is_named(run):
    known = dict(run.content["scores"])
    item = next(one for one in run.items if one.method == "depth_invariant")
    known[item] = {**known[item], "ssim_own": math.nan}
    table = restoration(MadeUp(run.items, scores=known), table_settings())
    assert f"depth_invariant on {item.sample} ({item.degradation})" in table.caption


def test_data_hold_every_metric_and_restoration(table, run):
    alone = table.data[table.data["sample"] != published.AVERAGE]
    assert len(alone) == len(run.items)
    assert set(METRICS) <= set(table.data)
    back = pandas.read_csv(io.StringIO(as_csv(table)))
    assert len(back) == len(run.items) + 2 * len(RESTORERS)
    as_latex(table)


def test_what_the_paper_prints_and_what_was_done_is_said(table):
    assert "0.3 to 6.6 dB depth-variant" in table.summary
    assert "not comparable: preset quick" in table.summary
    assert "a plane, from level 0 to 10 across the field at 30 degrees" in table.caption
    assert "of a recording" not in table.caption
    for heading in ("PSNR, range 65535", "PSNR, own range", "seam excess", "nuclei off"):
        assert any(note.startswith(f"{heading}: ") for note in table.notes)


@pytest.mark.parametrize("noise", ["white", "smooth", "offset"])
def test_the_papers_pair_of_psnr_and_ssim_has_two_ranges(table, noise):
    """Errors of 59 dB, of whatever kind, leave more SSIM than the paper prints beside it."""
    rng = np.random.default_rng(0)
    truth = np.full((64, 64), 100.0)
    truth[20:40, 20:40] = 600
    error = {
        "white": rng.normal(size=truth.shape),
        "smooth": gaussian_filter(rng.normal(size=truth.shape), 9),
        "offset": np.ones(truth.shape),
    }[noise]
    error *= 65535 * 10 ** (-59 / 20) / np.sqrt(np.mean(error**2))
    assert psnr(truth, truth + error, 65535) == pytest.approx(59)
    found = ssim(truth, truth + error, 65535, "wang_2d")
    assert least_ssim(59) - 0.002 < found < 1  # windows at the rim count less
    assert least_ssim(59) == pytest.approx(0.9874, abs=1e-4)
    assert (
        "0.987 at the 59.0 dB of its noisy cells (Fig. 7f), where it prints 0.83" in table.caption
    )


def test_patches_that_stay_as_they_were_are_counted():
    seen = {
        ("delpnet", sample): level_map([0, 0, 0, -1, 7, 7], (168, 252)) for sample in FIELDS[:3]
    }
    seen |= {("delpnet", sample): level_map([0, -1] * 3, (168, 252)) for sample in FIELDS[3:]}
    seen |= {("delpnet_poisson", sample): level_map([1] * 6, (168, 252)) for sample in FIELDS}
    notes = restoration(restored(levels=seen), table_settings()).notes
    found = [note for note in notes if "stay as observed" in note]
    assert found == [
        f"depth_variant_{one}, tilted_poisson: delpnet told level 0 or bg to 83 % of the patches; "
        "these stay as observed."
        for one in ("rectangular", "triangular")
    ]


def test_a_report_knows_who_tells_a_method_through_what_it_uses():
    own = {
        "again": {"uses": "depth_variant_triangular"},
        "mine": {"module": "mine:Restorer"},
    }
    wanted = {"defocus": {"methods": [*own, "input"]}}
    built = config.build({"methods": {"defocus": own}, "tracks": wanted})
    settings = plan.report_parameters(built, "defocus", "restoration")["settings"]
    asked = built["methods"]["defocus"]["depth_variant_triangular"]["predictor"]
    assert settings["predictors"] == {"again": asked}
    assert told.levels_from("again", settings) == asked
    assert told.levels_from("mine", settings) is None
    paths = plan.report_inputs(built, "defocus", "restoration")
    assert any("/levels/" in path for path in paths)


def test_nothing_restored_is_a_table_too():
    table = restoration(MadeUp(), table_settings())
    assert table.summary == "No field was restored."
    assert not table.blocks


# --- recordings -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    made = restored(
        samples=("a01_z00", "mine"),
        degradations=("recorded",),
        levels={
            ("delpnet", "a01_z00"): level_map([10, 10, 10, 9, -1, 10]),
            ("delpnet", "mine"): level_map([-1, -1]),
        },
        known={"a01_z00": {"kind": "even", "level": 16.0, "background": []}},
    )
    unknown = [key for key in METRICS if key not in ("seam_excess", "nuclei", "nuclei_observed")]
    for item, metrics in made.content["scores"].items():
        if item.sample == "mine":
            metrics.update(dict.fromkeys(unknown, math.nan))
    return made


def test_predicted_levels_are_told(recorded):
    table = recordings(recorded, table_settings())
    rows = texts(block(table, "Predicted levels"))
    row = rows["a01_z00"]
    assert (row["patches"], row["median level"], row["its depth, µm"]) == ("6", "10", "20")
    assert row["of them at the last level (10), %"] == "80.0"
    assert row["called bg, %"] == "16.7"
    assert row["level told, for the score"] == "16"
    assert rows["mine"]["median level"] == DASH
    assert rows["mine"]["called bg, %"] == "100.0"
    assert "a01_z00 16, delpnet says 10" in table.caption
    data = table.data.set_index(["sample", "method"])
    assert data.loc[("a01_z00", "depth_variant_triangular"), "median_level"] == 10
    assert math.isnan(data.loc[("a01_z00", "input"), "median_level"])
    assert len(table.data) == len(recorded.items)


def test_a_field_in_focus_adds_scores(recorded):
    table = recordings(recorded, table_settings())
    one, other = block(table, "a01_z00"), block(table, "mine")
    assert "PSNR, own range, dB" in one.header
    assert texts(one)["field in focus"]["nuclei"] == "40"
    assert other.header == ("method", "levels from", "seam excess, %", "nuclei")
    assert "field in focus" not in texts(other)
    assert texts(other)["observed field"]["nuclei"] == "31"
    assert "No field in focus is known of mine." in table.summary
    assert "after the factor and offset that fit it to the truth best" in table.caption
    assert "**" not in as_markdown(table)
    as_latex(table)


def test_one_level_for_all_is_told_in_um():
    settings = table_settings()
    settings["methods"] = {"far": {"level": 16}, "near": {"level": 10, "predictor": "delpnet"}}
    run = restored(samples=("mine",), degradations=("recorded",), methods=("input", "far", "near"))
    table = recordings(run, settings)
    assert texts(block(table, "mine"))["far"]["levels from"] == "level 16"
    assert "level 10 (20 µm), level 16 (32 µm)." in table.caption
    assert "No level was predicted." in table.summary


def test_no_recording_is_said():
    table = recordings(restored(samples=FIELDS[:1]), table_settings())
    assert "data.defocused" in table.summary
    assert not table.blocks
    assert len(table.data) == 0


def test_recordings_are_left_out_of_the_other_table(recorded):
    assert not restoration(recorded, table_settings()).blocks


# --- costs ------------------------------------------------------------------------------------


def timed(**content):
    item = Restored(FIELDS[0], "tilted_poisson", "depth_variant_triangular", 0)
    timing = {"seconds_per_step": 0.1, "steps": 15, "seconds": 1.5, "device": "cpu", "threads": 1}
    return MadeUp([item], timings={item: {**timing, "load_before": 0.1}}, **content)


def test_predictors_have_their_speed_beside_the_papers():
    speed = {"patches_per_second": 480.0, "patches": 320, "seconds": 0.7, "side": 84}
    told = {"delpnet": {**speed, "device": "cpu", "threads": 1, "load_before": 0.9}}
    table = cost(timed(predictor_timings=told), table_settings())
    rows = texts(block(table, "Predictors"))
    assert rows["delpnet"]["patches a second"] == "480"
    assert rows["delpnet"]["load before"] == "0.9†"
    assert rows["delpnet, published"]["patches a second"] == "500 at least"
    assert rows["delpnet, published"]["device"] == "GeForce GTX 1060"
    # 12 x 16 patches at half steps
    assert "192 overlapping patches of 84 x 84 pixels: 0.400 s for delpnet" in table.caption
    assert texts(block(table, "Restorers"))["depth_variant_triangular"]["seconds"] == "1.50"
    assert list(table.data["method"]) == ["depth_variant_triangular", "delpnet"]
    assert table.data["patches_per_second"].iloc[1] == 480
    assert "520 x 696" in table.caption
    as_latex(table)


def test_a_small_object_is_told_from_a_field():
    item = Restored("beads", "level04_poisson", "depth_variant_field", 0)
    timing = {"seconds_per_step": 0.1, "steps": 15, "seconds": 1.5, "device": "cpu", "threads": 1}
    settings = table_settings()
    settings["sources"] = {"beads": "defocus_phantoms"}
    table = cost(MadeUp([item], timings={item: {**timing, "load_before": 0.1}}), settings)
    assert "depth_variant_field, on beads, 84 x 84 pixels" in as_markdown(table)


def test_without_predictors_restorers_stand_alone():
    table = cost(timed(), table_settings())
    assert len(table.blocks) == 1
    assert len(table.data) == 1
