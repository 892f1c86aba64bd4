"""Speed, memory and borders of Richardson-Lucy, against scikit-image in the same run.

    python benchmarks/richardson_lucy.py [--threads 1] [--repeats 7] [--shape 64 256 256]
                                         [--kernel 31] [--device cpu]

Seconds per iteration: in each repeat scikit-image and every variant of ours do three iterations on
the same float32 volume, one after the other; the median over the repeats counts. scikit-image is
linear and has no H^T 1; it computes in one thread whatever `--threads` is.

Memory: the most that the process holds in four steps beyond what it held before, in volumes of the
observation's size, the observation itself, the kernel's spectrum and H^T 1 included; measured in a
process of its own, after a warm-up on a small volume. On CUDA torch's own count.

Borders: microtubules blurred without noise, restored with and without H^T 1; error relative to the
truth in the eight planes next to the upper and the lower face, and in the planes between. "Nothing
outside": the object ends at the faces. "Cut out": it goes on beyond them, as in a real recording.
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

from focusbench.data import microtubules
from focusbench.optics import psf
from focusbench.optics.convolution import Convolution
from focusbench.solvers.richardson_lucy import RichardsonLucyIteration, richardson_lucy

STEPS = 3
VARIANTS = {
    "linear": ("linear", None, 0.0),
    "linear, accelerated": ("linear", "biggs_andrews", 0.0),
    "linear, accelerated, TV": ("linear", "biggs_andrews", 1e-3),
    "circular": ("circular", None, 0.0),
    "circular, accelerated": ("circular", "biggs_andrews", 0.0),
}


def kernel_of(size):
    return psf.born_wolf((size,) * 3, (0.1, 0.1, 0.1), 0.5, 1.4, 1.5)


def observation(shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32) + 0.1


def iteration(variant, observed, kernel, device):
    boundary, acceleration, tv_weight = VARIANTS[variant]
    return RichardsonLucyIteration(
        torch.from_numpy(observed).to(device),
        Convolution(kernel, observed.shape, boundary, device=device),
        acceleration=acceleration,
        tv_weight=tv_weight,
    )


def speed(arguments):
    from skimage.restoration import richardson_lucy as reference

    observed, kernel = observation(arguments.shape), kernel_of(arguments.kernel)
    narrow = kernel.astype(np.float32)
    ours = {name: iteration(name, observed, kernel, arguments.device) for name in VARIANTS}
    for each in ours.values():  # the third step is the first that extrapolates
        for _ in range(3):
            each.step()
    seconds = {name: [] for name in ("scikit-image", *ours)}
    for _ in range(arguments.repeats):
        begin = time.perf_counter()
        reference(observed, narrow, num_iter=STEPS, clip=False)
        seconds["scikit-image"].append((time.perf_counter() - begin) / STEPS)
        for name, each in ours.items():
            begin = time.perf_counter()
            for _ in range(STEPS):
                each.step()  # its loss is read: the device has done its work
            if arguments.device == "cuda":
                torch.cuda.synchronize()
            seconds[name].append((time.perf_counter() - begin) / STEPS)
    theirs = statistics.median(seconds["scikit-image"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(
            f"{name}: {median:.4f} s per iteration (fastest {min(values):.4f});"
            f" scikit-image / this: {theirs / median:.2f}"
        )


def peak_bytes():
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def held_bytes():
    """Memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def print_memory(variant, arguments):
    """For the child process: memory of an iteration and its steps, in volumes."""
    kernel = kernel_of(arguments.kernel)
    small = iteration(variant, observation([arguments.kernel] * 3), kernel, arguments.device)
    for _ in range(4):
        small.step()
    del small
    observed = observation(arguments.shape)
    if arguments.device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
    else:
        ctypes.CDLL(None).malloc_trim(0)
        # A peak is only seen above the earlier one: hold memory until there is no slack below it.
        ballast = np.ones(max(0, peak_bytes() - held_bytes()) // 8)
        before = held_bytes() - observed.nbytes
    running = iteration(variant, observed, kernel, arguments.device)
    for _ in range(4):
        running.step()
    if arguments.device == "cuda":
        peak = torch.cuda.max_memory_allocated()
    else:
        del ballast
        peak = peak_bytes()
    print((peak - before) / observed.nbytes)


def memory(arguments):
    for name in VARIANTS:
        child = [sys.executable, __file__, "--memory", name, "--threads", str(arguments.threads)]
        child += ["--shape", *map(str, arguments.shape), "--kernel", str(arguments.kernel)]
        child += ["--device", arguments.device]
        found = subprocess.run(child, check=True, capture_output=True, text=True).stdout
        print(f"{name}: {float(found):.1f} volumes in all")


def borders(arguments):
    kernel = kernel_of(arguments.kernel)
    margin = arguments.kernel // 2
    shape = [96 + 2 * margin, 128 + 2 * margin, 128 + 2 * margin]
    settings = {
        "shape": shape,
        "voxel_size": [0.1, 0.1, 0.1],
        "filaments": 24,
        "radius": 0.15,
        "persistence_length": 20.0,
        "planar_factor": 0.3,
    }
    larger = microtubules.volume("microtubules_validation1", settings)
    inside = (slice(margin, -margin),) * 3
    truth = larger[inside]

    def blur(volume):
        operator = Convolution(kernel, volume.shape)
        return operator.apply(torch.from_numpy(volume)).clamp_(min=0).numpy()

    scenes = {
        "nothing outside": blur(np.ascontiguousarray(truth)),
        "cut out": np.ascontiguousarray(blur(larger)[inside]),
    }

    def error(estimate, planes):
        difference = estimate[planes].astype(np.float64) - truth[planes]
        return np.sqrt(np.sum(difference**2) / np.sum(truth[planes].astype(np.float64) ** 2))

    outer = np.r_[0:8, -8:0]
    between = np.arange(8, len(truth) - 8)
    for scene, observed in scenes.items():
        for normalise in (True, False):
            found = richardson_lucy(
                observed,
                kernel,
                50,
                acceleration="biggs_andrews",
                normalise=normalise,
                device=arguments.device,
            ).estimate
            print(
                f"{scene}, {'with' if normalise else 'without'} H^T 1: relative error"
                f" {error(found, outer):.3f} in the outer 8 planes,"
                f" {error(found, between):.3f} between"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[64, 256, 256], metavar="N")
    parser.add_argument("--kernel", type=int, default=31, help="voxels along each axis")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--memory", choices=list(VARIANTS), help="print only the memory")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        print_memory(arguments.memory, arguments)
        return
    size = " x ".join(map(str, arguments.shape))
    where = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"
    print(
        f"{size} with {arguments.kernel}^3, {arguments.threads} threads, {where},"
        f" torch {torch.__version__}"
    )
    speed(arguments)
    memory(arguments)
    borders(arguments)


if __name__ == "__main__":
    main()
