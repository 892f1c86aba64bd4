"""Table of networks of the deconvolution track, from made-up records and the networks proper."""

import pytest
from table_texts import TRACK, block, texts

from focusbench.report.tables import DASH, MARK, as_latex, as_markdown
from focusbench.tracks.deconvolution import learned as trainings_of
from focusbench.tracks.deconvolution.network_sizes import of_paper, sizes
from focusbench.tracks.deconvolution.tables import networks


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


def test_networks_of_the_papers_size_have_the_printed_numbers(learned, settings):
    rows = texts(block(networks(learned, settings), "Parameters at the paper's size"))
    proposed, conventional = rows["cyclegan_blur_kernel"], rows["cyclegan"]
    assert proposed["generator"] == conventional["blur"] == "7,005,097"  # V-C: 7 million
    assert proposed["blur"] == "29,791"  # V-C: 0.03 million, section III-A: 31^3
    assert proposed["discriminators"] == "3,994,950"  # 2 x 3 x 665,825
    assert proposed["of the cycleGAN's"] == "61.3 %"  # V-C
    assert conventional["of the cycleGAN's"] == "100.0 %"
    assert rows["cyclegan_blur_kernel_nonblind"]["discriminators"] == "1,997,475"
    theirs = rows["cyclegan_blur_kernel, published"]
    assert (theirs["generator"], theirs["blur"]) == ("7 million", "0.03 million")
    assert theirs["of the cycleGAN's"] == "61.3 %"


def test_the_paper_size_is_that_of_the_methods_defaults():
    from focusbench import methods

    for name, size in of_paper().items():
        method = methods.build(name)
        assert method.width == 42
        assert getattr(method, "discriminator_width", 32) == 32
        assert getattr(method, "kernel_size", 31) == 31
        assert size.total is not None
    assert methods.build("supervised_gan").conditional


def test_own_sizes_are_those_of_the_records(learned, settings):
    rows = texts(block(networks(learned, settings), "Parameters as trained"))
    assert rows["cyclegan_blur_kernel"]["together"] == "11,030"
    assert rows["cyclegan_blur_kernel"]["of the cycleGAN's"] == "61.3 %"  # of 2 (7000 + 2000)
    assert rows["cyclegan_blur_kernel_nonblind"]["of the cycleGAN's"] == "50.0 %"
    # no cycle of its own: beside the cycleGAN that was trained with the same generator
    assert rows["supervised_mse"]["of the cycleGAN's"] == "38.9 %"
    assert rows["supervised_mse"]["blur"] == "0"


def test_without_a_cycle_there_is_nothing_to_compare_with(
    make_deconvolution, make_trainings, tmp_path
):
    results = make_deconvolution(tmp_path, degradations=("snr20",), methods=("supervised_mse",))
    results = make_trainings(results, [("supervised_mse", "snr20-seed0")])
    (size,) = sizes(trainings_of.read(results)).values()
    assert size.conventional is None
    assert size.total == 7000


def test_trainings_and_the_printed_hours(learned, settings):
    rows = texts(block(networks(learned, settings), "Training"))
    row = rows["supervised_gan"]
    assert row["steps"] == "300"
    assert row["time"] == "2.1 min"
    assert row["of it loading"] == "4.2 %"
    assert row["peak memory, MiB"] == "800"
    (device,) = {cells["device"] for cells in rows.values() if cells["threads"] == ""}
    assert device == "GeForce GTX 1080 Ti"
    times = {
        row[1][0].text: row[3][0].text
        for row in block(networks(learned, settings), "Training").rows[-2:]
    }
    assert times == {"simulation": "10 h", "recordings": "18 h"}


