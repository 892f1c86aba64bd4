"""Tables of the refocus track, from made-up results."""

import io
import math
import types

import numpy as np
import pandas
import pytest
from refocus_table_results import (
    FIELDS,
    GAIN,
    HIGHRES,
    LOWRES,
    ONE_PLANE,
    MadeUp,
    metrics,
    run,
    table_settings,
)
from table_texts import block, texts

from focusbench.evaluation import flops, published
from focusbench.evaluation.statistics import paired_interval
from focusbench.paths import Restored
from focusbench.report.tables import DASH, MARK, as_csv, as_latex, as_markdown
from focusbench.tracks.refocus import tables
from focusbench.tracks.refocus.field_slides import by_slide
from focusbench.tracks.refocus.metrics import METRICS
from focusbench.tracks.refocus.paper_networks import NETWORKS
from focusbench.tracks.refocus.table3 import linear_size, size
from focusbench.tracks.refocus.table_cells import DIGITS, base

SCORED = ("table1", "table2", "methods", "jpeg")
OURS = "PSNR, dB"
INTERVAL = "PSNR minus the best mean [95 % interval]"


@pytest.fixture(scope="module")
def main():
    return run()


@pytest.fixture(scope="module")
def study():
    return run(("lowres_jpeg", "highres_jpeg"))


@pytest.fixture(scope="module")
def made(main, study):
    """Every table of scores, by name."""
    return {
        name: getattr(tables, name)(study if name == "jpeg" else main, table_settings())
        for name in SCORED
    }


def changed(results, where, **values):
    """The same results with values of planes set anew: `where` tells of which items."""
    scores = dict(results.content["scores"])
    for item in results.items:
        if where(item):
            scores[item] = {**scores[item], **values}
    return MadeUp(results.items, results.timed, results.trained, scores=scores)


def bold(block_, column):
    """First cells of the rows whose cell in a column is bold, with the part's number."""
    place = block_.header.index(column)
    return [
        (row[0][0].text, number)
        for row in block_.rows
        for number, part in enumerate(row[place])
        if part.bold
    ]


def mean_of(results, key, degradation, method, fields=FIELDS):
    scores = results.scores()
    own = scores[(scores["degradation"] == degradation) & (scores["method"] == method)]
    return own[own["sample"].isin(fields)][key].mean()


# --- the plane in focus -----------------------------------------------------------------------


def test_the_plane_in_focus_stands_beside_the_papers(made, main):
    (only,) = made["table1"].blocks
    rows = texts(only)
    assert list(rows) == list(LOWRES)
    assert only.header[1:3] == ("SSIM", "PSNR, dB")  # in the paper's order
    for method in LOWRES:
        mean = mean_of(main, "psnr_middle", "lowres", method)
        assert rows[method][OURS].startswith(f"{mean:.2f}±")
        mean = mean_of(main, "mse_middle", "lowres", method)
        assert rows[method]["MSE"].startswith(f"{mean:.2f}±")
    theirs = "published SSIM / PSNR, dB / MSE / MAE"
    assert rows["srgan"][theirs] == "0.952 / 38.05 / 10.67 / 2.16"
    assert rows["mfpinet"][theirs] == "0.954 / 38.63 / 9.65 / 1.79"
    assert rows["srgan_5"][theirs] == rows["bicubic"][theirs] == ""
    data = made["table1"].data.set_index(["method", "sample"])
    assert data.loc[("mfpinet", published.AVERAGE), "published_psnr_middle"] == 38.63
    assert data.loc[("mfpinet", published.AVERAGE), "samples"] == 6


def test_the_best_is_bold_where_the_interval_says_so(made, main):
    (only,) = made["table1"].blocks
    assert bold(only, OURS) == [("refocus_naf", 0)]
    scores = main.scores()
    own = scores[scores["degradation"] == "lowres"].set_index(["method", "sample"])["psnr_middle"]
    found = paired_interval(list(own["mfpinet"]), list(own["refocus_naf"]), seed=0)
    shown = " ".join(f"{value:.2f}" for value in found).replace("-", "−")
    assert texts(only)["mfpinet"][INTERVAL] == "{} [{}, {}]".format(*shown.split())
    few = tables.table1(run(fields=FIELDS[:4]), table_settings())
    assert bold(few.blocks[0], OURS) == []
    assert "[" not in texts(few.blocks[0])["mfpinet"][INTERVAL]


