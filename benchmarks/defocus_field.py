"""Seconds to restore a field of varying defocus, against a plain loop of scipy in the same run.

    python benchmarks/defocus_field.py [--threads 1] [--repeats 5] [--shape 520 696]
                                       [--iterations 15] [--device cpu]

A field of random nuclei-like blobs, defocused by a plane that passes all 11 levels (kernels of
51 x 51), with shot noise, is restored by

- `field`: the whole field, kernels mixed from pixel to pixel, as `depth_variant_field` does it
  (building included): accelerated, with a weight of the variation and a spot;
- `field, plain`: the same without these, Richardson-Lucy alone;
- the reference: Richardson-Lucy written with `scipy.signal.fftconvolve`, 22 calls a step, on the
  field that a mirror continues, in float32; scipy's transforms use one thread;
- `patch_deconvolution` and the blind iteration on patches of 84 pixels, for what they cost.

Medians over the repeats, after a warm-up; each repeat runs all of them one after the other. The
ratio is the reference's seconds over ours. `difference` is the largest between `field, plain` and
the reference, relative to the brightest value.
"""

import argparse
import os
import statistics
import time

import numpy as np
import torch
from clock import device_name
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

from focusbench.methods.depth_variant_field import DepthVariantField
from focusbench.optics import defocus_psf, field_blur, level_maps
from focusbench.solvers import field_deconvolution, patch_deconvolution
from focusbench.solvers.patch_grid import PatchGrid, levels_of_patches


def field(shape):
    rng = np.random.default_rng(0)
    spots = np.zeros(shape)
    spots[rng.integers(0, shape[0], 150), rng.integers(0, shape[1], 150)] = 1
    blobs = gaussian_filter(spots, 7)
    return 120 + 1500 * blobs / blobs.max()


def plain(observed, kernels, levels, iterations):
    """Richardson-Lucy as one would write it down: scatter, its adjoint, H^T 1."""
    pad = kernels.shape[1] // 2
    kernels = kernels.astype(np.float32)
    weights = level_maps.level_weights(levels, len(kernels)).astype(np.float32)
    weights = np.pad(weights, ((0, 0), (pad, pad), (pad, pad)), mode="symmetric")
    observed = observed.astype(np.float32)
    rows, columns = observed.shape
    inside = (slice(pad, pad + rows), slice(pad, pad + columns))
    places = [np.pad(np.arange(n), pad, mode="symmetric") for n in observed.shape]

    def forward(x):
        wide = np.pad(x, pad, mode="symmetric")
        blurred = (fftconvolve(wide * w, k, "same") for w, k in zip(weights, kernels, strict=True))
        return sum(blurred)[inside]

    def adjoint(y):
        wide = np.pad(y, pad)
        pairs = zip(weights, kernels, strict=True)
        back = sum(w * fftconvolve(wide, k[::-1, ::-1], "same") for w, k in pairs)
        result = np.zeros_like(y)
        np.add.at(result, (places[0][:, None], places[1]), back)
        return result

    seen = adjoint(np.ones_like(observed))
    x = observed.copy()
    for _ in range(iterations):
        x = x / seen * adjoint(observed / forward(x))
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--shape", type=int, nargs=2, default=(520, 696))
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    shape, n, device = tuple(arguments.shape), arguments.iterations, arguments.device

    kernels = defocus_psf.level_psfs(in_focus="untouched")
    levels = level_maps.tilted_plane(shape, 0, 10, 30)
    clean = field_blur.blur(field(shape), kernels, levels)
    observed = field_blur.shot_noise(clean, np.random.default_rng(1))
    grids = {window: PatchGrid(shape, window=window) for window in ("rectangular", "triangular")}
    patches = {window: levels_of_patches(levels, grid) for window, grid in grids.items()}

    def of_patches(window):
        return patch_deconvolution.depth_variant(
            observed, kernels, patches[window], grids[window], n, device=device
        )

    def of_field(**settings):
        return field_deconvolution.deconvolve_field(
            observed, kernels, levels, None, n, device=device, **settings
        )

    ours = DepthVariantField()
    settings = {name: getattr(ours, name) for name in ("offset", "weight", "spot", "acceleration")}
    work = {
        "field": lambda: of_field(**settings),
        "field, plain": of_field,
        "scipy": lambda: plain(observed, kernels, levels, n),
        "patches, rectangular": lambda: of_patches("rectangular"),
        "patches, triangular": lambda: of_patches("triangular"),
        "patches, blind": lambda: patch_deconvolution.blind(
            observed, grids["rectangular"], device=device
        ),
    }
    print(f"{device_name(device)}; load {os.getloadavg()[0]:.1f}; field {shape}, {n} iterations")
    seconds = {name: [] for name in work}
    results = {}
    work["field"]()  # warm-up
    for _ in range(arguments.repeats):
        for name, do in work.items():
            begin = time.perf_counter()
            results[name] = do()  # on the CPU at the end: the device has done its work
            seconds[name].append(time.perf_counter() - begin)
    reference = statistics.median(seconds["scipy"])
    for name, times in seconds.items():
        median = statistics.median(times)
        spread = f"{min(times):.2f} to {max(times):.2f}"
        print(f"{name:22} {median:6.2f} s ({spread})   scipy / this {reference / median:5.2f}")
    difference = np.abs(results["field, plain"] - results["scipy"]).max() / results["scipy"].max()
    print(f"difference of plain field and scipy: {difference:.1e} of the brightest value")


if __name__ == "__main__":
    main()
