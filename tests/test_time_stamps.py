import os
import time
from pathlib import Path

import pytest

from focusbench import jobs, paths
from focusbench.files import write_text
from focusbench.time_stamps import straighten

TRUTH, SCORE = "a/truth/x.ome.tif", "a/scores/x.json"
SEEN = ("a/observed/x.ome.tif", "a/observed/y.ome.tif")
AHEAD = {TRUTH: 3000, SEEN[0]: 3600, SEEN[1]: 3600, SCORE: 3601}


def ahead(path, text=""):
    """Write a file that is dated an hour ahead; give its time stamp."""
    write_text(path, text)
    os.utime(path, (time.time(), time.time() + 3600))
    return Path(path).stat().st_mtime_ns


def test_what_lies_in_the_future_comes_before_now_in_its_order(tmp_path):
    now = time.time()
    for path, seconds in {**AHEAD, "a/truth/old.ome.tif": -50, "logs/x": 9000}.items():
        write_text(tmp_path / path, "")
        os.utime(tmp_path / path, (now, now + seconds))
    count, most = straighten(tmp_path)
    assert count == len(AHEAD)
    assert 3500 < most <= 3601
    stamps = {path: (tmp_path / path).stat().st_mtime_ns for path in AHEAD}
    assert stamps[TRUTH] < stamps[SEEN[0]] < stamps[SCORE] <= time.time_ns()
    assert stamps[SEEN[0]] == stamps[SEEN[1]]
    assert stamps[TRUTH] > now * 1e9
    assert abs((tmp_path / "a/truth/old.ome.tif").stat().st_mtime - (now - 50)) < 1
    assert straighten(tmp_path)[0] == 0


def test_where_nothing_is_there_is_nothing_to_do(tmp_path):
    assert straighten(tmp_path / "none") == (0, 0)


def test_a_link_that_leads_nowhere_stops_no_run(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    assert straighten(tmp_path) == (0, 0)


def test_files_of_others_behind_a_link_keep_their_dates(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    others = ("raw.tif", "raw.ome.tif", "b/observed/x.ome.tif")
    stamps = {one: ahead(tmp_path / "elsewhere" / one) for one in others}
    (tmp_path / "results/mydata").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "results/b").symlink_to(tmp_path / "elsewhere/b")
    write_text("results/logs/b/observed/x.log", "not finished, or of another file")
    single = ahead(tmp_path / "single.ome.tif")
    os.makedirs("results/a/truth")
    (tmp_path / "results" / TRUTH).symlink_to(tmp_path / "single.ome.tif")
    assert straighten("results") == (0, 0)
    assert {one: (tmp_path / "elsewhere" / one).stat().st_mtime_ns for one in others} == stamps
    assert (tmp_path / "single.ome.tif").stat().st_mtime_ns == single


@pytest.mark.parametrize("linked", ["results", "results/a", "results/a/scores"])
def test_what_a_job_made_on_another_disk_is_dated_now(tmp_path, monkeypatch, linked):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "disk").mkdir()
    (tmp_path / linked).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / linked).symlink_to(tmp_path / "disk")
    made, beside = f"results/{SCORE}", "results/a/scores/x.csv"
    with jobs.job(paths.log(made), writes=[made]):
        ahead(made)
    stamp = ahead(beside)  # by hand, and called so that it could be of the same job
    count, most = straighten("results")
    assert (count, most > 3500) == (1, True)
    assert os.stat(made).st_mtime <= time.time()
    assert os.stat(beside).st_mtime_ns == stamp


def test_without_a_log_the_name_tells_what_a_job_makes(tmp_path):
    ahead(tmp_path / "results" / SCORE)
    stamp = ahead(tmp_path / "results/notes/mine.txt")
    assert straighten(tmp_path / "results")[0] == 1
    assert (tmp_path / "results/notes/mine.txt").stat().st_mtime_ns == stamp