def test_what_was_not_run_stands_alone(main):
    table = tables.table1(run(lowres=("bicubic", "mfpinet")), table_settings())
    (only,) = table.blocks
    assert only.tail == 1
    row = texts(only)["srgan (published alone)"]
    assert row["published SSIM / PSNR, dB / MSE / MAE"].startswith("0.952")
    assert row[OURS] == ""


def test_the_paper_is_set_beside_srgan_of_known_blocks(made):
    (note,) = [note for note in made["table1"].notes if note.startswith("SRGAN has")]
    assert note.endswith("Here: srgan 5, srgan_5 16.")  # as the settings say


def test_gains_over_what_needs_no_network_are_told(made, main):
    (note,) = [n for n in made["methods"].notes if n.startswith("mfpinet from lowres, by PSNR")]
    scores = main.scores()
    own = scores[scores["degradation"] == "lowres"].set_index(["method", "sample"])
    over_linear = paired_interval(
        list(own["psnr"]["mfpinet"]), list(own["psnr"]["linear_per_plane"]), seed=0
    )
    told = "{:.2f} dB [95 %: {:.2f}, {:.2f}] above linear_per_plane over all planes"
    assert told.format(*over_linear) in note
    assert "above bicubic at 0 µm" in note
    gains = own["psnr"]["mfpinet"] - own["psnr"]["linear_per_plane"]
    by_slide = [gains[gains.index.str.contains(f"_s{one}_")].mean() for one in (4, 5)]
    words = "(slide 4: {:+.2f} dB, slide 5: {:+.2f} dB)".format(*by_slide)
    assert f"over all planes {words};" in note
    assert f"from lowres, PSNR over all planes: +{over_linear.mean:.2f} dB {words}." in (
        made["methods"].summary
    )
    assert "learn enough" not in made["methods"].summary


def test_who_did_not_learn_enough_is_named_in_the_caption(main):
    def worse(item, by):
        psnr = [float(one) - by for one in main.content["scores"][item]["psnr"]]
        return {**main.content["scores"][item], "psnr": psnr}

    lost = {("lowres", "mfpinet"): 1.8, ("lowres", "srgan"): 9.0, ("highres", "deep_z"): 9.0}
    scores = {item: worse(item, lost.get(item[1:3], 0.0)) for item in main.content["scores"]}
    results = MadeUp(main.items, scores=scores)
    summary = tables.methods(results, table_settings()).summary
    assert "mfpinet 0.20 dB above linear_per_plane over all planes (lowres)" in summary
    means = [mean_of(main, "psnr_middle", "lowres", method) for method in ("bicubic", "srgan")]
    missed = means[0] - means[1] + 9
    assert f"srgan {missed:.2f} dB below bicubic at 0 µm (lowres)" in summary
    assert "dB below bicubic over the other planes (highres)" in summary
    assert "refocus_naf" not in summary
    assert "mfpinet 0.20 dB above" in tables.table2(results, table_settings()).summary
    assert "figure budget shows" in summary
    assert "figure budget" not in tables.methods(results, table_settings("paper")).summary


# --- every plane ------------------------------------------------------------------------------


def test_planes_are_as_the_paper_prints_them(made, main):
    first = made["table2"].blocks[0]
    rows = texts(first)
    assert list(rows)[:2] == ["−13.5", "−10.8"]
    assert list(rows)[-2:] == ["+13.5", "mean"]
    assert first.header[1:] == tuple(
        f"{method} {metric}"
        for method in ("deep_z", "mfpinet")
        for metric in ("PSNR, dB", "SSIM", "MSE", "MAE")
    )
    values = [
        float(main.details(item)["planes"]["mae"][2])
        for item in main.items
        if item[1:3] == ("highres", "deep_z")
    ]
    assert rows["−8.1"]["deep_z MAE"] == f"{np.mean(values):.2f} / 2.41"
    assert rows["0.0"]["mfpinet PSNR, dB"].endswith(" / 38.64")
    assert rows["mean"]["deep_z PSNR, dB"].endswith(" / 38.03")
    assert len(rows) == 12
    assert bold(first, "deep_z PSNR, dB")  # 3.6 dB over bicubic on the finer image
    assert not bold(first, "mfpinet PSNR, dB")


