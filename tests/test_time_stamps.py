import os
import time

from focusbench.files import write_text
from focusbench.time_stamps import straighten

AHEAD = {"a/truth/x": 3000, "a/observed/x": 3600, "a/observed/y": 3600, "a/scores/x": 3601}


def test_what_lies_in_the_future_comes_before_now_in_its_order(tmp_path):
    now = time.time()
    for path, seconds in {**AHEAD, "a/truth/old": -50, "logs/x": 9000}.items():
        write_text(tmp_path / path, "")
        os.utime(tmp_path / path, (now, now + seconds))
    count, most = straighten(tmp_path)
    assert count == len(AHEAD)
    assert 3500 < most <= 3601
    stamps = {path: (tmp_path / path).stat().st_mtime_ns for path in AHEAD}
    assert stamps["a/truth/x"] < stamps["a/observed/x"] < stamps["a/scores/x"] <= time.time_ns()
    assert stamps["a/observed/x"] == stamps["a/observed/y"]
    assert stamps["a/truth/x"] > now * 1e9
    assert abs((tmp_path / "a/truth/old").stat().st_mtime - (now - 50)) < 1
    assert straighten(tmp_path)[0] == 0


def test_where_nothing_is_there_is_nothing_to_do(tmp_path):
    assert straighten(tmp_path / "none") == (0, 0)


def test_a_link_that_leads_nowhere_stops_no_run(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    assert straighten(tmp_path) == (0, 0)
