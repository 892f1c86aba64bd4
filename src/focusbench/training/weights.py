"""Trained weights as files: safetensors, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path

from focusbench.errors import InputError
from focusbench.files import replacing
from focusbench.problem import Weights

_KEY = "focusbench"


def save_weights(path: str | Path, weights: Weights) -> None:
    """Write tensors, and the description as JSON in the metadata; equal content, equal bytes."""
    from safetensors.torch import save

    tensors = {
        name: weights.tensors[name].detach().to("cpu", copy=True).contiguous()
        for name in sorted(weights.tensors)
    }
    description = json.dumps(dict(weights.description), sort_keys=True, allow_nan=False)
    with replacing(path) as temporary:
        # One metadata entry: the order of several is not fixed.
        temporary.write_bytes(save(tensors, metadata={_KEY: description}))


def load_weights(path: str | Path) -> Weights:
    """Read what `save_weights` wrote; tensors on the CPU.

    Raises
    ------
    InputError
        No such file, or not one that `save_weights` wrote.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})[_KEY])
            names = list(file.keys())
            tensors = {name: file.get_tensor(name).clone() for name in names}
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else "damaged or foreign"
        raise InputError(
            f"{path}: {reason}; a safetensors file of FocusBench's own is accepted"
        ) from None
    return Weights(tensors, description)