def test_every_method_has_every_plane(made, main):
    shown = block(made["table2"], "lowres: PSNR, dB / SSIM; means over 6 fields")
    assert shown.header[1:] == tuple(m for m in LOWRES if m not in ONE_PLANE)
    assert len(bold(shown, "refocus_naf")) == 22
    data = made["table2"].data
    average = data[data["sample"] == published.AVERAGE].set_index(["degradation", "method", "z"])
    single = data[data["sample"] != published.AVERAGE]
    own = single[(single["method"] == "linear_per_plane") & (single["z"] == -5.4)]
    assert len(own) == 6
    found = average.loc[("lowres", "linear_per_plane", -5.4)]
    assert found["nuclear_absorbance"] == pytest.approx(own["nuclear_absorbance"].mean())
    assert math.isnan(found["published_psnr"])
    assert average.loc[("highres", "deep_z", 13.5), "published_psnr"] == 38.66


def test_an_exact_plane_is_infinite_and_in_no_mean(made, main):
    shown = block(made["table2"], "highres: PSNR, dB / SSIM")
    rows = texts(shown)
    assert rows["0.0"]["bicubic"] == "∞ / 1.0000"
    others = mean_of(main, "psnr_others", "highres", "bicubic")
    assert rows["mean"]["bicubic"].startswith(f"{others:.2f} / ")
    assert "0.0" not in dict(bold(shown, "bicubic"))
    assert ("0.0", 1) in bold(shown, "mfpinet_hr_input")
    assert any(note.startswith("∞: ") for note in made["table2"].notes)
    coarse = tables.table2(run(("lowres",), FIELDS[:2]), table_settings())
    assert not any(note.startswith("∞: ") for note in coarse.notes)


def test_other_planes_than_the_papers_stand_between_them(main):
    z = [-2.0, 0.0, 2.0]
    three = {key: [1.0, 2.0, 3.0] for key in ("psnr", "ssim", "mse", "mae")}
    results = changed(main, lambda item: item.method not in ONE_PLANE, z=z, **three)
    table = tables.table2(results, table_settings())
    rows = texts(table.blocks[0])
    assert rows["−2.0"]["deep_z PSNR, dB"] == f"1.00 / {DASH}"
    assert rows["−2.7"]["deep_z PSNR, dB"] == f"{DASH} / 36.75"
    assert rows["0.0"]["deep_z PSNR, dB"] == "2.00 / 46.50"
    assert any("a dash stands where it or we have none" in note for note in table.notes)
    assert len(texts(table.blocks[1])) == 4


def test_planes_of_unlike_fields_are_compared_where_both_have_them():
    kept = run(fields=FIELDS[:5], lowres=("bicubic", "mfpinet"), highres=("bicubic", "deep_z"))
    items = [i for i in kept.items if i.degradation == "lowres" or i.sample != FIELDS[0]]
    results = MadeUp(items, scores=kept.content["scores"])
    first = tables.table2(results, table_settings()).blocks[0]
    assert not texts(first)["0.0"]["deep_z PSNR, dB"].startswith(DASH)
    assert bold(first, "deep_z PSNR, dB") == []  # four fields in common
    only = MadeUp(
        [i for i in kept.items if i.degradation == "lowres"], scores=kept.content["scores"]
    )
    rows = texts(tables.table2(only, table_settings()).blocks[0])
    assert rows["0.0"]["deep_z PSNR, dB"] == f"{DASH} / 46.50"
    assert rows["mean"]["deep_z PSNR, dB"] == f"{DASH} / 38.03"


# --- operations and times ---------------------------------------------------------------------


COUNTED = {  # parameters -> GFLOPs at the paper's size, as the tests of evaluation.flops have them
    **{2_504_737: 264.098, 2_393_953: 727.410, 19_406_272: 762.399, 7_898_209: 263.041},
    **{1_401_749: 427.546, 586_506: 186.916},
}


