"""Tables 2, 3 and S1, from made-up results of known peaks and stops."""

import io
import json

import numpy as np
import pandas
import pytest

from focusbench import paths, running
from focusbench.evaluation import published
from focusbench.evaluation.psnr import psnr
from focusbench.files import write_json
from focusbench.images import Volume
from focusbench.paths import Restored
from focusbench.problem import Run
from focusbench.report.results import Results
from focusbench.report.tables import DASH, as_csv, as_latex, as_markdown
from focusbench.tracks.multifocus import outcomes
from focusbench.tracks.multifocus.clock import holding
from focusbench.tracks.multifocus.noise import printed_sigma
from focusbench.tracks.multifocus.problem import problem
from focusbench.tracks.multifocus.score import score
from focusbench.tracks.multifocus.tables import table2, table3, tableS1
from focusbench.training.progress import Trace
from focusbench.training.state import NoState

TRACK = "multifocus"
PAPER = ("aneurism", "teapot", "engine", "lobster", "heptane")


def texts(block):
    """Rows of a block by their first cell: column -> text."""
    rows = [[" / ".join(part.text for part in cell) for cell in row] for row in block.rows]
    return {row[0]: dict(zip(block.header, row, strict=True)) for row in rows}


def block(table, title):
    return next(b for b in table.blocks if b.title.startswith(title))


def change(results, item, **parts):
    path = results.root / paths.record(TRACK, item)
    write_json(path, json.loads(path.read_text()) | parts)


def records(results):
    return {item: results.record(item) for item in results.items}


def column(table, start):
    return next(name for name in table.blocks[0].header if name.startswith(start))


# --- what a record says --------------------------------------------------------------------------


def test_outcomes_of_a_run_that_is_looked_on_and_of_one_that_is_ended(noisy):
    rows = outcomes.read(noisy, records(noisy))
    rows = rows[(rows["sample"] == "teapot") & (rows["seed"] == 0)]
    own = {method: one.set_index("outcome") for method, one in rows.groupby("method")}
    dip, ended = own["dip"], own["dip_es_emv"]
    assert list(dip.index) == ["final", "early_stopping", "oracle"]
    assert list(dip["step"]) == [600, 251, 201]
    assert list(dip["below_peak"]) == pytest.approx([1.5, 0.2, 0])
    assert list(ended.index) == ["early_stopping", "oracle"]
    assert ended.at["early_stopping", "criterion"] == "es_emv"
    assert ended.at["early_stopping", "step"] == 301
    assert list(own["start"].index) == list(own["iterative"].index) == ["final"]
    score = noisy.scores().set_index(["sample", "method", "seed"])["psnr"]
    assert ended.at["early_stopping", "psnr"] == score[("teapot", "dip_es_emv", 0)]


def test_records_of_real_runs_hold_what_is_read():
    truth = np.ones((11, 16, 16), np.float32)
    truth[4:8, 5:11, 4:12] = 0.8
    settings = {"numerical_aperture": 0.75, "aperture_grid": 3}
    observed = Volume(truth**2, "ZYX", (1.0, 0.92, 0.92))
    asked = problem(observed, "sigma0.05", settings)
    shared = {"steps": 9, "width": 4, "constant_steps": 2, "learning_rate": 0.01}
    measured = {}

    def measure(estimate):
        volume = Volume(estimate, "ZYX", observed.voxel_size)
        return score(Volume(truth, "ZYX", observed.voxel_size), volume, observed, "clean", settings)

    for method in ("dip", "dip_es_wmv"):
        monitor = Trace(9, lambda x: psnr(truth, x, 1.0), 1, method, quiet=True, measure=measure)
        run = Run(0, "cpu", 1, None, NoState(), monitor)
        parameters = {**shared, "window": 3, "patience": 2}
        restoration, record = running.restore(method, parameters, asked, run)
        measured[Restored("a", "sigma0.05", method, 0)] = record, measure(restoration.estimate)
    dip, stopped = measured
    records = {item: record for item, (record, _) in measured.items()}
    assert records[dip]["details"]["early_stopping"]["ends"] is False
    assert records[stopped]["details"]["early_stopping"]["ends"] is True
    assert outcomes.ended_by(records[dip]) is None
    assert outcomes.ended_by(records[stopped]) == "es_wmv"
    assert outcomes.reference(records, stopped) == dip
    # one run by two names: the iterate that one is ended with is what the other would have kept
    assert records[dip]["others"]["es_wmv"] == measured[stopped][1]
    assert records[dip]["oracle"].keys() == {"step", *measured[dip][1]}
    assert records[dip]["oracle"]["psnr"] >= records[stopped]["oracle"]["psnr"]


