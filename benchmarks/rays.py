"""Speed and memory of the ray model against a dense convolution, measured in one run.

    python benchmarks/rays.py [--sizes 50 128] [--threads N] [--repeats 7] [--no-baseline]

The baseline holds the same path lengths in a dense kernel, (rays, 2 Z - 1, y, x), and computes each
focused slice by one float32 `conv2d` with as many output channels as there are rays, then exp and
mean; its gradient is autograd's. It runs once, after a warm-up on one small volume; the model runs
`--repeats` times, after a warm-up, and its median counts. Both use the same number of threads.

GFMA/s counts a multiply-add for every path length that is not zero, once forward and twice
backward (light is recomputed, then gathered); exponentials come on top.

Memory: the peak of the process above what it held just before, after a warm-up, with the volume and
the tables of its size there: image, gradient and all that is padded or kept in between. Measured in
a process of its own; pages that the allocator keeps blur it by a few hundred kB.
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

from focusbench.optics.rays import Geometry, RayTransmission, path_lengths


class Dense(torch.nn.Module):
    """The ray model with its path lengths in one dense kernel."""

    def __init__(self, geometry):
        super().__init__()
        paths = path_lengths(geometry)
        self.n_slices = geometry.n_slices
        self.reach = int(max(np.abs(paths.dy).max(), np.abs(paths.dx).max()))
        side = 2 * self.reach + 1
        self.kernel = torch.zeros(paths.ray.max() + 1, 2 * self.n_slices - 1, side, side)
        depth = paths.depth + self.n_slices - 1
        at = (paths.ray, depth, paths.dy + self.reach, paths.dx + self.reach)
        self.kernel[at] = torch.from_numpy(paths.length).float()

    def forward(self, volume):
        stack = []
        for focus in range(self.n_slices):
            kernel = self.kernel[:, self.n_slices - 1 - focus : 2 * self.n_slices - 1 - focus]
            path = torch.nn.functional.conv2d(volume[None], kernel, padding=self.reach)
            stack.append(path.exp().mean(dim=1)[0])
        return torch.stack(stack)


def log_transmittance(size, n_slices):
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(n_slices, size, size, generator=generator) * -0.3
    return values.requires_grad_()


def forward_backward(model, volume):
    """Seconds of the image, and of the gradient of its sum."""
    begin = time.perf_counter()
    image = model(volume)
    middle = time.perf_counter()
    torch.autograd.grad(image.sum(), volume)
    return middle - begin, time.perf_counter() - middle, image.detach()


def peak_bytes():
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def held_bytes():
    """Memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def print_memory(size, geometry):
    """For the child process: volumes of extra memory of forward and backward."""
    model = RayTransmission(geometry)
    volume = log_transmittance(size, geometry.n_slices)
    forward_backward(model, volume)
    ctypes.CDLL(None).malloc_trim(0)
    # A peak is only seen above the earlier one: hold memory until there is no slack below it.
    ballast = np.ones(max(0, peak_bytes() - held_bytes()) // 8)
    before = held_bytes()
    forward_backward(model, volume)
    del ballast
    print((peak_bytes() - before) / (volume.numel() * 4))


def steps_of_image(geometry):
    """Path lengths that one column of pixels, all foci, walks."""
    paths = path_lengths(geometry)
    return int((geometry.n_slices - np.abs(paths.depth)).sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 128])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--no-baseline", action="store_true", help="skip the slow dense form")
    parser.add_argument("--memory", type=int, metavar="SIZE", help="print only the memory")
    arguments = parser.parse_args()
    geometry = Geometry()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        print_memory(arguments.memory, geometry)
        return
    model = RayTransmission(geometry)
    print(f"{arguments.threads} threads, torch {torch.__version__}, {geometry}")
    if not arguments.no_baseline:
        dense = Dense(geometry)
        forward_backward(dense, log_transmittance(8, geometry.n_slices))
    for size in arguments.sizes:
        volume = log_transmittance(size, geometry.n_slices)
        forward_backward(model, volume)
        runs = [forward_backward(model, volume) for _ in range(arguments.repeats)]
        forward, backward = (statistics.median(run[k] for run in runs) for k in (0, 1))
        work = steps_of_image(geometry) * size**2 / 1e9
        print(
            f"{size}x{size}x{geometry.n_slices}: forward {forward:.4f} s, backward {backward:.4f} s"
            f" (median of {arguments.repeats}; fastest {min(run[0] for run in runs):.4f},"
            f" {min(run[1] for run in runs):.4f}); {work / forward:.1f} and"
            f" {2 * work / backward:.1f} GFMA/s"
        )
        child = [sys.executable, __file__, "--memory", str(size)]
        child += ["--threads", str(arguments.threads)]
        memory = subprocess.run(child, check=True, capture_output=True, text=True).stdout
        print(f"  extra memory {float(memory):.1f} volumes (allowed: {geometry.n_slices + 6})")
        if not arguments.no_baseline:
            slow = forward_backward(dense, volume)
            apart = (slow[2] - runs[0][2]).abs().max().item()
            ratio = (slow[0] + slow[1]) / (forward + backward)
            print(
                f"  baseline: forward {slow[0]:.2f} s, backward {slow[1]:.2f} s;"
                f" ratio {ratio:.0f}; images differ by at most {apart:.1e}"
            )


if __name__ == "__main__":
    main()
