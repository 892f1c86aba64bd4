"""Trained weights as files: safetensors, never a pickle, with a checksum of the tensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusbench.errors import InputError
from focusbench.files import is_file, replacing
from focusbench.problem import Weights

if TYPE_CHECKING:
    from torch import Tensor

_KEY = "focusbench"
# JSON of another shape, or lists in each other
_NOT_OURS = (KeyError, ValueError, TypeError, AttributeError, RecursionError)


def save_weights(path: str | Path, weights: Weights) -> None:
    """Write tensors, and the description as JSON in the metadata; equal content, equal bytes."""
    from safetensors.torch import save

    tensors = {
        name: weights.tensors[name].detach().to("cpu", copy=True).contiguous()
        for name in sorted(weights.tensors)
    }
    text = json.dumps(dict(weights.description), sort_keys=True, allow_nan=False)
    description = json.loads(text)  # as it will be read
    told = {
        "description": description,
        "description_sha256": _text_checksum(description),
        "sha256": _checksum(tensors),
    }
    text = json.dumps(told, sort_keys=True, allow_nan=False)
    with replacing(path) as temporary:
        # One metadata entry: the order of several is not fixed.
        temporary.write_bytes(save(tensors, metadata={_KEY: text}))


def read_description(path: str | Path) -> dict[str, Any]:
    """Read the description of what `save_weights` wrote, and no tensor.

    Raises
    ------
    InputError
        No such file, or another one. The tensors' checksum is not looked at.
    """
    from safetensors import SafetensorError, safe_open

    try:
        _check_is_file(path)
        with safe_open(path, framework="numpy") as file:
            return _description(json.loads((file.metadata() or {})[_KEY]))
    except (SafetensorError, OSError, *_NOT_OURS) as error:
        raise _refused(path, error) from None


def load_weights(path: str | Path) -> Weights:
    """Read what `save_weights` wrote; tensors on the CPU.

    Raises
    ------
    InputError
        No such file, or not one that `save_weights` wrote, to the last bit.
    """
    from safetensors import SafetensorError, safe_open

    try:
        _check_is_file(path)
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {})[_KEY])
            names = list(file.keys())
            tensors = {name: file.get_tensor(name).clone() for name in names}
        if told["sha256"] != _checksum(tensors):
            raise ValueError("checksum")
        description = _description(told)
    except (SafetensorError, OSError, *_NOT_OURS) as error:
        raise _refused(path, error) from None
    return Weights(tensors, description)


def _check_is_file(path: str | Path) -> None:
    if not is_file(path):  # whoever opens a pipe waits until something is written
        raise FileNotFoundError


def _refused(path: str | Path, error: Exception) -> InputError:
    reason = "no such file" if isinstance(error, FileNotFoundError) else "damaged or foreign"
    return InputError(f"{path}: {reason}; a safetensors file of FocusBench's own is accepted")


def _description(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description, as it was written (files of older versions do not tell)."""
    description = dict(told["description"])
    if told.get("description_sha256", known := _text_checksum(description)) != known:
        raise ValueError("checksum")
    return description


def _text_checksum(description: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    from safetensors.torch import save

    return hashlib.sha256(save({name: tensors[name] for name in sorted(tensors)})).hexdigest()