def test_inference_is_measured_and_never_scaled(learned, settings):
    table = networks(learned, settings)
    shown = block(table, "Inference")
    rows = texts(shown)
    row = rows["cyclegan"]
    assert row["voxels (z, y, x)"] == "20 x 28 x 36"
    assert row["seconds"] == "0.0100"
    assert row["million voxels a second"] == "2.02"  # 20 * 28 * 36 / 0.01 s
    theirs = [[part.text for part in one] for line in shown.rows[-2:] for one in [sum(line, ())]]
    assert [line[1:4] for line in theirs] == [
        ["128 x 256 x 512", "21", "0.799"],
        ["50 x 512 x 512", "15", "0.874"],
    ]
    assert "richardson_lucy" not in rows
    assert "another GPU" in table.summary
    assert "Nothing is scaled" in table.summary


def test_data_have_a_row_for_each_source(learned, settings):
    data = networks(learned, settings).data
    assert list(data["source"].value_counts().sort_index().items()) == [
        ("paper_size", 5),
        ("published", 3),
        ("trained", 5),
    ]
    own = data[data["source"] == "trained"].set_index("method").loc["cyclegan_blur_kernel"]
    assert own["parameters"] == 11030
    assert own["training_seconds"] == 126
    assert own["voxels_per_second"] == pytest.approx(20 * 28 * 36 / own["inference_seconds"])
    printed = data[data["trained_on"] == "simulation"].iloc[0]
    assert printed["training_seconds"] == 36000
    assert printed["voxels_per_second"] == pytest.approx(256 * 512 * 128 / 21)


def test_seeds_are_averaged_and_recordings_kept_apart(
    make_deconvolution, make_trainings, settings, tmp_path
):
    method = "cyclegan_blur_kernel"
    results = make_deconvolution(
        tmp_path, samples=("pollen",), degradations=("recorded",), methods=(method,)
    )
    settings["sources"] = {"pollen": "fluorescence"}
    ids = [(method, name) for name in ("snr20-seed0", "snr20-seed1", "recorded-seed0")]
    make_trainings(results, ids[:1], seconds=100.0)
    make_trainings(results, ids[1:2], seconds=200.0)
    results = make_trainings(results, ids[2:], seconds=7200.0)
    results.trained = ids
    first, second = trainings_of.read(results)
    assert (first.seeds, first.seconds, second.degradation) == (2, 150.0, "recorded")
    assert trainings_of.used_for(method, "recorded", [first, second]) is second
    assert trainings_of.used_for(method, "snr10", [first, second]) is first
    table = networks(results, settings)
    assert "means over seeds" in table.caption
    row = texts(block(table, "Inference"))[method]
    assert row["voxels (z, y, x)"] == "pollen, its own"
    assert row["million voxels a second"] == DASH
    data = table.data[table.data["source"] == "trained"].set_index("trained_on")
    assert data.loc["recorded", "sample"] == "pollen"
    assert data["sample"].isna()["snr20"]


def test_what_a_record_lacks_is_said(make_deconvolution, make_trainings, settings, tmp_path):
    results = make_deconvolution(tmp_path, degradations=("snr20",), methods=("input", "mine"))
    results = make_trainings(results, [("mine", "snr20-seed0")], load_average=9.0)
    results.timed = []
    table = networks(results, settings)
    assert texts(block(table, "Parameters as trained"))["mine"]["together"] == DASH
    assert "holds no numbers of parameters: mine" in table.caption
    assert "Not timed: mine" in table.caption
    assert "nan" not in as_markdown(table)
    assert "nan" not in as_latex(table)


def test_without_training_only_the_papers_size_is_shown(deconvolved, settings):
    table = networks(deconvolved, settings)
    assert len(table.blocks) == 1
    assert "No method that learns was selected" in table.summary


def test_a_busy_machine_is_marked(make_deconvolution, make_trainings, settings, tmp_path):
    import json

    from focusbench import paths
    from focusbench.files import write_json

    results = make_deconvolution(tmp_path, degradations=("snr20",), methods=("cyclegan",))
    results = make_trainings(results, [("cyclegan", "snr20-seed0")])
    path = tmp_path / paths.timing(TRACK, results.timed[0])
    write_json(path, {**json.loads(path.read_text()), "load_before": 3.2})
    table = networks(results, settings)
    assert texts(block(table, "Inference"))["cyclegan"]["load before"] == f"3.2{MARK}"
    assert "something else ran" in table.caption
