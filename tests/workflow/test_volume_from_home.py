"""A volume from its home: planned, downloaded, cut off, continued, and not downloaded again."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from home_server import Home, running

FILE = "fuel_64x64x64_uint8.raw"
TARGET = "results/multifocus/truth/fuel.ome.tif"
REAL = "349321dc4668d034bc7a299340d651033b44cb759c0d67b4b43c6faa7d485728"


@pytest.fixture
def home(checkout, monkeypatch):
    """A home of one made-up volume under a real one's name, and with its own checksum."""
    content = np.random.default_rng(0).integers(0, 256, 64**3, dtype=np.uint8).tobytes()
    table = checkout.folder / "src/focusbench/data/scivis.csv"
    text = table.read_text()
    assert REAL in text
    table.write_text(text.replace(REAL, hashlib.sha256(content).hexdigest()))
    with running(Home(content, path=f"/fuel/{FILE}")) as home:
        monkeypatch.setenv("FOCUSBENCH_SCIVIS_URL", home.url)
        monkeypatch.setenv("no_proxy", "*")
        yield home


def test_a_killed_download_is_continued_and_done_once(checkout, home):
    gone = threading.Event()

    def stall(answer, _):
        answer.stop, answer.at_stop = 100_000, lambda: gone.wait(120)

    home.faults = [stall]
    assert checkout.jobs(TARGET) == {"download": 1, "truth": 1}
    assert not home.requests
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", TARGET],
        cwd=checkout.folder,
        env={**os.environ, "PYTHONPATH": str(checkout.folder / "src")},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    part = checkout.folder / f"data/scivis/{FILE}.part"
    deadline = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size == 100_000):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    gone.set()
    raw = checkout.folder / "data/scivis" / FILE
    assert not raw.exists()
    assert not (checkout.folder / TARGET).exists()

    checkout.snakemake("--unlock")
    checkout.snakemake(TARGET, "--rerun-incomplete")
    assert raw.read_bytes() == home.content
    assert home.ranges == [None, "bytes=100000-"]
    assert (checkout.folder / TARGET).exists()
    assert sorted(path.name for path in raw.parent.iterdir()) == [FILE, f"{FILE}.download.json"]

    # a newer downloader does not download again, nor is the truth made anew
    script = checkout.folder / "workflow/scripts/download.py"
    script.write_text(script.read_text() + "\nUNUSED = 1\n")
    module = checkout.folder / "src/focusbench/data/download.py"
    module.write_text(module.read_text() + "\nUNUSED = 1\n")
    assert checkout.jobs(TARGET) == {"download": 1}
    checkout.snakemake(TARGET)
    assert len(home.requests) == 2
    assert raw.read_bytes() == home.content
    assert checkout.jobs(TARGET) == {}

    # what was downloaded must stay what it was
    raw.write_bytes(bytes(64**3))
    os.utime(raw, (1, 1))
    (checkout.folder / TARGET).unlink()
    done = checkout.snakemake(TARGET, fails=True)
    assert f"data/scivis/{FILE}: has sha256" in done.stderr
    assert not (checkout.folder / TARGET).exists()


def test_a_volume_that_is_not_in_the_users_folder_is_not_downloaded(checkout, home):
    (checkout.folder / "raw").mkdir()
    overlay = checkout.overlay({"data": {"scivis": {"directory": "raw"}}})
    done = checkout.snakemake(TARGET, "--configfile", overlay, fails=True)
    assert f"raw/{FILE}: there is no such file" in done.stderr
    assert not home.requests


def test_a_name_that_is_no_volume_is_refused(checkout, home):
    done = checkout.snakemake("data/scivis/nothing_3x3x3_uint8.raw", fails=True)
    assert "is no Open SciVis volume of this package; known: aneurism_" in done.stderr
    assert not home.requests
