"""The state of optimisers and random generators as named tensors and JSON, and back, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def pack(
    optimizer: torch.optim.Optimizer, name: str = "optimizer"
) -> tuple[dict[str, Tensor], Any]:
    """Take an optimiser's state apart.

    Returns
    -------
    tensors, scalars
        Tensors under names that begin with `name`; the rest as JSON, with the tensors' names in
        their places.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _encode(optimizer.state_dict(), name, tensors)


def unpack(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], scalars: Any) -> None:
    """Put what `pack` gave into an optimiser of the same kind over the same parameters."""
    optimizer.load_state_dict(_decode(scalars, tensors))


def pack_generators(generators: Mapping[str, torch.Generator]) -> dict[str, Tensor]:
    """States of random generators, as byte tensors named `generator/{name}`."""
    return {f"generator/{name}": value.get_state() for name, value in generators.items()}


def unpack_generators(
    generators: Mapping[str, torch.Generator], tensors: Mapping[str, Tensor]
) -> None:
    """Let the generators go on from where `pack_generators` saw them."""
    for name, value in generators.items():
        value.set_state(tensors[f"generator/{name}"])


def _encode(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):  # as pairs: JSON would turn the keys 0, 1, ... into strings
        items = [[key, _encode(item, f"{name}/{key}", tensors)] for key, item in value.items()]
        return {"mapping": items}
    if isinstance(value, list | tuple):
        items = [_encode(item, f"{name}/{place}", tensors) for place, item in enumerate(value)]
        return {type(value).__name__: items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name}: a {type(value).__name__} cannot be kept")


def _decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, Mapping):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content].clone()
    if kind == "mapping":
        return {key: _decode(item, tensors) for key, item in content}
    items = [_decode(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items