@pytest.fixture(scope="module", autouse=True)
def quickly_counted():
    """Operations by pixels of the input: counting takes seconds, once per process, to load."""

    def counted(network, shape):
        parameters = sum(p.numel() for p in network.parameters())
        whole = COUNTED[parameters]
        fine = parameters in (2_393_953, 19_406_272)
        assert shape[1] == (4 if parameters == 19_406_272 else 3)
        pixels = (2 * 384 if fine else 384) ** 2
        return types.SimpleNamespace(gflops=whole * shape[2] * shape[3] / pixels)

    size.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flops, "counted", counted)
        yield
    size.cache_clear()


def times(side=384, runs=4, **changed_):
    spent = {"deep_z_single_layer": 60.0, "deep_z": 660.0, "mfpinet": 30.0, "srgan_5": 20.0}
    return {
        **{"side": side, "runs": runs, "warm_up": 1, "device": "cpu", "processor": "a processor"},
        **{"threads": 1, "load_before": 0.1, "versions": {"torch": "2.0"}},
        "networks": {
            name: {
                "milliseconds": [value, value, value, 2 * value][:runs],
                "shape": list(NETWORKS[name].shape(side)),
                **{"passes": NETWORKS[name].passes, "network": name, "precision": "float32"},
            }
            for name, value in spent.items()
        },
        **changed_,
    }


def test_operations_and_parameters_are_those_of_the_paper():
    table = tables.table3(MadeUp(times=times()), table_settings("paper"))
    rows = texts(block(table, "Operations and parameters"))
    column = "published GFLOPs / million parameters / milliseconds"
    for label, gflops, parameters, theirs in (
        ("deep_z, one plane", "762.4", "19.41", "762.4 / 19.41 / 61.3"),
        ("deep_z, 11 planes", "8,386.4", "19.41", "8,386.4 / 19.41 / 673.8"),
        ("mfpinet", "264.1", "2.50", "264.2 / 2.50 / 27.8"),
        ("refocus_naf", "263.0", "7.90", ""),
        ("linear_per_plane", "8.8", "0.00746", ""),
    ):
        row = rows[label]
        assert (row["GFLOPs"], row["parameters, million"], row[column]) == (
            *(gflops, parameters),
            theirs,
        )
    assert linear_size().parameters == 11 * 3 * (15 * 15 + 1)
    ratios = texts(block(table, "Deep-Z for 11 planes over MFPINet"))
    assert {words: row["ratio"] for words, row in ratios.items()} == {
        "speed, published": "24.0×",
        "time, published": "24.2×",
        "GFLOPs, published": "31.7×",
        "GFLOPs, counted here": "31.8×",
        "time, measured here, float32": "22.0×",
    }


def test_times_are_medians_with_quartiles():
    table = tables.table3(MadeUp(times=times()), table_settings("paper"))
    shown = block(table, "Time on cpu, threads: 1")
    row = texts(shown)["mfpinet"]
    assert row["milliseconds: median [quartiles]"] == "30.0 [30.0, 37.5]"
    assert row["published milliseconds, mean, RTX 2080 Ti"] == "27.8"
    assert row["GFLOPs a second"] == "8,800"
    assert row["runs"] == "4"
    data = table.data.set_index(["source", "network"])
    assert data.loc[("timed", "deep_z"), "median_ms"] == 660
    assert data.loc[("timed", "deep_z"), "upper_quartile_ms"] == 825
    assert data.loc[("ratio", "time, measured here, float32"), "ratio"] == 22
    assert not any("images of" in note for note in table.notes)


def test_another_size_is_told_with_its_operations():
    table = tables.table3(MadeUp(times=times(side=32)), table_settings())
    assert "images of 32 x 32 pixels (Deep-Z: 64 x 64), not 384 x 384" in table.summary
    shown = block(table, "Time on")
    assert not any(column.startswith("published") for column in shown.header)
    row = texts(shown)["deep_z, 11 planes"]
    assert row["input, pixels"] == "64 x 64"
    assert row["GFLOPs at that size"] == "58.2"
    assert size("deep_z", 32).gflops == pytest.approx(size("deep_z").gflops / 144, rel=1e-6)
    assert any("are for 384 x 384" in note for note in table.notes)


