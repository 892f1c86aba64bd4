"""Reading what a run left."""

import math

import numpy as np
import pytest

from focusbench import paths
from focusbench.errors import InputError
from focusbench.files import write_json, write_text
from focusbench.images import write_volume
from focusbench.paths import Restored
from focusbench.report.results import Results

TRACK = "multifocus"
ITEMS = [
    Restored("cell", "clean", "start", 0),
    Restored("cell", "clean", "dip", 0),
    Restored("cell", "clean", "dip", 1),
    Restored("gyroid", "sigma0.01", "dip", 0),
]


@pytest.fixture
def results(tmp_path) -> Results:
    for number, item in enumerate(ITEMS):
        metrics = {"psnr": 30.0 + number, "ssim_wang_3d": None}
        content = {
            **item._asdict(),
            "metrics": metrics,
            "repeatable": number != 1,
            "score_code": "c",
        }
        write_json(tmp_path / paths.score(TRACK, item), content)
    return Results(TRACK, ITEMS, tmp_path)


def test_ids_keep_the_order_of_the_items(results):
    assert results.samples == ["cell", "gyroid"]
    assert results.degradations == ["clean", "sigma0.01"]
    assert results.methods == ["start", "dip"]
    assert results.find("cell", "clean", "dip") == ITEMS[1]
    assert results.find("gyroid", "clean", "dip") is None


def test_items_may_be_plain_lists(results, tmp_path):
    again = Results(TRACK, [list(item) for item in ITEMS], tmp_path, {"preset": "test"})
    assert again.scores().equals(results.scores())
    assert again.settings == {"preset": "test"}


def test_scores_have_one_row_per_item(results):
    scores = results.scores()
    assert [Restored(*row) for row in scores[[*Restored._fields]].itertuples(index=False)] == ITEMS
    assert list(scores["psnr"]) == [30, 31, 32, 33]
    assert scores["ssim_wang_3d"].isna().all()
    assert set(scores["score_code"]) == {"c"}
    assert scores["truth_sha256"].isna().all()
    assert list(scores["repeatable"]) == [True, False, True, True]


def test_an_exact_restoration_has_infinite_psnr(results, tmp_path):
    write_json(tmp_path / paths.score(TRACK, ITEMS[0]), {"metrics": {"psnr": "inf"}})
    assert results.scores()["psnr"][0] == math.inf


def test_timings_add_cpu_seconds_of_the_whole_run(tmp_path):
    looped = {"seconds_per_step": 0.5, "cpu_seconds_per_step": 1.5, "steps": 100, "seconds": 50.0}
    whole = {"seconds_per_step": None, "cpu_seconds_per_step": None, "steps": 0, "seconds": 2.0}
    write_json(tmp_path / paths.timing(TRACK, ITEMS[1]), looped)
    write_json(tmp_path / paths.timing(TRACK, ITEMS[0]), whole)
    timings = Results(TRACK, ITEMS, tmp_path, timed=[ITEMS[1], ITEMS[0]]).timings()
    assert list(timings["method"]) == ["dip", "start"]
    assert timings["cpu_seconds"][0] == 150
    assert math.isnan(timings["cpu_seconds"][1])


def test_trainings_and_records(tmp_path):
    write_json(tmp_path / paths.model_record(TRACK, "dip", "t-seed0"), {"seconds": 3.0})
    write_json(tmp_path / paths.record(TRACK, ITEMS[0]), {"iterations": 7})
    results = Results(TRACK, ITEMS, tmp_path, trainings=[("dip", "t-seed0")])
    assert results.trainings().to_dict("records") == [
        {"method": "dip", "training": "t-seed0", "seconds": 3.0}
    ]
    assert results.record(ITEMS[0]) == {"iterations": 7}


def test_records_of_observations(results, tmp_path):
    about = {"noise": None, "snr_db": 20.0}
    write_json(tmp_path / paths.observation_record(results.track, "cell", "clean"), about)
    assert results.observation_record("cell", "clean") == about
    with pytest.raises(InputError, match="no such file"):
        results.observation_record("cell", "sigma0.5")


def test_traces(results, tmp_path):
    path = tmp_path / paths.trace(TRACK, ITEMS[0])
    write_text(path, "step,loss,psnr\n1,0.5,\n20,0.25,31.5\n")
    trace = results.trace(ITEMS[0])
    assert list(trace["step"]) == [1, 20]
    assert math.isnan(trace["psnr"][0])
    write_text(path, "step,loss,psnr\n")
    assert results.trace(ITEMS[0]).empty
    write_text(path, "step,psnr\n1,2\n")
    with pytest.raises(InputError, match="step, loss, psnr"):
        results.trace(ITEMS[0])
    write_text(path, "step,loss,psnr\n1,much,2\n")
    with pytest.raises(InputError, match=r"trace\.csv"):
        results.trace(ITEMS[0])
    with pytest.raises(InputError, match="no such file"):
        results.trace(ITEMS[1])


def test_volumes(results, tmp_path):
    volume = np.linspace(0.7, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    write_volume(tmp_path / paths.truth(TRACK, "cell"), volume, "ZYX", (1.0, 0.92, 0.92))
    write_volume(tmp_path / paths.observed(TRACK, "cell", "clean"), volume**2, "ZYX", (1, 1, 1))
    write_volume(tmp_path / paths.restored(TRACK, ITEMS[0]), volume**3, "ZYX", (1, 1, 1))
    assert np.array_equal(results.truth("cell").array, volume)
    assert results.truth("cell").voxel_size == (1.0, 0.92, 0.92)
    assert results.truth("gyroid") is None
    assert np.array_equal(results.observed("cell", "clean").array, volume**2)
    assert np.array_equal(results.restored(ITEMS[0]).array, volume**3)


def test_bad_files_are_named(results, tmp_path):
    path = tmp_path / paths.score(TRACK, ITEMS[2])
    for text, said in (("{", "JSON"), ("[1]", "JSON object"), ('{"psnr": 1}', "no metrics")):
        write_text(path, text)
        with pytest.raises(InputError, match=said) as error:
            results.scores()
        assert "dip-seed1.json" in str(error.value)
    write_json(path, {"metrics": {"psnr": "high"}})
    with pytest.raises(InputError, match="no number"):
        results.scores()
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        results.scores()
