"""Independent streams of random numbers from one seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(seed: int, *purpose: str | int) -> int:
    """Seed (63 bits) of the stream for `purpose`: the same on every machine, apart from others."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a CPU generator: what it draws does not depend on the device of the run."""
    import torch

    return torch.Generator().manual_seed(derive(seed, *purpose))


@contextmanager
def seeded(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seed torch's own CPU generator for the body (initial weights), then put it back."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, *purpose))
        yield