def test_other_precisions_have_rows_and_ratios():
    found = times()
    for name in ("deep_z", "mfpinet"):
        one = found["networks"][name]
        fast = {**one, "milliseconds": [2.0 + 8 * (name == "deep_z")], "precision": "tf32"}
        found["networks"][f"{name}_tf32"] = fast
    found |= {"device": "a GPU", "load_before": 3.0}
    table = tables.table3(MadeUp(times=found), table_settings("paper"))
    shown = block(table, "Time on a GPU")
    assert shown.title == "Time on a GPU"
    assert [row[1][0].text for row in shown.rows].count("tf32") == 2
    ratios = texts(block(table, "Deep-Z for"))
    assert ratios["time, measured here, tf32"]["ratio"] == "5.0×"
    assert any(note.startswith("float32: without TF32") for note in table.notes)
    assert any(note.startswith(f"{MARK} Load average") for note in table.notes)
    assert any("some measurements have fewer" in note for note in table.notes)


def test_without_times_the_papers_stand_alone():
    table = tables.table3(MadeUp(), table_settings())
    assert len(table.blocks) == 2
    assert "No time was measured" in table.summary
    assert set(table.data["source"]) == {"counted", "ratio"}


# --- all methods ------------------------------------------------------------------------------


def test_methods_have_all_planes_the_others_and_the_middle(made, main):
    shown = block(made["methods"], "lowres: all planes / others / 0 µm")
    rows = texts(shown)
    for key, column, digits in (
        ("ssim", "SSIM", 4),
        ("mae", "MAE", 2),
        ("nuclear_absorbance", "nuclear absorbance error", 4),
        ("nuclear_iod", "nuclear IOD error, %", 1),
    ):
        means = [
            mean_of(main, f"{key}{end}", "lowres", "mfpinet") for end in ("", "_others", "_middle")
        ]
        assert rows["mfpinet"][column] == " / ".join(f"{mean:.{digits}f}" for mean in means)
    assert rows["srgan"]["SSIM"].startswith(f"{DASH} / {DASH} / 0.9")
    assert bold(shown, "PSNR, dB") == [("refocus_naf", 0), ("refocus_naf", 1), ("refocus_naf", 2)]
    assert any(note.startswith("Of the 0 µm plane alone") for note in made["methods"].notes)


def test_who_is_given_the_answer_is_not_compared(made):
    shown = block(made["methods"], "highres: all planes")
    row = texts(shown)["bicubic"]
    assert row["PSNR, dB"].startswith("∞ / ")
    assert row["MSE"].endswith(" / 0.00")
    for column in ("PSNR, dB", "SSIM", "MSE", "MAE", "nuclear absorbance error"):
        assert {name for name, _ in bold(shown, column)} == {"mfpinet_hr_input"}
    minus = texts(block(made["methods"], "highres: minus the best mean"))["bicubic"]
    assert minus["PSNR, dB: all planes"] == minus["PSNR, dB: 0 µm"] == ""
    assert minus["PSNR, dB: others"].startswith("−4")


def test_a_lower_error_is_better(made, main):
    rows = texts(block(made["methods"], "lowres: minus the best mean"))
    column = "nuclear absorbance error: all planes"
    assert rows["refocus_naf"][column] == "best mean"
    scores = main.scores()
    own = scores[scores["degradation"] == "lowres"].set_index(["method", "sample"])
    values = own["nuclear_absorbance"]
    found = paired_interval(list(values["bicubic"]), list(values["refocus_naf"]), seed=0)
    assert rows["bicubic"][column] == "{:.4f} [{:.4f}, {:.4f}]".format(*found)
    assert found.low > 0
    data = made["methods"].data
    average = data[(data["sample"] == published.AVERAGE) & data["slide"].isna()]
    average = average.set_index(["degradation", "method"])
    assert average.loc[("lowres", "bicubic"), "nuclear_absorbance_minus_best_low"] == found.low


