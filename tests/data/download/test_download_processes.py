"""Downloads by processes that are killed, or not alone."""

import signal
import subprocess
import sys
import threading
import time

import pytest
from download_faults import CONTENT, SIZE, fetch, names, stall

CODE = """
import sys
from focusbench.data import download
download.fetch(sys.argv[1], sys.argv[2], int(sys.argv[3]), None, timeout=60, pause=0)
"""


def start(home, path):
    command = [sys.executable, "-c", CODE, f"{home.url}/file.raw", str(path), str(SIZE)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def until(condition, process):
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_download_is_continued(home, path, signum):
    gone = threading.Event()
    home.faults = [stall(gone, 100_000)]
    part = path.parent / "file.raw.part"
    process = start(home, path)
    until(lambda: part.exists() and part.stat().st_size == 100_000, process)
    process.send_signal(signum)
    process.communicate()
    gone.set()
    assert process.returncode != 0
    assert not path.exists()
    fetch(home, path, None)
    assert path.read_bytes() == CONTENT
    assert home.ranges == [None, "bytes=100000-"]
    assert names(path) == ["file.raw", "file.raw.download.json"]


@pytest.mark.parametrize("killed", [False, True])
def test_two_processes_download_once(home, path, killed):
    going = threading.Event()
    home.faults = [stall(going, 100_000)]
    if not killed:
        home.faults = [lambda a, r: _pause(a, r, going)]
    part = path.parent / "file.raw.part"
    first = start(home, path)
    until(lambda: part.exists() and part.stat().st_size == 100_000, first)
    others = [start(home, path) for _ in range(2)]
    for other in others:
        assert "waiting" in other.stderr.readline()
    if killed:
        first.kill()
    going.set()
    for process in (first, *others):
        process.communicate(timeout=60)
    assert [process.returncode for process in others] == [0, 0]
    assert (first.returncode == 0) != killed
    assert path.read_bytes() == CONTENT
    assert home.ranges == [None, *(["bytes=100000-"] if killed else [])]
    assert names(path) == ["file.raw", "file.raw.download.json"]


def _pause(answer, request, event):
    """Send a part, wait, and send the rest."""
    rest = answer.body[100_000:]
    answer.stop = 100_000
    answer.at_stop = lambda: (event.wait(30), request.wfile.write(rest))
