"""What the kills of killing_run.py rely on: who is at work, and what counts as the same."""

import json
import os
import subprocess
import sys

import processes
import pytest
from results_compared import compared


def results(folder):
    scores = folder / "multifocus/scores/cell/clean"
    restored = folder / "multifocus/restored/cell/clean"
    for place in (scores, restored, folder / "tables"):
        place.mkdir(parents=True)
    (scores / "dip-seed0.json").write_text(json.dumps({"metrics": {"psnr": 30.5}}))
    (restored / "dip-seed0.ome.tif").write_bytes(b"volume")
    record = {"steps": 3, "seconds": os.urandom(4).hex(), "details": {"loading_share": id(folder)}}
    (restored / "dip-seed0.json").write_text(json.dumps(record))
    (folder / "tables/multifocus_table1.csv").write_text(f"a,training_seconds\n1,{id(folder)}\n")
    (folder / "tables/multifocus_cost.csv").write_text(os.urandom(4).hex())
    return folder


@pytest.fixture
def both(tmp_path):
    return results(tmp_path / "one"), results(tmp_path / "other")


def test_costs_may_differ(both):
    counts, differences = compared(*both)
    assert sum(counts.values()) == 4
    assert differences == []


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("multifocus/restored/cell/clean/dip-seed0.ome.tif", b"v", b"w"),
        ("multifocus/restored/cell/clean/dip-seed0.json", b"3", b"4"),
        ("multifocus/scores/cell/clean/dip-seed0.json", b"30.5", b"30.6"),
        ("tables/multifocus_table1.csv", b"\n1,", b"\n2,"),
    ],
)
def test_anything_else_is_a_difference(name, before, after, both):
    path = both[1] / name
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    assert compared(*both)[1] == [name]
    path.unlink()
    assert compared(*both)[1] == [f"{name} (only in one)"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_jobs_are_told_from_their_runner(tmp_path):
    """A runner, a job's script, and a process that the script has started."""
    script = tmp_path / ".snakemake/scripts/tmpx1.restore.py"
    script.parent.mkdir(parents=True)
    wait = "import sys; print('works', flush=True); sys.stdin.read()"
    script.write_text(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {wait!r}])\n")
    start = "import os, subprocess, sys; subprocess.run([sys.executable, os.environ['SCRIPT']])"
    runner = subprocess.Popen(
        [sys.executable, "-c", start],
        env={**os.environ, "SCRIPT": str(script)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert runner.stdout.readline() == b"works\n"
        found = processes.of_sessions([runner.pid])
        assert len(found) == 3
        jobs = processes.of_jobs(found)
        assert [rule for _, rule in jobs] == ["restore"] * 2
        assert runner.pid not in [one.pid for one, _ in jobs]
    finally:
        runner.communicate()
    assert processes.of_sessions([runner.pid]) == []
