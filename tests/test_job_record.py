import json
import os
import re
import socket
from pathlib import Path

import pytest

from focusbench import job_record, jobs, paths
from focusbench.errors import InputError
from focusbench.files import sha256, write_json
from focusbench.paths import Restored

SCORE = paths.score("multifocus", Restored("cell", "sigma0.01", "dip_es_wmv", 3))


def rules(root):
    """Name, outputs and log of each rule that writes results, as the rules have them."""
    for file in sorted((root / "rules").glob("*.smk")):
        for name, text in re.findall(r"^rule (\w+):\n((?: .*\n|\n)+)", file.read_text(), re.M):
            parts = dict(re.findall(r"^    (\w+):(.*\n(?: {8}.*\n)*)", text, re.M))
            outputs = re.findall(r'"(results/[^"]+)"', parts["output"])
            [log] = re.findall(r'"([^"]+)"', parts["log"])
            yield name, outputs, log


def test_the_log_of_every_file_that_a_rule_writes(root):
    found = list(rules(root))
    assert len(found) >= 12
    for name, outputs, log in found:
        assert outputs or name == "download"
        for path in outputs:
            assert paths.log(path) == log, name


def test_a_batch_and_its_journal_have_one_log():
    ids = ("defocus", "cell.size64", "level02")
    assert paths.log(paths.journal(*ids)) == paths.log(paths.batch(*ids)) is not None


@pytest.mark.parametrize(
    "path", ["data/scivis/fuel.raw", "results/logs/a/b.log", "results/.resume/x/state.json", "a"]
)
def test_no_job_of_the_results_writes_anything_else(path):
    assert paths.log(path) is None


def test_every_script_checks_what_it_reads_and_records_what_it_writes(root):
    for script in (root / "workflow/scripts").glob("*.py"):
        if script.stem == "download":  # it has checksums of its own
            continue
        assert "job(snakemake.log[0], snakemake.input, snakemake.output)" in script.read_text()


def test_a_record_tells_checksums_and_cost(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with jobs.job(paths.log(SCORE), writes=[SCORE]):
        write_json(SCORE, {"a": 1})
        sum(range(10**6))
    record = job_record.read(paths.log(SCORE))
    assert record["wrote"] == {SCORE: sha256(SCORE)}
    assert job_record.recorded(SCORE) == sha256(SCORE)
    assert 0 < record["seconds"] < 60
    assert record["cpu_seconds"] > 0
    assert 10**7 < record["peak_memory_bytes"] < 10**11
    assert record["host"] == socket.gethostname()
    assert record["peak_device_memory_bytes"] is None or record["device"] != "cpu"


def test_a_long_record_is_read_and_a_torn_one_is_none(tmp_path):
    log, long = tmp_path / "a.log", {f"results/{i:06}": "0" * 64 for i in range(2000)}
    line = f"{job_record.BEGINNING}{json.dumps({'wrote': long})}\n"
    log.write_text(f"said before\n{line}")
    assert job_record.read(log)["wrote"] == long
    for content in (line[:-5], "said\n", "", f"{job_record.BEGINNING}[]\n", f"{line}said after\n"):
        log.write_text(content)
        assert job_record.read(log) is None
    assert job_record.read(tmp_path / "none.log") is None


def test_a_failed_job_records_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit), jobs.job(paths.log(SCORE), writes=[SCORE]):
        write_json(SCORE, {"a": 1})
        raise OSError(28, "No space left on device")
    assert job_record.read(paths.log(SCORE)) is None
    job_record.check([SCORE])  # nothing is known of it


def test_a_file_that_vanished_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit), jobs.job("results/logs/a.log", [SCORE]):
        pass
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{jobs.MARK}{SCORE}: there is no such file any more")


def test_a_folder_in_the_place_of_a_file_is_moved_aside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with jobs.job(paths.log(SCORE), writes=[SCORE]):
        write_json(SCORE, {"a": 1})
    Path(SCORE).unlink()
    Path(SCORE).mkdir()
    with pytest.raises(InputError, match=f"{SCORE}: damaged"):
        job_record.check([SCORE])
    assert not Path(SCORE).exists()


@pytest.mark.parametrize("read", [job_record.read, job_record.batch_key])
def test_a_pipe_in_place_of_a_log_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "a.log")
    assert read(tmp_path / "a.log") is None
