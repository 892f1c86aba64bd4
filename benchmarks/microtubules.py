"""Calibration of the synthetic microtubules against the paper's Input row; time for a volume.

    python benchmarks/microtubules.py [--shape 128 256 512] [--filaments 60]

Blurs eight volumes with the Born-Wolf PSF (NA 1.4, index 1.5, 500 nm, 31^3 voxels of 0.1 um, unit
sum, zero-padded), adds noise of 20 dB, half of its power Gaussian, and scores the result against
the truth. Named reference: Table I of Lim et al. 2020, Input row. The Richards-Wolf PSF is scored
beside it; nothing was tuned on it.
"""

import argparse
import subprocess
import sys
import time
import zlib

import numpy as np
from scipy.signal import fftconvolve
from skimage.metrics import structural_similarity

from focusbench.data import microtubules
from focusbench.evaluation.metrics import psnr
from focusbench.optics import noise, psf

SAMPLES = (
    *(f"microtubules_test{i}" for i in range(1, 6)),
    "microtubules_validation1",
    "microtubules_train1",
    "microtubules_train2",
)
RECIPE = {
    "voxel_size": (0.1, 0.1, 0.1),
    "radius": 0.15,
    "persistence_length": 20.0,
    "planar_factor": 0.3,
}
LENS = ((0.1, 0.1, 0.1), 0.5, 1.4, 1.5)
PAPER = "paper, Input: PSNR 22.30 dB, SSIM 0.7275; Richards-Wolf minus Born-Wolf +0.22, +0.0073"
COLUMNS = (
    ("filled %", "{:.3f}"),  # voxels above 0.5
    ("PSNR", "{:.2f}"),
    ("SSIM", "{:.4f}"),
    ("photons", "{:.0f}"),  # in the brightest voxel
    ("peak SNR", "{:.2f}"),
    ("SNR", "{:.3f}"),
    ("256 photons", "{:.2f}"),  # average SNR of their shot noise alone
    ("RW-BW PSNR", "{:+.3f}"),
    ("RW-BW SSIM", "{:+.4f}"),
    ("s a volume", "{:.2f}"),
)


def observe(truth, kernel, snr_db, gaussian_fraction, seed):
    """Noise-free image, its noise, and the noisy image."""
    image = np.maximum(fftconvolve(truth, kernel.astype(np.float32), "same"), 0)
    found = noise.solve(image, snr_db, gaussian_fraction)
    return image, found, noise.draw(image, found, np.random.default_rng(seed))


def similarity(truth, observed):
    return structural_similarity(truth, observed, data_range=1)  # uniform window of 7^3


def measure(sample, settings, kernels, arguments):
    start = time.perf_counter()
    truth = microtubules.volume(sample, settings)
    seconds = time.perf_counter() - start
    seed = zlib.crc32(sample.encode())
    scores = []
    for kernel in kernels:
        image, found, observed = observe(
            truth, kernel, arguments.snr, arguments.gaussian_fraction, seed
        )
        scores.append((psnr(truth, observed, 1), similarity(truth, observed)))
        if kernel is kernels[0]:
            peak = float(image.max())
            alone = 256 / peak * np.mean(image**2, dtype=float) / image.mean(dtype=float)
            told = (
                peak * found.photons,
                noise.peak_snr(image, found),
                noise.snr(image, observed),
                10 * np.log10(alone),
            )
    (level, similar), (other_level, other_similar) = scores
    return (
        100 * float((truth > 0.5).mean()),
        level,
        similar,
        *told,
        other_level - level,
        other_similar - similar,
        seconds,
    )


def line(name, values, signs=True):
    cells = (
        (form if signs else form.replace("+", "")).format(value).rjust(len(title))
        for (title, form), value in zip(COLUMNS, values, strict=True)
    )
    return f"{name:<25} " + "  ".join(cells)


def cold_seconds(settings):
    """Of a process of its own, interpreter and imports included."""
    code = f"from focusbench.data import microtubules as m; m.volume('{SAMPLES[0]}', {settings!r})"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[128, 256, 512], metavar="N")
    parser.add_argument("--filaments", type=int, default=60)
    parser.add_argument("--snr", type=float, default=20.0, help="dB")
    parser.add_argument("--gaussian-fraction", type=float, default=0.5)
    arguments = parser.parse_args()
    settings = {**RECIPE, "shape": arguments.shape, "filaments": arguments.filaments}
    cube = tuple(min(31, n - 1 + n % 2) for n in arguments.shape)
    kernels = (psf.born_wolf(cube, *LENS), psf.richards_wolf(cube, *LENS))
    print(f"{settings}, {arguments.snr:g} dB, Gaussian share {arguments.gaussian_fraction:g}")
    print(f"{'':<25} " + "  ".join(title for title, _ in COLUMNS))
    rows = []
    for sample in SAMPLES:
        rows.append(measure(sample, settings, kernels, arguments))
        print(line(sample, rows[-1]), flush=True)
    print(line("mean", np.mean(rows, axis=0)))
    print(line("standard deviation", np.std(rows, axis=0, ddof=1), signs=False))
    print(PAPER)
    print(f"one volume in a fresh process: {cold_seconds(settings):.2f} s")


if __name__ == "__main__":
    main()
