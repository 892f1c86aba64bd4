"""Speed, memory and tiles of the convolution, beside SciPy and scikit-image in one run.

    python benchmarks/convolution.py [--threads N] [--repeats 7] [--volume 64 256 256] [--kernel 31]

One figure is one apply and one adjoint, float32, the median of `--repeats`; SciPy's is two calls of
`scipy.signal.fftconvolve(..., "same")` on the same arrays (it uses one thread), scikit-image's one
iteration of its `richardson_lucy`, which is two such calls and the arithmetic between them. Their
boundary is linear; the circular form races against the same figures. The three take turns, so that
a change of the machine's pace meets all of them.

Extra memory is resident memory, in arrays of the padded volume's size, of a process of its own and
after a warm-up: above what it held just before the call, less the output, plus the kernel's
spectrum, which stays. Pages that the allocator keeps blur it by a few MB. On CUDA it is what torch
allocates.
"""

import argparse
import ctypes
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import torch

from focusbench.optics.convolution import Convolution
from focusbench.optics.linear_operator import BOUNDARIES

REFERENCES = ("scipy", "scikit-image")


def inputs(volume, kernel):
    random = np.random.default_rng(0)
    return random.random(volume, dtype=np.float32), random.random((kernel,) * len(volume))


def seconds(call):
    begin = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def peak_bytes():
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def held_bytes():
    """Memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def extra_bytes(call):
    """Peak of resident memory during a call, above what is held before it."""
    ctypes.CDLL(None).malloc_trim(0)
    # A peak is only seen above the earlier one: hold memory until there is no slack below it.
    ballast = np.ones(max(0, peak_bytes() - held_bytes()) // 8)
    before = held_bytes()
    result = call()
    peak = peak_bytes() - before
    del ballast
    return peak, result


def print_memory(boundary, volume, kernel):
    """For the child process: padded arrays of building, applying and the adjoint."""
    values, psf = inputs(volume, kernel)
    x = torch.from_numpy(values)
    small = Convolution(psf, (kernel,) * 3, boundary)  # loads the libraries
    small.adjoint(small.apply(torch.zeros(small.shape)))
    building, operator = extra_bytes(lambda: Convolution(psf, volume, boundary))
    padded = operator.tiling.voxels * 4
    *planes, last = operator.tiling.sizes
    spectrum = int(np.prod(planes)) * (last // 2 + 1) * 8
    figures = [building / padded]
    for mapping in (operator.apply, operator.adjoint):
        extra, result = extra_bytes(lambda mapping=mapping: mapping(x))
        figures.append((extra - result.nbytes + spectrum) / padded)
    print(*(f"{figure:.2f}" for figure in figures))


def cuda_memory(operator, x):
    """Padded arrays of an apply, the spectrum included."""
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    result = operator.apply(x)
    extra = torch.cuda.max_memory_allocated() - held - result.nbytes
    return extra / (4 * operator.tiling.voxels) + 1


def difference(operator, tiled, x):
    return max(
        (getattr(operator, name)(x) - getattr(tiled, name)(x)).abs().max().item()
        for name in ("apply", "adjoint")
    )


def race(volume, kernel, repeats, device):
    """Print one device's figures."""
    import scipy.signal
    import skimage.restoration

    values, psf = inputs(volume, kernel)
    small = (psf / psf.sum()).astype(np.float32)
    flipped = np.ascontiguousarray(small[::-1, ::-1, ::-1])
    x = torch.from_numpy(values).to(device)
    operators = {name: Convolution(psf, volume, name, device=device) for name in BOUNDARIES}

    def scipy_pair():
        scipy.signal.fftconvolve(scipy.signal.fftconvolve(values, small, "same"), flipped, "same")

    def skimage_iteration():
        skimage.restoration.richardson_lucy(values, small, num_iter=1, clip=False)

    def pair(operator):
        operator.adjoint(operator.apply(x))

    calls = dict(zip(REFERENCES, (scipy_pair, skimage_iteration), strict=True))
    calls |= {name: lambda operator=op: pair(operator) for name, op in operators.items()}
    for call in calls.values():
        call()
    runs = [{name: seconds(call) for name, call in calls.items()} for _ in range(repeats)]
    median = {name: statistics.median(run[name] for run in runs) for name in calls}
    print(f"{device}: " + ", ".join(f"{name} {median[name]:.4f} s" for name in REFERENCES))
    for name, operator in operators.items():
        tiled = Convolution(
            psf, volume, name, device=device, max_voxels=operator.tiling.voxels // 2
        )
        tiled_seconds = statistics.median(
            seconds(lambda tiled=tiled: pair(tiled)) for _ in range(repeats)
        )
        fastest = min(run[name] for run in runs)
        ratios = ", ".join(f"{median[n] / median[name]:.2f} x {n}" for n in REFERENCES)
        sizes, tiles = operator.tiling.sizes, tiled.tiling
        apart = difference(operator, tiled, x)
        print(f"  {name} {sizes}: {median[name]:.4f} s (fastest {fastest:.4f}), {ratios}")
        print(
            f"    {tiles.count} tiles {tiles.sizes}: {tiled_seconds:.4f} s, differ by {apart:.1e}"
        )
        if device == "cuda":
            print(f"    extra memory {cuda_memory(operator, x):.2f} padded arrays (allowed: 4)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--volume", type=int, nargs=3, default=(64, 256, 256))
    parser.add_argument("--kernel", type=int, default=31)
    parser.add_argument("--memory", choices=BOUNDARIES, help="print only the memory")
    arguments = parser.parse_args()
    volume = tuple(arguments.volume)
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        print_memory(arguments.memory, volume, arguments.kernel)
        return
    print(
        f"{volume}, kernel {arguments.kernel}^3, {arguments.threads} threads, "
        f"torch {torch.__version__}"
    )
    race(volume, arguments.kernel, arguments.repeats, "cpu")
    for boundary in BOUNDARIES:
        child = [
            sys.executable,
            __file__,
            "--memory",
            boundary,
            "--threads",
            str(arguments.threads),
        ]
        child += ["--kernel", str(arguments.kernel), "--volume", *map(str, volume)]
        printed = subprocess.run(child, check=True, capture_output=True, text=True).stdout.split()
        figures = "{} to build, {} to apply, {} adjoint".format(*printed)
        print(f"  {boundary}: extra memory, padded arrays (allowed: 4): {figures}")
    if torch.cuda.is_available():
        race(volume, arguments.kernel, arguments.repeats, "cuda")


if __name__ == "__main__":
    main()
