"""Table 1 and the table of costs, from made-up results."""

import io
import json
import math

import pandas
import pytest

from focusbench import paths
from focusbench.evaluation import published
from focusbench.files import write_json
from focusbench.report.results import Results
from focusbench.report.tables import DASH, as_csv, as_latex, as_markdown
from focusbench.tracks.multifocus.metrics import METRICS
from focusbench.tracks.multifocus.tables import cost, table1

TRACK = "multifocus"


def texts(block):
    """Rows of a block as plain text."""
    return [[" / ".join(part.text for part in cell) for cell in row] for row in block.rows]


def block(table, title):
    return next(b for b in table.blocks if b.title.startswith(title))


def test_data_have_every_restoration_and_the_averages(finished, settings):
    data = table1(finished, settings).data
    alone = data[data["sample"] != published.AVERAGE]
    ids = alone[["sample", "degradation", "method", "seed"]].itertuples(index=False)
    assert sorted(map(tuple, ids)) == sorted(map(tuple, finished.items))
    scores = finished.scores()
    metrics = [metric for metric in METRICS if metric in scores]
    assert len(metrics) == 9
    for metric in metrics:
        assert sorted(alone[metric]) == sorted(scores[metric])
    averages = data[data["sample"] == published.AVERAGE]
    assert len(averages) == 2 * len(finished.methods)
    assert set(averages["samples"]) == {5}
    clean = scores[scores["degradation"] == "clean"]
    for row in averages[averages["degradation"] == "clean"].itertuples():
        own = clean[clean["method"] == row.method]
        assert row.psnr == pytest.approx(own["psnr"].mean())


def test_csv_reads_back(finished, settings):
    table = table1(finished, settings)
    back = pandas.read_csv(io.StringIO(as_csv(table)))
    assert list(back["psnr"]) == list(table.data["psnr"])


def test_blocks_have_clean_first_and_trivial_methods(make_run, settings, tmp_path):
    results = make_run(tmp_path, degradations=("sigma0.01", "clean"), samples=("engine",))
    table = table1(results, settings)
    assert [b.title.split(":")[0] for b in table.blocks] == ["clean"] * 3 + ["sigma0.01"] * 3
    assert table.blocks[0].header[1:3] == ("transparent", "start")
    assert table.blocks[0].header[-3:] == (
        "iterative, published",
        "dip, published",
        "dip_pretrain_2, published",
    )
    assert not any("published" in name for name in table.blocks[3].header)


def test_published_values_stand_beside_and_enter_no_mean(finished, settings):
    table = table1(finished, settings)
    psnr = texts(block(table, "clean: PSNR"))
    assert [row[-3] for row in psnr[:5]] == ["37.80", "44.20", "38.36", "39.25", "49.31"]
    assert psnr[5][0] == "mean of 5"
    # the mean over our five samples, not the printed one over thirteen (41.73)
    assert psnr[5][-3] == f"{(37.80 + 44.20 + 38.36 + 39.25 + 49.31) / 5:.2f}"
    ssim = texts(block(table, "clean: SSIM"))
    assert ssim[0][-3] == "0.9863"
    noisy = table.data[table.data["degradation"] == "sigma0.01"]
    assert noisy["published_psnr"].isna().all()


def test_cells_show_both_ranges_seeds_and_what_is_not_repeatable(finished, settings):
    table = table1(finished, settings)
    scores = finished.scores().set_index(["sample", "degradation", "method", "seed"])
    row = texts(block(table, "clean: PSNR"))[2]
    lbfgs = scores.loc[("engine", "clean", "lbfgs", 0)]
    assert row[4] == f"{lbfgs['psnr']:.2f} / {lbfgs['psnr'] - 10.4576:.2f}"
    both = [scores.at[("engine", "clean", "dip", seed), "psnr"] for seed in (0, 1)]
    spread = abs(both[0] - both[1]) / math.sqrt(2)
    assert row[5].startswith(f"{sum(both) / 2:.2f}±{spread:.2f} / ")
    assert row[5].endswith("†")
    assert "†" not in row[4]
    assert any(note.startswith("† not repeatable") for note in table.notes)


def test_bold_needs_a_certain_lead(finished, settings):
    table = table1(finished, settings)
    for title in ("clean: PSNR", "sigma0.01: PSNR"):
        mean = block(table, title).rows[5]
        assert [all(part.bold for part in cell) for cell in mean[1:7]] == [
            method == "lbfgs" for method in finished.methods
        ]
    assert "**" in as_markdown(table)
    assert not any(
        part.bold for b in table.blocks for row in b.rows[:5] for cell in row for part in cell
    )


