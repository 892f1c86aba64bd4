"""What the device is, and how fast it copies and multiplies."""

import platform

import clock
import numpy as np
import torch

from focusbench.training import precision


def describe(session):
    """Names, versions, GB/s and TFLOP/s."""
    about = {
        "name": clock.device_name(session.device),
        "device": session.device,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    count = 2**22
    if session.device == "cuda":
        import triton

        about |= {
            "triton": triton.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "multiprocessors": torch.cuda.get_device_properties(0).multi_processor_count,
        }
        count = 2**28
    source = torch.rand(count, device=session.device)
    target = torch.empty_like(source)
    took = clock.seconds(lambda: target.copy_(source), session.device, 10)
    about["copy, GB/s (read and written)"] = 8 * count / took / 1e9
    side = 8192 if session.device == "cuda" else 512
    for digits in precision.PRECISIONS:
        dtype = torch.bfloat16 if digits == "bfloat16" else torch.float32
        a, b = torch.rand(2, side, side, device=session.device, dtype=dtype)
        with precision.arithmetic(digits):
            took = clock.seconds(lambda a=a, b=b: a @ b, session.device, 5)
        about[f"matrix product in {digits}, TFLOP/s"] = 2 * side**3 / took / 1e12
    return about
