"""States of minimisations, taken apart to be saved and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import torch
from torch import Tensor

State = TypeVar("State")


def pack(state: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Take a dataclass apart: its tensors by name, and its scalars as JSON."""
    values = {field.name: getattr(state, field.name) for field in fields(state)}
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    return tensors, {name: value for name, value in values.items() if name not in tensors}


def unpack(
    kind: type[State],
    tensors: Mapping[str, Tensor],
    scalars: Mapping[str, Any],
    device: str | torch.device = "cpu",
) -> State:
    """Put together, as a dataclass of that kind, what `pack` took apart."""
    return kind(**{name: value.to(device) for name, value in tensors.items()}, **scalars)