def test_no_bold_when_the_order_changes_from_sample_to_sample(make_run, settings, tmp_path):
    results = make_run(tmp_path, degradations=("clean",))
    for item in results.items:  # now lbfgs is far behind on one volume
        if item.method == "lbfgs" and item.sample == "engine":
            metrics = {"psnr": 12.0, "psnr_range0.3": 2.0, "ssim_paper": 0.2, "ssim_wang_3d": 0.1}
            write_json(tmp_path / paths.score(TRACK, item), {"metrics": metrics})
    table = table1(results, settings)
    assert "**" not in as_markdown(table)


def test_four_samples_are_too_few_for_bold_and_intervals(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("aneurism", "teapot", "engine", "lobster"))
    table = table1(results, settings)
    assert "**" not in as_markdown(table)
    assert texts(block(table, "clean: PSNR"))[-1][0] == "mean of 4"
    assert table.data["psnr_minus_best"].isna().all()
    assert any("fewer than 5 samples" in note for note in table.notes)


def test_intervals_to_the_best(finished, settings):
    table = table1(finished, settings)
    row = texts(block(table, "clean: PSNR"))[6]
    assert row[4] == "best mean"
    data = table.data[(table.data["sample"] == "average") & (table.data["method"] == "dip")]
    first = data.iloc[0]
    low, high = first["psnr_minus_best_low"], first["psnr_minus_best_high"]
    assert low <= first["psnr_minus_best"] <= high < 0
    assert row[5] == f"{first['psnr_minus_best']:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")


def test_caption_of_a_quick_table(finished, settings):
    caption = table1(finished, settings).caption
    for said in (
        "preset quick",
        "source scivis",
        "not comparable: preset quick",
        "24 x 24 x 11, not 128 x 128 x 11",
        "seeds of the stochastic methods: 0, 1",
        "sigma0.01 (Gaussian noise of standard deviation 0.01, 8 bits)",
        "tracks.multifocus.size = 24",
        "lbfgs 120 steps (129 evaluations of the imaging model)",
        "transparent no steps",
        "10.46 dB lower",
        "range 2",
    ):
        assert said in caption


def test_caption_of_a_table_at_the_papers_settings(finished, settings):
    settings["track"] |= {"size": 128, "slices": 11}
    faithful = {**settings, "preset": "paper", "differs": {}}
    summary = table1(finished, faithful).summary
    assert "not comparable" not in summary
    assert "which part of a volume" in summary
    changed = {**faithful, "differs": {"methods.multifocus.dip.steps": 10}}
    assert "keys differ from the preset paper" in table1(finished, changed).summary


def test_volumes_that_the_paper_does_not_have(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("cell", "engine"), degradations=("clean",))
    table = table1(results, settings)
    assert "cell: not among the paper's volumes" in table.summary
    psnr = texts(block(table, "clean: PSNR"))
    assert psnr[0][-1] == DASH
    assert psnr[1][-1] == "45.95"
    assert psnr[2][-1] == DASH  # a mean over one of two samples is none
    only = make_run(tmp_path / "only", samples=("cell",), degradations=("clean",))
    table = table1(only, settings)
    assert "printed no value" in table.summary
    assert "not comparable" in table.summary
    assert not any("published" in name for b in table.blocks for name in b.header)


def test_published_values_are_found_by_the_id_without_a_size(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("engine.size24",), degradations=("clean",))
    table = table1(results, settings)
    row = texts(block(table, "clean: PSNR"))[0]
    assert (row[0], row[-1]) == ("engine", "45.95")
    assert "not among the paper's volumes" not in table.summary
    assert "size24" not in as_markdown(table)


def test_a_stack_without_truth_shows_its_consistency_alone(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=("mine",), degradations=("recorded",), truth_of=lambda sample: False
    )
    table = table1(results, settings)
    assert [b.title.split(":")[0] for b in table.blocks] == ["recorded"]
    assert "consist" in table.caption or "chi-square" in table.caption
    assert "without truth" in table.caption
    assert "nan" not in as_markdown(table)


def test_volumes_too_small_for_a_three_dimensional_window_show_a_dash(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("engine",), degradations=("clean",), slices=5)
    table = table1(results, settings)
    assert all(text.endswith(f"/ {DASH}") for text in texts(block(table, "clean: SSIM"))[0][1:5])


def test_an_exact_estimate_breaks_nothing(make_run, settings, tmp_path):
    results = make_run(tmp_path, degradations=("clean",))
    for item in results.items:
        if item.method == "start":
            metrics = {"psnr": "inf", "psnr_range0.3": "inf", "ssim_paper": 1.0}
            write_json(tmp_path / paths.score(TRACK, item), {"metrics": metrics})
    table = table1(results, settings)
    assert texts(block(table, "clean: PSNR"))[0][2] == "∞ / ∞"


def test_tables_repeat_their_bytes(finished, settings):
    for make in (table1, cost):
        first, second = make(finished, settings), make(finished, settings)
        for writer in (as_csv, as_markdown, as_latex):
            assert writer(first) == writer(second)


def test_latex_is_plain(finished, settings):
    for make in (table1, cost):
        text = as_latex(make(finished, settings))
        assert text.isascii()
        assert "nan" not in text


