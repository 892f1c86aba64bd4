"""A disk that takes no more: one line that names the file, nothing half-written, the old kept.

A limit of the process on the size of files stands in for the full disk, as no rights are wanted for
it; where a small file system may be mounted, the same is tried on that. Whole runs on one:
tests/faults/campaign.py.
"""

import contextlib
import resource
import subprocess

import numpy as np
import pytest
import torch

from focusbench import jobs
from focusbench.files import write_json, write_text
from focusbench.images import write_volume
from focusbench.problem import Weights
from focusbench.training.state import FileState
from focusbench.training.weights import save_weights

ARRAY = np.random.default_rng(0).random((4, 64, 64), np.float32)  # 64 KiB
WRITERS = {
    "volume.ome.tif": lambda path: write_volume(path, ARRAY),
    "score.json": lambda path: write_json(path, ARRAY.tolist()),
    "table.csv": lambda path: write_text(path, "1.25,2.5\n" * 10000),
    "model.safetensors": lambda path: save_weights(
        path, Weights({"a": torch.from_numpy(ARRAY)}, {"width": 4})
    ),
}


@contextlib.contextmanager
def limited(size):
    """Let no file grow beyond `size` bytes: what would is an OSError, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=["limit", "disk"])
def full(request, tmp_path):
    """A folder, and what makes its disk full while it is entered."""
    if request.param == "limit":
        yield tmp_path, limited(8192)
        return
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system may be mounted here")
    yield disk, contextlib.nullcontext()
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_job_says_in_one_line_which_file_did_not_fit(full, name, capsys):
    folder, filled = full
    path = folder / name
    write_text(path, "what stood there before")
    with filled, pytest.raises(SystemExit) as caught, jobs.job(folder / "a.log", writes=[path]):
        WRITERS[name](path)
    assert caught.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(jobs.MARK)
    assert name in line
    assert any(words in line for words in ("No space left", "File too large", "disk full"))
    assert path.read_text() == "what stood there before"
    assert sorted(one.name for one in folder.iterdir()) == sorted([name, "a.log"])


def test_where_not_even_the_log_can_be_written_the_terminal_is_told(tmp_path, capsys):
    with limited(0), pytest.raises(SystemExit) as caught, jobs.job(tmp_path / "a.log"):
        write_text(tmp_path / "a.csv", "1")
    assert caught.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(jobs.MARK)
    assert "a.csv" in line
    with limited(0), pytest.raises(SystemExit), jobs.job(tmp_path / "a.log"):
        pass  # a job without a record is no finished job
    assert jobs.MARK in capsys.readouterr().err
    with pytest.raises(SystemExit), jobs.job(tmp_path / "a.log" / "in a file.log"):
        raise AssertionError
    assert capsys.readouterr().err.startswith(jobs.MARK)


def test_a_state_that_does_not_fit_leaves_the_one_before(full):
    folder, filled = full
    state = FileState(folder / "state", "x")
    state.save({"a": torch.ones(3)}, {"step": 1})
    with filled, pytest.raises(OSError, match=r"state\.safetensors"):
        state.save({"a": torch.from_numpy(ARRAY)}, {"step": 2})
    tensors, scalars = state.load()
    assert scalars == {"step": 1}
    assert torch.equal(tensors["a"], torch.ones(3))
    assert len(list((folder / "state").iterdir())) == 1