def test_slides_have_means_of_their_own(made, main):
    shown = block(made["methods"], "lowres, by slide")
    assert shown.header == ("method", "slide 4 (3 fields)", "slide 5 (3 fields)")
    means = [
        mean_of(main, f"psnr{end}", "lowres", "mfpinet", FIELDS[3:])
        for end in ("", "_others", "_middle")
    ]
    expected = " / ".join(f"{mean:.2f}" for mean in means)
    assert texts(shown)["mfpinet"]["slide 5 (3 fields)"] == expected
    (note,) = [n for n in made["methods"].notes if n.startswith("6 fields of 2 slides")]
    assert "not over other slides" in note
    for name in SCORED:
        assert note in made[name].notes
    data = made["methods"].data
    own = data[(data["slide"] == "slide 5") & (data["sample"] == published.AVERAGE)]
    assert set(own["samples"]) == {3}


def test_slides_are_told_by_the_settings_or_the_ids():
    known = by_slide(["cytology_s4_f1", "a", "b", "c"], {"slides": {"a": "mine", "b": "mine"}})
    assert known == {"slide 4": ["cytology_s4_f1"], "mine": ["a", "b"], "c": ["c"]}
    table = tables.methods(run(fields=(FIELDS[0], FIELDS[3])), table_settings())
    assert not any("by slide" in one.title for one in table.blocks)
    assert not any("slides:" in note for note in table.notes)


def test_a_missing_score_takes_its_field_out_of_the_mean(main):
    first = FIELDS[0]
    scores = dict(main.content["scores"])
    item = Restored(first, "lowres", "mfpinet", 0)
    scores[item] = {**scores[item], "psnr": [None] * 11}
    results = MadeUp(main.items, scores=scores)
    rows = texts(tables.methods(results, table_settings()).blocks[0])
    rest = mean_of(main, "psnr", "lowres", "bicubic", FIELDS[1:])
    assert rows["bicubic"]["PSNR, dB"].startswith(f"{rest:.2f}±")
    notes = tables.methods(results, table_settings()).notes
    assert any(f"mfpinet on {first} (lowres)" in note for note in notes)


# --- JPEG -------------------------------------------------------------------------------------


def test_the_study_with_jpeg_has_both_of_the_papers_tables(made):
    table = made["jpeg"]
    assert "The published numbers contain this JPEG" in table.summary
    first = texts(block(table, "As Table I: lowres_jpeg, 0 µm"))
    assert first["mfpinet"]["published SSIM / PSNR, dB / MSE / MAE"].startswith("0.954")
    column = "published, mean of the planes printed: PSNR, dB / SSIM / MSE / MAE"
    rows = texts(block(table, "As Table II, mean over all planes: highres_jpeg"))
    assert rows["deep_z"][column] == "38.03 / 0.946 / 14.90 / 2.18"
    assert rows["mfpinet_hr_input"][column] == ""
    rows = texts(block(table, "As Table II, mean over all planes: lowres_jpeg"))
    assert rows["mfpinet"][column].startswith("38.16 / ")
    assert "srgan" not in rows
    data = table.data
    own = data[(data["sample"] == published.AVERAGE) & (data["method"] == "deep_z")].iloc[0]
    printed = published.values("refocus_table2")
    theirs = printed[printed["method"] == "deep_z"]["psnr_db"].mean()
    assert own["published_psnr"] == pytest.approx(theirs)
    assert math.isnan(own["published_psnr_middle"])


def test_published_rows_without_ours_stand_beneath(study):
    items = [i for i in study.items if i.method not in ("deep_z", "mfpinet", "srgan")]
    table = tables.jpeg(MadeUp(items, scores=study.content["scores"]), table_settings())
    assert [one.tail for one in table.blocks] == [2, 1, 1]
    assert "deep_z (published alone)" in texts(table.blocks[2])


# --- costs ------------------------------------------------------------------------------------