def test_a_run_without_a_variance_or_a_truth_is_not_taken_for_an_ended_one():
    watched = {"early_stopping": {"criterion": "es_wmv", "step": 20}}
    ended = {"details": watched, "others": {}, "oracle": {"psnr": 30.0, "step": 7}}
    assert outcomes.ended_by(ended) == "es_wmv"
    assert outcomes.ended_by({**ended, "others": {"es_wmv": {"psnr": 29.0}}}) is None
    assert outcomes.ended_by({**ended, "oracle": None}) is None
    none_yet = {"early_stopping": {"criterion": "es_wmv", "step": None}}
    assert outcomes.ended_by({**ended, "details": none_yet}) is None
    assert outcomes.ended_by({}) is None


def test_a_record_says_itself_whether_the_rule_ended_the_run():
    """Without a truth there is no oracle, and nothing is among the others."""
    for ends, oracle in (
        (True, None),
        (False, None),
        (True, {"psnr": 1.0}),
        (False, {"psnr": 1.0}),
    ):
        seen = {"criterion": "es_wmv", "step": 20, "ends": ends}
        record = {"details": {"early_stopping": seen}, "others": {}, "oracle": oracle}
        assert outcomes.ended_by(record) == ("es_wmv" if ends else None)
    none_yet = {"criterion": "es_wmv", "step": None, "ends": True}
    assert outcomes.ended_by({"details": {"early_stopping": none_yet}}) is None


def untrue(results, ends):
    """Take the truth from a study: no PSNR, no oracle, no others; `ends`: (record) -> key."""
    for item in results.items:
        path = results.root / paths.score(TRACK, item)
        metrics = json.loads(path.read_text())["metrics"]
        gone = {key: None for key in metrics if key.startswith(("psnr", "ssim"))}
        write_json(path, json.loads(path.read_text()) | {"metrics": metrics | gone})
        seen = outcomes.watched(results.record(item))
        details = {"early_stopping": {**seen, "ends": ends(item)}} if seen else {}
        change(results, item, oracle=None, others={}, details=details)


