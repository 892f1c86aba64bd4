import pytest
import torch

from focusbench.errors import InputError
from focusbench.problem import Weights
from focusbench.training.weights import load_weights, save_weights

TENSORS = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.tensor(3, dtype=torch.int64)}
DESCRIPTION = {"network": "skip_3d", "width": 4, "rate": 0.1, "training": {"seed": 0, "x": 1e-3}}


def test_round_trip_and_bytes(tmp_path):
    save_weights(tmp_path / "one.safetensors", Weights(TENSORS, DESCRIPTION))
    found = load_weights(tmp_path / "one.safetensors")
    assert found.description == DESCRIPTION
    assert found.tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert torch.equal(found.tensors[name], value)
        assert found.tensors[name].dtype == value.dtype
    turned = Weights(dict(reversed(TENSORS.items())), dict(reversed(DESCRIPTION.items())))
    save_weights(tmp_path / "two.safetensors", turned)
    one, two = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("content", [b"", b"x" * 100, None])
def test_files_that_are_none(content, tmp_path):
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.safetensors: (no such file|damaged or foreign)"):
        load_weights(path)


def test_foreign_and_cut_files(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(InputError, match="damaged or foreign"):
        load_weights(path)
    save_weights(path, Weights(TENSORS, DESCRIPTION))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="damaged or foreign"):
        load_weights(path)


@pytest.mark.parametrize("place", [-1, -9, -30])
def test_a_flipped_bit_is_found(place, tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(path, Weights(TENSORS, DESCRIPTION))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.safetensors: damaged or foreign"):
        load_weights(path)


def test_what_is_no_number_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_weights(tmp_path / "model.safetensors", Weights(TENSORS, {"x": float("nan")}))
    assert not list(tmp_path.iterdir())