def test_costs_say_what_was_made(main):
    table = tables.cost(main, table_settings())
    assert any(
        "all planes (11) of a field of 192 x 192 pixels (y, x), for lowres from an image of 96 x 96"
        in note
        for note in table.notes
    )
    assert any("deep_z in a pass for each" in note for note in table.notes)
    assert texts(table.blocks[0])["deep_z"]["training, seconds"] == "41.0"
    own = table_settings() | {"sources": dict.fromkeys(FIELDS, "slides")}
    assert any("one's own" in note for note in tables.cost(main, own).notes)


# --- all of them ------------------------------------------------------------------------------


def test_notes_tell_data_training_and_why_numbers_do_not_compare(made):
    for name in SCORED:
        table = made[name]
        assert "not comparable" in table.summary
        assert "preset quick has narrower networks" in table.summary
        assert "fields of 192 x 192 pixels" in table.summary
        assert "our fields are drawn by a model" in table.summary
        text = " ".join(table.notes)
        assert "slide 4: cytology_s4_f1" in text
        assert "192 x 192 pixels (y, x) of 0.243 µm, 11 planes 2.7 µm apart" in text
        assert "z: of a plane's focus over that of the middle plane, in µm" in text
        assert "Learned from slide 1: cytology_s1_f1" in text
        assert "watched cytology_s6_f1" in text
        assert "mfpinet 300 steps, 41.0 s" in text
        assert "range 255" in text
    for name in ("table1", "table2", "jpeg"):
        assert "JPEG" in made[name].caption
    assert any("38.63" in n and "38.64" in n for n in made["table2"].notes)
    paper = tables.table1(run(), table_settings("paper"))
    assert "preset" not in paper.summary


def test_only_methods_of_the_shown_inputs_are_told_of(made):
    (lengths,) = [n for n in made["table1"].notes if n.startswith("Length of a training")]
    assert "deep_z" not in lengths
    (lengths,) = [n for n in made["methods"].notes if n.startswith("Length of a training")]
    assert "deep_z" in lengths


@pytest.mark.parametrize("name", [*SCORED, "table3"])
def test_tables_are_written_and_read_back(name, made):
    table = made.get(name) or tables.table3(MadeUp(times=times()), table_settings())
    assert table.name == name
    assert name in dir(tables)
    assert as_markdown(table).startswith(f"# {table.title}")
    latex = as_latex(table)
    assert latex.count(r"\begin{table}") == len(table.blocks)
    assert latex.replace(r"\'", "").isascii()
    read = pandas.read_csv(io.StringIO(as_csv(table)))
    assert list(read.columns) == list(table.data.columns)
    assert len(read) == len(table.data)
    for one in table.blocks:
        assert all(len(row) == len(one.header) for row in one.rows)


@pytest.mark.parametrize("name", SCORED)
def test_an_empty_run_says_so(name):
    table = getattr(tables, name)(MadeUp(), table_settings())
    assert table.blocks == ()
    assert "run" in table.summary
    assert len(table.data) == 0
    as_latex(table)


@pytest.mark.parametrize("name", SCORED)
def test_fields_of_ones_own_are_not_called_synthetic(name):
    settings = table_settings() | {"sources": dict.fromkeys(FIELDS, "slides")}
    end = "_jpeg" if name == "jpeg" else ""
    table = getattr(tables, name)(run((f"lowres{end}",), FIELDS[:2]), settings)
    assert "drawn" not in table.caption
    assert "synthetic, " not in table.caption
    assert "the fields are others than the paper's" in table.summary


def test_a_run_that_a_time_budget_ended_is_marked(main):
    scores = main.scores()
    scores.loc[scores["method"] == "mfpinet", "repeatable"] = False

    class Cut(MadeUp):
        def scores(self):
            return scores

    table = tables.table1(Cut(main.items, scores=main.content["scores"]), table_settings())
    assert f"mfpinet{MARK}" in texts(table.blocks[0])
    assert any(note.startswith(f"{MARK} not repeatable") for note in table.notes)


def test_every_metric_has_its_digits():
    assert {base(key) for key in METRICS} == set(DIGITS)
    assert set(metrics(next(iter(run(fields=FIELDS[:1]).content["scores"].values())))) == set(
        METRICS
    )
    assert set(GAIN) == {*LOWRES, *HIGHRES}
