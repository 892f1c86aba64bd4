"""Observations as deconvolution wants them: tensors of light, which is never negative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusbench.errors import InputError


def nonnegative(
    values: Any,
    shape: Sequence[int] | None,
    dtype: torch.dtype,
    device: str | torch.device,
    name: str = "observation",
    strict: bool = False,
) -> Tensor:
    """Check an array of light and make a tensor of it; values below 0 become 0.

    They are what remains of noise after an offset was subtracted. `strict`: they are refused.

    Raises
    ------
    InputError
        No real array of 2 or 3 axes, another shape than `shape` (None: any), a value that is not
        finite, or no light at all.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim not in (2, 3) or array.size == 0:
        raise InputError(
            f"{name}: shape {array.shape}, type {array.dtype}; real numbers of 2 (y, x) or "
            "3 (z, y, x) axes are accepted"
        )
    if shape is not None and array.shape != tuple(shape):
        raise InputError(f"{name}: shape {array.shape}; {tuple(shape)} is needed")
    kind = np.float64 if dtype == torch.float64 else np.float32
    with np.errstate(over="ignore"):
        array = np.array(array, dtype=kind, order="C")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: NaN or infinite values; finite ones are needed")
    if strict and array.min() < 0:
        raise InputError(f"{name}: negative values (least {array.min():g}); none may be below 0")
    np.maximum(array, 0, out=array)
    if not array.any():
        raise InputError(f"{name}: no value above 0: no photons; an image with light is needed")
    return torch.from_numpy(array).to(device)
