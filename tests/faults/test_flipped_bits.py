"""One flipped bit: what reads a file refuses it, or the bit was of no account."""

import numpy as np
import pytest
import torch

from focusbench import paths
from focusbench.errors import InputError
from focusbench.files import write_json
from focusbench.images import read_volume, write_volume
from focusbench.jobs import job
from focusbench.paths import Restored
from focusbench.problem import Weights
from focusbench.training.weights import load_weights, read_description, save_weights

FLIPS = 100  # of each kind of file, drawn from all its bits
VOLUMES = {
    "a volume": ("ZYX", (3, 12, 14), np.float32, (1.0, 0.92, 0.1 / 3)),
    "a volume of one slice": ("ZYX", (1, 12, 14), np.float32, None),
    "colour": ("ZYXC", (2, 9, 10, 3), np.uint8, (2.0, 1e-7 / 3, 1.0)),
    "an image": ("YX", (20, 30), np.float32, (0.65, 0.65)),
}


def flipped(content, rng):
    for bit in rng.choice(8 * len(content), FLIPS, replace=False):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << (bit % 8)
        yield bytes(changed)


@pytest.mark.parametrize("kind", list(VOLUMES))
def test_of_a_volume(kind, tmp_path):
    axes, shape, dtype, voxel_size = VOLUMES[kind]
    rng = np.random.default_rng(0)
    path = tmp_path / "a.ome.tif"
    write_volume(path, (200 * rng.random(shape)).astype(dtype), axes, voxel_size)
    whole = read_volume(path, axes)
    refused = 0
    for content in flipped(path.read_bytes(), rng):
        path.write_bytes(content)
        try:
            found = read_volume(path, axes)
        except InputError:
            refused += 1
        else:
            np.testing.assert_array_equal(found.array, whole.array, strict=True)
            assert found.voxel_size == whole.voxel_size
    assert refused > FLIPS / 2


def test_of_weights(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(path, Weights({"a": torch.arange(40.0)}, {"width": 16, "lens": {"na": 0.75}}))
    whole, rng, refused = load_weights(path), np.random.default_rng(0), 0
    for content in flipped(path.read_bytes(), rng):
        path.write_bytes(content)
        try:
            found = load_weights(path)
            assert found.description == read_description(path) == whole.description
            assert torch.equal(found.tensors["a"], whole.tensors["a"])
        except InputError:
            refused += 1
    assert refused > 0.9 * FLIPS


def test_of_what_jobs_hand_on(tmp_path, monkeypatch):
    """JSON and CSV, whose readers see numbers and cannot know better."""
    monkeypatch.chdir(tmp_path)
    item = Restored("cell", "clean", "lbfgs", 0)
    record, trace = paths.record("multifocus", item), paths.trace("multifocus", item)
    with job(paths.log(record), writes=[record, trace]):
        write_json(record, {"psnr": 31.25})
        (tmp_path / trace).write_text("step,loss,psnr\n0,1.5,31.25\n")
    with job("results/logs/reader.log", [record, trace]):
        pass
    for path in (record, trace):
        content = (tmp_path / path).read_bytes()
        (tmp_path / path).write_bytes(content.replace(b"31.25", b"35.25"))
        with pytest.raises(SystemExit), job("results/logs/reader.log", [record, trace]):
            raise AssertionError  # it is not worked with
        assert f"{path}: damaged" in (tmp_path / "results/logs/reader.log").read_text()
        assert not (tmp_path / path).exists()  # so that the next run makes it
        aside = tmp_path / "results/.damaged" / path.removeprefix("results/")
        assert aside.read_bytes() != content
        (tmp_path / path).write_bytes(content)