def test_without_a_truth_the_kept_step_is_still_known(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot",))
    untrue(results, lambda item: item.method.startswith("dip_es"))
    rows = outcomes.read(results, records(results)).set_index(["method", "outcome"])
    assert set(rows.loc[("dip_es_wmv", "early_stopping"), "step"]) == {251}
    assert ("dip_es_wmv", "final") not in rows.index
    assert set(rows.loc[("dip", "final"), "step"]) == {600}
    table = table3(results, settings)
    shown = texts(block(table, "sigma0.01: dip_es_wmv"))["teapot"]
    assert shown["step kept"] == "251"
    assert shown["iterations"] == "351"
    assert shown["PSNR, dB"] == DASH  # two seeds without a PSNR have no spread
    assert "±" not in "".join(
        text for b in table.blocks for row in texts(b).values() for text in row.values()
    )
    assert table2(results, settings).blocks == ()


def test_iterates_are_shared_only_where_what_decides_them_is_equal():
    first = {"parameters": {"width": 16, "window": 20, "patience": 100, "steps": 600}}
    assert outcomes.same_iterates(first, {"parameters": {"width": 16, "alpha": 0.1}})
    assert not outcomes.same_iterates(first, {"parameters": {"width": 32}})
    assert not outcomes.same_iterates(first, {"parameters": {"width": 16, "scales": 3}})


@pytest.mark.parametrize(
    ("degradation", "sigma"),
    [
        ("sigma0.01", 0.01),
        ("sigma0.010", 0.01),
        ("clean", None),
        ("float_sigma0.01", None),
        ("offmodel_sigma0.01", None),
        ("na0.70_sigma0.01", None),
        ("sigma0.01_heldout", None),
        ("recorded", None),
    ],
)
def test_only_plain_noise_is_that_of_the_paper(degradation, sigma):
    assert printed_sigma(degradation) == sigma


# --- table 2 -------------------------------------------------------------------------------------


def test_table2_has_a_column_for_each_outcome(noisy, settings):
    table = table2(noisy, settings)
    shown = texts(block(table, "sigma0.01: PSNR in dB"))
    final, early = column(table, "final"), column(table, "early stopping")
    oracle = column(table, "oracle")
    assert "chosen with the truth" in oracle
    scores = noisy.scores()
    mean = scores[scores["method"] == "lbfgs"]
    assert shown["lbfgs"][final] == f"{mean['psnr'].mean():.2f} / {mean['ssim_paper'].mean():.4f}"
    assert shown["lbfgs"][early] == shown["lbfgs"][oracle] == DASH
    assert shown["dip_es_wmv"][final] == shown["dip_es_emv"][final] == DASH
    assert shown["dip_es_wmv"][early] == shown["dip"][early].removesuffix("†")
    # four runs lose 1.5 dB after their peak, one 0.1 dB; the rule keeps what is 0.2 dB below it
    means = {name: float(shown["dip"][name].split("±")[0]) for name in (final, early, oracle)}
    assert means[oracle] - means[final] == pytest.approx((4 * 1.5 + 0.1) / 5, abs=0.011)
    assert means[oracle] - means[early] == pytest.approx(0.2, abs=0.011)
    assert {"transparent", "start"} <= set(shown)


def test_table2_shows_the_spread_of_seeds(noisy, settings):
    shown = texts(table2(noisy, settings).blocks[0])
    final = next(name for name in shown["dip"] if name.startswith("final"))
    assert "±0.07" in shown["dip"][final]  # seeds are 0.1 dB apart
    assert "±" not in shown["lbfgs"][final]


def test_table2_puts_the_published_values_beside_the_column_they_belong_to(noisy, settings):
    table = table2(noisy, settings)
    header = table.blocks[0].header
    assert header[0] == "method"
    assert [h.split(" (")[0].split(":")[0] for h in header[1:]] == [
        "final",
        "final, published",
        "early stopping",
        "oracle",
        "oracle, published",
    ]
    rows = {
        row[0][0].text: [" / ".join(part.text for part in cell) for cell in row]
        for row in table.blocks[0].rows
    }
    assert rows["iterative"][2] == "35.44 / 0.9671"
    assert rows["iterative"][5] == DASH
    assert rows["dip"][2] == DASH
    assert rows["dip"][5] == "39.65 / 0.9818"
    assert rows["dip_es_wmv"][2] == rows["dip_es_wmv"][5] == DASH
    data = table.data
    mean = data[(data["sample"] == "average") & (data["method"] == "dip")]
    mean = mean.set_index("outcome")["published_psnr"]
    assert mean["oracle"] == 39.65
    assert mean[["final", "early_stopping"]].isna().all()


def test_the_reason_why_the_papers_rows_are_the_oracle():
    table = published.values("multifocus_table3")
    alone = table[table["sample"] != "average"]
    best = (100 * alone["psnr_db"] / alone["psnr_ratio_percent"]).mean()
    assert best == pytest.approx(39.647, abs=5e-4)


def test_table2_says_so_and_that_other_samples_are_not_the_papers(noisy, settings):
    table = table2(noisy, settings)
    assert "39.647 dB, and Table 2 prints 39.65 dB" in table.caption
    assert "the paper's samples are not ours" in table.summary
    assert "13" in table.summary
    assert "preset quick" in table.summary
    assert "range 2" in table.caption  # of the paper's SSIM
    assert "Each such run was ended by its rule." in table.caption
    assert "Other runs with a value there did all steps" in table.caption
    assert "nobody has" in table.caption


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_table2_says_which_runs_their_rule_did_not_end(make_noise, settings, tmp_path, seeds):
    results = make_noise(tmp_path, samples=("teapot",), methods=("start", "dip_es_wmv"))
    for seed in seeds:
        item = Restored("teapot", "sigma0.01", "dip_es_wmv", seed)
        seen = results.record(item)["details"]["early_stopping"]
        change(results, item, details={"early_stopping": {**seen, "stopped_at": None}})
    caption = table2(results, settings).caption
    assert "there is no final" in caption
    assert "Other runs with a value there" not in caption
    if len(seeds) == 2:
        assert "ended by its rule" not in caption
        assert "Of all such runs the planned steps were done before the patience" in caption
    else:
        assert "planned steps were done before the patience ended: dip_es_wmv at" in caption
        assert "but for those" in caption


def test_table2_names_the_method_that_turns_a_column_into_dashes(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot",), methods=("start", "iterative", "lbfgs"))
    assert "No score:" not in table2(results, settings).caption
    item = Restored("teapot", "sigma0.01", "iterative", 0)
    path = tmp_path / paths.score(TRACK, item)
    content = json.loads(path.read_text())
    write_json(path, content | {"metrics": content["metrics"] | {"psnr": None}})
    table = table2(results, settings)
    assert texts(table.blocks[0])["lbfgs"]["final (mean of 0)"].startswith(DASH)
    note = next(note for note in table.notes if note.startswith("No score:"))
    assert "iterative on teapot (sigma0.01, final)" in note
    assert "lbfgs" not in note


def test_table2_counts_only_runs_that_lose_something_after_their_peak(noisy, settings):
    note = next(n for n in table2(noisy, settings).notes if n.startswith("Only a run"))
    assert "Of 10 that early stopping looked on at" in note  # five samples, two seeds
    assert "8 end at least 0.5 dB below the oracle" in note
    assert "teapot (seeds 0, 1)" in note
    assert "engine" not in note
    assert "ES-WMV 0.20 dB" in note
    assert "ES-EMV 0.50 dB" in note
    assert "no stopping 1.50 dB" in note


def test_table2_compares_rules_on_the_same_runs(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot",))
    # seed 1 of the stopped run has another network: it says nothing of dip's iterates
    change(results, Restored("teapot", "sigma0.01", "dip_es_emv", 1), parameters={"width": 8})
    note = next(n for n in table2(results, settings).notes if n.startswith("Only a run"))
    assert "ES-EMV 0.50 dB (1 run alone; there ES-WMV 0.20 dB, no stopping 1.50 dB)" in note


def test_table2_without_a_falling_run_judges_nothing(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot",), overfits=lambda sample: False)
    note = next(n for n in table2(results, settings).notes if n.startswith("Only a run"))
    assert "nothing is judged" in note


def test_table2_bold_and_intervals_take_five_samples(make_noise, noisy, settings, tmp_path):
    table = table2(noisy, settings)
    found = texts(block(table, "sigma0.01: PSNR minus"))
    early = next(name for name in found["dip"] if name.startswith("early"))
    assert found["dip"][early] == found["dip_es_wmv"][early] == "best mean"
    assert found["dip_es_emv"][early].startswith("−0.30 [")
    # one run by two names: both are bold, as every other method is clearly behind
    place = table.blocks[0].header.index(column(table, "early"))
    bold = {row[0][0].text: row[place][0].bold for row in table.blocks[0].rows}
    assert {method for method, is_bold in bold.items() if is_bold} == {"dip", "dip_es_wmv"}
    few = table2(make_noise(tmp_path, samples=PAPER[:4]), settings)
    assert "**" not in as_markdown(few)
    assert len(few.blocks) == 1
    assert few.data["psnr_minus_best"].isna().all()
    assert "Too few samples" in few.summary


def test_table2_averages_over_samples_that_all_methods_of_a_column_have(
    make_noise, settings, tmp_path
):
    results = make_noise(tmp_path)
    for seed in (0, 1):  # no variance yet when the steps were done
        item = Restored("engine", "sigma0.01", "dip", seed)
        seen = results.record(item)["details"]["early_stopping"]
        change(results, item, others={}, details={"early_stopping": {**seen, "step": None}})
    table = table2(results, settings)
    assert "(mean of 5)" in column(table, "final")
    assert "(mean of 4)" in column(table, "early stopping")
    assert "(mean of 5)" in column(table, "oracle")


def test_table2_has_every_restoration_and_reads_back(noisy, settings):
    table = table2(noisy, settings)
    data = pandas.read_csv(io.StringIO(as_csv(table)), dtype={"observed_sha256": str})
    assert list(data["psnr"]) == list(table.data["psnr"])
    alone = data[data["sample"] != "average"]
    ids = alone[["sample", "degradation", "method", "seed"]].drop_duplicates()
    assert sorted(map(tuple, ids.astype({"seed": int}).to_numpy())) == sorted(
        map(tuple, noisy.items)
    )
    assert (alone["observed_sha256"] == "0" * 64).all()


@pytest.mark.parametrize("make", [table2, table3, tableS1])
def test_tables_of_an_empty_selection_say_so(make, settings, tmp_path):
    table = make(Results(TRACK, [], tmp_path), settings)
    assert table.blocks == ()
    assert "No restoration was selected" in table.caption
    for writer in (as_csv, as_markdown, as_latex):
        assert writer(table)


@pytest.mark.parametrize("make", [table2, table3, tableS1])
def test_tables_repeat_their_bytes_and_latex_is_plain(make, noisy, settings):
    for writer in (as_csv, as_markdown, as_latex):
        assert writer(make(noisy, settings)) == writer(make(noisy, settings))
    text = as_latex(make(noisy, settings))
    assert text.isascii()
    assert "nan" not in text
    assert "nan" not in as_markdown(make(noisy, settings))


def test_table2_without_the_deep_prior(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, methods=("transparent", "start", "lbfgs"))
    table = table2(results, settings)
    assert table.blocks[0].header == ("method", "final (mean of 5)")
    assert "no method that was run has it" in table.caption
    assert "printed no value" in table.summary


# --- table 3 -------------------------------------------------------------------------------------


def test_table3_ratio_is_to_the_best_of_the_run_that_was_not_stopped(noisy, settings):
    data = table3(noisy, settings).data
    own = data[(data["method"] == "dip_es_emv") & (data["sample"] == "teapot")]
    for row in own.itertuples():
        dip = noisy.record(Restored("teapot", "sigma0.01", "dip", row.seed))["oracle"]["psnr"]
        assert row.peak_psnr == dip
        assert row.peak_method == "dip"
        assert row.ratio_percent == pytest.approx(100 * (dip - 0.5) / dip)
        assert row.psnr == pytest.approx(dip - 0.5)


@pytest.mark.parametrize("shorter", [True, False])
def test_table3_ratio_without_such_a_run_is_to_its_own_best(
    make_noise, settings, tmp_path, shorter
):
    methods = ("start", "dip", "dip_es_wmv") if shorter else ("start", "dip_es_wmv")
    results = make_noise(tmp_path, samples=("teapot",), methods=methods)
    for item in results.items:
        if item.method == "dip":
            change(results, item, iterations=300)  # less than the stopped run's 351
    table = table3(results, settings)
    own = table.data[(table.data["method"] == "dip_es_wmv") & (table.data["sample"] == "teapot")]
    assert set(own["peak_method"]) == {"dip_es_wmv"}
    assert "the run's own trace, until it ended" in table.caption
    assert "with the same sample and seed" not in table.caption


def test_table3_minutes_are_steps_times_the_serial_timing(noisy, settings):
    table = table3(noisy, settings)
    shown = texts(block(table, "sigma0.01: dip_es_wmv"))
    # 351 steps of 0.5 s and 40 s before them; those of the parallel run (12 s) enter nowhere
    assert shown["teapot"]["minutes"] == "3.59"
    assert shown["teapot"]["iterations"] == "351"
    assert shown["teapot"]["step kept"] == "251"
    assert "cpu, 2 threads" in table.caption


def test_table3_has_no_minutes_from_volumes_of_another_size(make_noise, settings, tmp_path):
    large = make_noise(tmp_path, samples=("teapot", "teapot.size50"))
    items = [item for item in large.items if item.sample == "teapot.size50"]
    timed = [item for item in large.items if item.sample == "teapot" and item.seed == 0]
    table = table3(Results(TRACK, items, tmp_path, timed=timed), settings)
    assert texts(table.blocks[0])["teapot"]["minutes"] == DASH
    assert "no serial timing run" in table.caption
    assert "a method is timed once, on the first sample that it meets" in table.caption
    timed += [i for i in items if i.method == "dip_es_wmv" and i.seed == 0]
    table = table3(Results(TRACK, items, tmp_path, timed=timed), settings)
    assert texts(table.blocks[0])["teapot"]["minutes"] == "3.59"
    note = next(note for note in table.notes if note.startswith("Minutes"))
    dashes = note.partition(" A dash for ")[2].partition(":")[0].split(", ")
    assert "dip" in dashes
    assert "dip_es_wmv" not in dashes
    assert "a method is timed once, on the first sample that it meets" in note


def test_table3_takes_no_minutes_of_another_recording(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("one", "two", "cell"))
    for item in results.items:
        if item.sample == "two":
            path = tmp_path / paths.timing(TRACK, item)
            write_json(path, json.loads(path.read_text()) | {"seconds_per_step": 5.0})
    for timed, shown in (
        ("one", {"one": "3.59", "two": DASH, "cell": DASH}),
        ("cell", {"one": DASH, "two": DASH, "cell": "3.59"}),
    ):
        results.timed = [i for i in results.items if i.sample == timed and i.seed == 0]
        settings["sources"] = {"one": "stack", "two": "stack", "cell": "scivis"}
        table = table3(results, settings)
        rows = texts(block(table, "sigma0.01: dip_es_wmv"))
        assert {sample: rows[sample]["minutes"] for sample in shown} == shown
        assert "or for that recording alone" in table.caption


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (("b", "clean"), [("a", "clean"), ("a", "na0.70")]),  # as large
        (("a", "na0.70"), [("a", "na0.70")]),  # the same observation
        (("b.size20", "clean"), []),
        (("c.size20", "clean"), []),  # dip was timed at that size, lbfgs was not
        (("mine", "recorded_heldout"), [("mine", "recorded")]),
        (("other", "recorded"), []),
    ],
)
def test_which_timing_runs_hold(item, found):
    rows = [("a", "clean", "lbfgs"), ("a", "na0.70", "lbfgs"), ("mine", "recorded", "lbfgs")]
    rows += [("c.size20", "clean", "dip")]
    timings = pandas.DataFrame(rows, columns=["sample", "degradation", "method"])
    sources = {"mine": "stack", "other": "stack", "a": "scivis", "b": "phantoms"}
    own = holding(timings, Restored(*item, "lbfgs", 0), sources)
    assert list(zip(own["sample"], own["degradation"], strict=True)) == found
    assert set(own["method"]) <= {"lbfgs"}


def test_table3_has_the_papers_values_beside_its_own_samples_and_noise(
    make_noise, settings, tmp_path
):
    results = make_noise(
        tmp_path, samples=("teapot.size24", "cell.size24"), degradations=("sigma0.01", "sigma0.05")
    )
    table = table3(results, settings)
    shown = texts(block(table, "sigma0.01: dip_es_wmv"))
    theirs = [f"{name}, published" for name in ("PSNR", "SSIM paper", "ratio to best")]
    theirs += ["minutes, published", "iterations, published"]
    assert [shown["teapot"][key] for key in theirs] == ["41.70", "0.9921", "99.98", "42", "6,279"]
    assert [shown["cell"][key] for key in theirs] == [DASH] * 5
    assert [shown["mean of 2"][key] for key in theirs] == [DASH] * 5
    whole = shown["the paper's mean of 13"]
    assert [whole[key] for key in theirs] == ["39.23", "0.9798", "98.94", "27", "3,963"]
    assert "the paper's samples are not ours (cell)" in table.summary
    for title in ("sigma0.01: dip_es_emv", "sigma0.05: dip_es_wmv"):
        assert not any("published" in name for name in block(table, title).header)


def test_table3_means_are_over_samples_and_so_are_the_printed_ones(noisy, settings):
    table = table3(noisy, settings)
    shown = texts(block(table, "sigma0.01: dip_es_wmv"))["mean of 5"]
    data = table.data
    own = data[(data["method"] == "dip_es_wmv") & (data["sample"] != "average")]
    assert shown["PSNR, dB"] == f"{own.groupby('sample')['psnr'].mean().mean():.2f}"
    printed = (44.38 + 41.70 + 36.84 + 35.28 + 47.45) / 5
    assert shown["PSNR, published"] == f"{printed:.2f}"


def test_table3_has_trivial_rows_and_the_run_that_is_not_stopped(noisy, settings):
    for shown in map(texts, table3(noisy, settings).blocks):
        for method in ("transparent", "start", "dip"):
            assert shown[f"{method}, mean of 5"]["ratio to best, %"] != DASH
        assert shown["start, mean of 5"]["step kept"] == DASH
        assert shown["dip, mean of 5"]["iterations"] == "600"


def test_table3_names_runs_that_their_patience_did_not_end(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot",))
    item = Restored("teapot", "sigma0.01", "dip_es_wmv", 0)
    seen = results.record(item)["details"]["early_stopping"]
    change(results, item, details={"early_stopping": {**seen, "stopped_at": None}})
    caption = table3(results, settings).caption
    assert "before the patience ended: dip_es_wmv on teapot at sigma0.01" in caption


def test_table3_of_a_run_that_kept_nothing_shows_its_last_iterate(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot",))
    for seed in (0, 1):
        item = Restored("teapot", "sigma0.01", "dip_es_wmv", seed)
        seen = results.record(item)["details"]["early_stopping"]
        nothing = {**seen, "step": None, "stopped_at": None}
        change(results, item, details={"early_stopping": nothing})
    shown = texts(block(table3(results, settings), "sigma0.01: dip_es_wmv"))
    assert shown["teapot"]["step kept"] == "351"  # the last


def test_table3_without_a_stopped_method_says_what_is_missing(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, methods=("transparent", "start", "dip"))
    table = table3(results, settings)
    assert table.blocks == ()
    assert "takes dip_es_wmv or dip_es_emv" in table.summary
    assert table.data.empty


def test_table3_takes_a_variant_of_ones_own(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot",))
    items = []
    for item in results.items:
        if item.method == "dip_es_wmv":
            mine = item._replace(method="patient")
            for path in (paths.record, paths.score, paths.trace, paths.timing):
                (tmp_path / path(TRACK, mine)).write_text(
                    (tmp_path / path(TRACK, item)).read_text()
                )
            items.append(mine)
    table = table3(Results(TRACK, [*results.items, *items], tmp_path), settings)
    titles = [b.title for b in table.blocks]
    assert titles == ["sigma0.01: dip_es_wmv", "sigma0.01: dip_es_emv", "sigma0.01: patient"]


# --- table S1 ------------------------------------------------------------------------------------


def test_table_s1_is_table_1_of_small_volumes(make_run, settings, tmp_path):
    samples = tuple(f"{sample}.size20" for sample in PAPER)
    settings["track"]["size"] = 20
    settings["sources"] = dict.fromkeys(samples, "scivis")
    results = make_run(tmp_path, samples=samples, degradations=("clean",), size=20)
    table = tableS1(results, settings)
    assert table.name == "tableS1"
    assert "20 x 20 x 11" in table.title
    shown = block(table, "clean: PSNR")
    assert [row[0][0].text for row in shown.rows[:5]] == list(PAPER)
    assert [row[0][0].text for row in block(table, "clean: reduced chi-square").rows] == list(PAPER)
    assert not any("published" in name for b in table.blocks for name in b.header)
    assert "supplement" in table.summary
    assert "20 x 20 x 11, not 50 x 50 x 11" in table.summary
    assert "preset quick" in table.summary
    assert "size20" not in as_markdown(table)
    assert set(table.data["sample"]) == {*samples, "average"}  # as the files are named
    assert "the paper's samples are not ours" not in table.summary


def test_table_s1_at_the_papers_size_has_nothing_to_excuse(make_run, settings, tmp_path):
    settings["track"]["size"] = 50
    results = make_run(tmp_path, samples=("engine.size50",), degradations=("clean",), size=24)
    faithful = {**settings, "preset": "paper", "differs": {}}
    assert "comparable" not in tableS1(results, faithful).summary
    results = make_run(tmp_path, samples=("cell.size50",), degradations=("clean",), size=24)
    assert "the paper's samples are not ours (cell)" in tableS1(results, faithful).summary
