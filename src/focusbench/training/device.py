"""Where to compute."""

from __future__ import annotations

import logging
import resource
import sys

from focusbench.errors import InputError

_log = logging.getLogger(__name__)


def resolve(device: str) -> str:
    """Return "cpu" or "cuda" for "auto", "cpu" or "cuda"; one warning line where CUDA is missing.

    Raises
    ------
    InputError
        Another name.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device: {device!r} is unknown; accepted: auto, cpu, cuda")
    if device == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        _log.warning("device: no CUDA device can be used here; computing on the CPU")
    return "cpu"


def synchronize(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def peak_memory(device: str) -> int:
    """Most bytes held so far: by torch on the GPU, or by the process in main memory."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
