"""Methods that are killed at any moment and rerun give the bytes of an undisturbed run."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "descent": ["estimate.npy", "trace.csv"],
    "dip": ["estimate.npy", "trace.csv"],
    "dip_pretrain_2": ["estimate.npy", "trace.csv", "model.csv", "model.safetensors"],
}
PHASES = {"descent": "mtm", "dip": "tm", "dip_pretrain_2": "mm"}


@pytest.mark.parametrize("job", FILES)
def test_same_bytes(job, tmp_path):
    script = Path(__file__).with_name("killed.py")
    result = subprocess.run(
        [sys.executable, str(script), job, str(tmp_path), "11"],
        env=os.environ | {"FOCUSBENCH_SAVE_SECONDS": "0", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["whole"][1] == 0, result.stderr
    codes = [code for _, code in report["attempts"]]
    assert codes[-1] == 0, result.stderr
    assert codes.count(-signal.SIGKILL) == len(codes) - 1 >= 3
    for name in FILES[job]:
        whole = (tmp_path / "whole" / name).read_bytes()
        assert whole == (tmp_path / "cut" / name).read_bytes(), name
    # the state and what killed writes left are gone
    for folder in ("whole", "cut"):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == sorted(FILES[job])
