"""How many digits a network is computed with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

PRECISIONS = ("float32", "tf32", "bfloat16")


def check(precision: str) -> None:
    """Raise ValueError, in one line, unless `precision` is one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        accepted = ", ".join(PRECISIONS)
        raise ValueError(f"precision {precision!r} is unknown; accepted: {accepted}")


@contextmanager
def arithmetic(precision: str) -> Iterator[None]:
    """Allow or forbid TF32 on CUDA for the body: forward and backward.

    cuDNN takes TF32 (10 bits of mantissa) for convolutions unless told otherwise; ``float32`` is
    what the name says, as on the V100 of Azevedo et al. 2024, which knows no TF32.
    """
    wanted = precision != "float32"
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = wanted
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Context for a forward pass: with ``bfloat16``, layers that bear it compute in it."""
    if precision == "bfloat16":
        return torch.autocast(device_type=device, dtype=torch.bfloat16)
    return nullcontext()
