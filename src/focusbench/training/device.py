"""Where to compute."""

from __future__ import annotations

import logging
import os
import resource
import sys

from focusbench.errors import InputError
from focusbench.training import gpu_claim

_log = logging.getLogger(__name__)


def resolve(device: str, gpus: int = 1) -> str:
    """Return "cpu" or "cuda" for "auto", "cpu" or "cuda"; one line where it is not as asked.

    "cuda" means that this process has taken a GPU for itself, which other jobs leave alone until it
    ends; of `gpus` that are wanted, as many as are free. Where other jobs have all GPUs, "auto"
    gives "cpu" at once, "cuda" waits: it is for those who would not have the CPU compute for days
    what a GPU does in an hour. A run that starts no more jobs for GPUs than there are (the profile
    `gpu`) meets neither. Where there is no GPU, both give "cpu": with a line of warning if CUDA was
    asked for, or if a scheduler gave a device.

    Raises
    ------
    InputError
        Another name, or see `gpu_claim.claim`.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device: {device!r} is unknown; accepted: auto, cpu, cuda")
    if device == "cpu":
        return "cpu"
    import torch

    # what CUDA is already at work on in this process cannot be taken for it any more
    shared = torch.backends.cuda.is_built() and not torch.cuda.is_initialized()
    if shared and not gpu_claim.claim(gpus, wait=device == "cuda"):
        _log.warning("device: other jobs have all GPUs; computing on the CPU")
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if device == "cuda" or given.strip() not in ("", "-1"):
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