def test_cost_has_every_method_with_device_and_training(finished, settings):
    table = cost(finished, settings)
    rows = {
        row[0]: dict(zip(table.blocks[0].header, row, strict=True))
        for row in texts(table.blocks[0])
    }
    assert list(rows) == finished.methods
    assert rows["lbfgs"]["steps"] == "120"
    assert rows["lbfgs"]["evaluations"] == "129"
    assert rows["lbfgs"]["seconds per step"] == "0.110"
    assert rows["lbfgs"]["seconds"] == "13.2"
    assert rows["lbfgs"]["CPU-seconds"] == "25.1"
    assert rows["lbfgs"]["training, seconds"] == DASH
    assert rows["dip_pretrain_2"]["training, seconds"] == "41.5"
    assert rows["dip"]["device"] == "cpu"
    assert rows["dip"]["threads"] == "2"
    assert rows["dip"]["peak memory, MiB"] == "400"
    assert rows["start"]["seconds per step"] == DASH
    assert "†" not in as_markdown(table)
    assert len(table.data) == len(finished.timed)


def test_cost_notes_a_busy_machine(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("engine",), degradations=("clean",))
    content = results.timings().iloc[0].to_dict()
    busy = {"steps": 0, "seconds": 0.1, "device": "cpu", "threads": 2, "load_before": 3.4}
    assert content["load_before"] < 1
    write_json(tmp_path / paths.timing(TRACK, results.timed[0]), busy)
    table = cost(results, settings)
    assert texts(table.blocks[0])[0][-1] == "3.4†"
    assert any("something else ran" in note for note in table.notes)


def test_cost_names_the_memory_of_a_gpu(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("engine",), degradations=("clean",))
    item = next(item for item in results.timed if item.method == "dip")
    on_gpu = {**results.record(item), "peak_device_memory_bytes": 3 * 2**30}
    write_json(tmp_path / paths.record(TRACK, item), on_gpu)
    rows = texts(cost(results, settings).blocks[0])
    assert [row[7] for row in rows if row[0] in ("lbfgs", "dip")] == ["400", "400 / 3,070"]


def test_cost_says_where_another_volume_was_timed(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("cell.size20",), methods=("lbfgs", "dip"))
    table = cost(results, settings)
    assert [row[0] for row in texts(table.blocks[0])] == [
        "lbfgs, 20 x 20 x 11 voxels",
        "dip, 20 x 20 x 11 voxels",
    ]
    assert any("unless a row says otherwise" in note for note in table.notes)


def test_cost_has_methods_that_only_a_study_ran(make_run, settings, tmp_path):
    whole = make_run(tmp_path, samples=("cell",), methods=("lbfgs", "dip"))
    main = [item for item in whole.items if item.method == "lbfgs"]
    results = Results("multifocus", main, tmp_path, timed=whole.items)
    assert [row[0] for row in texts(cost(results, settings).blocks[0])] == ["lbfgs", "dip"]


@pytest.mark.parametrize("alone", [True, False])
def test_cost_does_not_give_a_recording_the_tracks_size(make_run, settings, tmp_path, alone):
    samples = ("mine",) if alone else ("mine", "engine")
    whole = make_run(tmp_path, samples=samples, degradations=("clean",), methods=("lbfgs", "dip"))
    timed = [i for i in whole.items if i.seed == 0]
    timed = [i for i in timed if alone or (i.sample == "mine") == (i.method == "lbfgs")]
    settings["sources"] = {"mine": "stack", "engine": "scivis"}
    table = cost(Results("multifocus", whole.items, tmp_path, timed=timed), settings)
    note = next(note for note in table.notes if note.startswith("Timed on"))
    rows = [row[0] for row in texts(table.blocks[0])]
    if alone:
        assert "a recording of one's own in its own size" in note
        assert "24 x 24" not in note
        assert rows == ["lbfgs", "dip"]
    else:
        assert "24 x 24 x 11 voxels unless a row says otherwise" in note
        assert rows == ["lbfgs, a recording of one's own in its own size", "dip"]


def test_table1_names_the_method_without_a_score(make_run, settings, tmp_path):
    results = make_run(
        tmp_path,
        samples=("engine", "mine"),
        degradations=("clean",),
        truth_of=lambda sample: sample == "engine",
    )
    assert not any(note.startswith("No score") for note in table1(results, settings).notes)
    item = next(item for item in results.items if item[:3] == ("engine", "clean", "lbfgs"))
    content = json.loads((tmp_path / paths.score(TRACK, item)).read_text())
    metrics = content["metrics"] | {"psnr": None, "ssim_paper": None}
    write_json(tmp_path / paths.score(TRACK, item), content | {"metrics": metrics})
    (note,) = [n for n in table1(results, settings).notes if n.startswith("No score")]
    assert "lbfgs on engine (clean)." in note  # all lack one on mine, which has no truth
    assert "mine" not in note
