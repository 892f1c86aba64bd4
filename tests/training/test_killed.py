"""Methods that are killed at any moment and rerun give the bytes of an undisturbed run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "descent": ["estimate.npy", "trace.csv"],
    "dip": ["estimate.npy", "trace.csv"],
    "dip_pretrain_2": ["estimate.npy", "model.csv", "model.safetensors", "trace.csv"],
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed.py")), str(folder), "13"],
        env=os.environ | {"FOCUSBENCH_SAVE_SECONDS": "0", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    return folder, json.loads(result.stdout), result.stderr


@pytest.mark.parametrize("job", FILES)
def test_same_bytes(job, killed):
    folder, report, errors = killed
    report = report[job]
    assert report["codes"] == [0, 0], errors
    assert len(report["killed"]) >= 4
    assert set("".join(report["killed"])) == set(report["whole"])  # every kind of phase was hit
    for name in FILES[job]:
        whole = (folder / job / "whole" / name).read_bytes()
        assert whole == (folder / job / "cut" / name).read_bytes(), name
    for attempt in ("whole", "cut"):  # neither states nor what killed writes left
        left = sorted(path.name for path in (folder / job / attempt).iterdir())
        assert left == FILES[job]
