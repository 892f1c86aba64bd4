import os
import subprocess
import sys

import pytest

from focusbench.errors import InputError
from focusbench.jobs import MARK, errors_in, job


def failing(log, error):
    with pytest.raises(SystemExit) as caught, job(log):
        print("working", file=sys.stderr)
        raise error
    assert caught.value.code == 1


def test_bad_input_is_one_line_on_standard_error_and_in_the_log(tmp_path, capsys):
    log = tmp_path / "logs" / "a.log"
    failing(log, InputError("stack.tif: has\n no pages; a focal stack is accepted"))
    expected = f"{MARK}stack.tif: has no pages; a focal stack is accepted"
    assert capsys.readouterr().err.splitlines() == ["working", expected]
    assert log.read_text().splitlines() == ["working", expected]
    assert errors_in([log]) == [expected]


def test_a_full_disk_is_one_line(tmp_path, capsys):
    failing(tmp_path / "a.log", OSError(28, "No space left on device", "x.tif"))
    assert capsys.readouterr().err.splitlines()[-1].endswith("No space left on device: 'x.tif'")


def test_a_fault_of_the_program_keeps_its_traceback_in_the_log(tmp_path, capsys):
    log = tmp_path / "a.log"
    failing(log, KeyError("size"))
    assert "Traceback" in log.read_text()
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert str(log) in shown


def test_standard_error_is_given_back(tmp_path):
    before = sys.stderr
    with job(tmp_path / "a.log"):
        assert not sys.stderr.isatty()
    assert sys.stderr is before


def test_threads_are_pinned_before_numpy_is_loaded():
    code = (
        "import os, sys; from focusbench.jobs import pin_threads; pin_threads(3);"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['OPENBLAS_NUM_THREADS']);"
        "import numpy; pin_threads(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["3", "3"]
    assert "numpy is loaded already" in done.stderr


def test_what_a_module_refuses_ends_the_process_with_one_line(tmp_path):
    (tmp_path / "picky.py").write_text(
        "from focusbench.errors import InputError\n"
        "WORD = 'plain'\n"
        "def right(value): return value + 1\n"
        "def wrong(value): raise InputError(f'{value} is wrong')\n"
    )
    code = (
        "import picky; from focusbench.jobs import OneLine; module = OneLine(picky);"
        "print(module.WORD, module.right(1), flush=True)\n"
        "try: module.wrong(2)\n"
        "except BaseException: print('caught')"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 1
    assert done.stdout.split() == ["plain", "2"]
    assert done.stderr.splitlines() == ["focusbench: error: 2 is wrong"]


JOB = """
import signal, sys, time
from focusbench import jobs
jobs.PARENT_SECONDS = 0.02
with jobs.job(sys.argv[1]):
    if sys.argv[2] == "loop":
        signal.signal(signal.SIGTERM, lambda *_: (print("saves", flush=True), sys.exit(143)))
    print("works", flush=True)
    time.sleep(30)
print("done", flush=True)
"""
RUNNER = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


@pytest.mark.parametrize(("where", "says"), [("loop", "saves\n"), ("elsewhere", "")])
def test_a_job_leaves_when_its_runner_was_killed(where, says, tmp_path):
    command = [sys.executable, "-c", RUNNER, JOB, str(tmp_path / "a.log"), where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout.readline() == "works\n"
        runner.kill()
        assert runner.stdout.read() == says  # up to the end of the job, which has it open too


def test_interrupted_before_it_listens_a_job_says_so(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop, job(tmp_path / "a.log"):
        raise KeyboardInterrupt
    assert stop.value.code == 130
    assert capsys.readouterr().err == f"{MARK}interrupted\n"
