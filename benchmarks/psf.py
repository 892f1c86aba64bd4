"""Speed and accuracy of the point-spread functions against plain quadrature, in one run.

    python benchmarks/psf.py [--size 31] [--repeats 7] [--gibson-lanni FILE]

On one thread. The reference computes the integral of every voxel on its own, with 400
Gauss-Legendre nodes, as the papers write it; it runs once. The models run `--repeats` times, with
the nodes of their quadrature known from an earlier call, and their median counts; `first` is a call
that has to find the nodes.

`--gibson-lanni` compares with an 18 x 128 x 128 TIFF that the fast algorithm of Li, Xue and Blu
made (NA 1.4, 0.61 um, oil 1.5 on a sample of 1.33, depth 0, voxels 0.25 x 0.1 x 0.1 um).
"""

import argparse
import os
import statistics
import sys
import time

import numpy as np
from scipy.special import j0, j1

from focusbench.optics import psf, quadrature

VOXEL, WAVELENGTH, APERTURE, INDEX = 0.1, 0.5, 1.4, 1.5
LAYERS = {
    "immersion_index": INDEX,
    "immersion_index_design": INDEX,
    "coverslip_index": INDEX,
    "coverslip_index_design": INDEX,
    "immersion_thickness_design": 150.0,
    "coverslip_thickness": 170.0,
    "coverslip_thickness_design": 170.0,
}
GLYCEROL = LAYERS | {"sample_index": 1.45, "particle_depth": 8.0, "focus_shift": 0.336}
MODELS = {
    "born_wolf": (psf.born_wolf, {"refractive_index": INDEX}),
    "debye": (psf.debye, {"refractive_index": INDEX}),
    "richards_wolf": (psf.richards_wolf, {"refractive_index": INDEX}),
    "gibson_lanni": (psf.gibson_lanni, GLYCEROL),
}
WIDTHS = [  # wavelength um, aperture, index; nm, lateral and axial
    ("born_wolf", {}, (183.75, 677.98), (464.08, 3196.30)),
    ("born_wolf", {"convention": "printed"}, (275.62, 1016.97), (464.08, 3196.30)),
    ("debye", {}, (170.20, 460.69), (458.31, 2982.19)),
    ("richards_wolf", {}, (202.15, 476.34), (473.16, 2984.81)),
]
OPTICS = [(0.5, 1.4, 1.5), (0.451, 0.5, 1.0)]


def j2(argument):
    argument = np.maximum(argument, 1e-300)
    return 2 * j1(argument) / argument - j0(argument)


def pupil(name):
    """Nodes of the plain quadrature: transverse and axial wave number, fixed phase, and terms."""
    node, weight = np.polynomial.legendre.leggauss(400)
    node, weight = (node + 1) / 2, weight / 2
    k = 2 * np.pi / WAVELENGTH
    if name == "born_wolf":
        axial = -k * APERTURE**2 / INDEX * node**2 / 2
        return k * APERTURE * node, axial, 0 * node, [(1, j0, weight * node)]
    if name == "gibson_lanni":
        roots = [np.sqrt(n**2 - (APERTURE * node) ** 2) for n in (INDEX, GLYCEROL["sample_index"])]
        depth = GLYCEROL["particle_depth"]
        path = depth * roots[1] - depth * INDEX / GLYCEROL["sample_index"] * roots[0]
        path -= GLYCEROL["focus_shift"] * roots[0]
        return k * APERTURE * node, -k * roots[0], k * path, [(1, j0, weight * node)]
    theta = np.arcsin(APERTURE / INDEX) * node
    sine, cosine = np.sin(theta), np.cos(theta)
    weight = weight * sine
    root = weight * np.sqrt(cosine)
    terms = {
        "debye": [(1, j0, weight)],
        "richards_wolf": [
            (1, j0, root * (1 + cosine)),
            (2, j1, root * sine),
            (1, j2, root * (1 - cosine)),
        ],
    }
    return k * INDEX * sine, k * INDEX * cosine, 0 * node, terms[name]


def plain(name, size):
    """Every voxel by itself; one row of them at a time."""
    transverse, axial, fixed, terms = pupil(name)
    place = (np.arange(size) - (size - 1) / 2) * VOXEL
    volume = np.zeros((size,) * 3)
    for i, z in enumerate(place):
        for j, y in enumerate(place):
            radius = np.hypot(y, place)[:, None]
            wave = np.exp(1j * (axial * z + fixed))
            for strength, bessel, weight in terms:
                integral = (bessel(radius * transverse) * wave * weight).sum(axis=1)
                volume[i, j] += strength * np.abs(integral) ** 2
    return volume / volume.sum()


def seconds(call):
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def print_speed(size, repeats):
    grid = ((size,) * 3, (VOXEL,) * 3, WAVELENGTH, APERTURE)
    print(f"{size}^3 voxels of {VOXEL} um, NA {APERTURE}, index {INDEX}, {WAVELENGTH} um, 1 thread")
    print("model          subsamples  median ms  first ms  reference s  ratio  error / peak")
    for name, (model, options) in MODELS.items():
        slow, expected = seconds(lambda name=name: plain(name, size))
        for subsamples in (1, 3):

            def call(model=model, options=options, subsamples=subsamples):
                return model(*grid, **options, subsamples=subsamples)

            call()
            quadrature.gauss_legendre.cache_clear()
            first, made = seconds(call)
            median = statistics.median(seconds(call)[0] for _ in range(repeats))
            line = f"{name:14} {subsamples:10}  {1e3 * median:9.2f}  {1e3 * first:8.2f}"
            if subsamples == 1:
                error = np.abs(made - expected).max() / expected.max()
                line += f"  {slow:11.2f}  {slow / median:5.0f}  {error:12.1e}"
            print(line)


def print_closed_forms(size):
    k = 2 * np.pi / WAVELENGTH
    place = (np.arange(size) - (size - 1) / 2) * VOXEL
    v = np.maximum(k * APERTURE * np.hypot(place[:, None], place), 1e-12)
    airy = (2 * j1(v) / v) ** 2
    plane = psf.born_wolf((size,) * 2, (VOXEL,) * 2, WAVELENGTH, APERTURE, INDEX)
    axis = np.sinc(k * APERTURE**2 / INDEX * place / 4 / np.pi) ** 2
    line = psf.born_wolf((size, 1, 1), (VOXEL,) * 3, WAVELENGTH, APERTURE, INDEX).ravel()
    matched = LAYERS | {"sample_index": INDEX, "particle_depth": 0.0}
    layered = psf.gibson_lanni((size,) * 2, (VOXEL,) * 2, WAVELENGTH, APERTURE, **matched)
    print("\nclosed form                                      error / peak")
    for title, made, form in (
        ("Born-Wolf in focus: (2 J1(v) / v)^2", plane, airy),
        ("Born-Wolf on the axis: sinc(u / 4)^2", line, axis),
        ("Gibson-Lanni, matched, in focus: (2 J1(v) / v)^2", layered, airy),
    ):
        form = form / form.sum()
        print(f"{title:48} {np.abs(made - form).max() / form.max():.1e}")


def print_widths():
    print("\nFWHM in nm (expected)     NA 1.4, n 1.5, 500 nm                NA 0.5, n 1, 451 nm")
    for name, options, *expected in WIDTHS:
        cells = []
        for optics, widths in zip(OPTICS, expected, strict=True):
            for axis, width in zip((2, 0), widths, strict=True):
                step = width / 50_000
                shape = [151 if one == axis else 1 for one in range(3)]
                profile = MODELS[name][0](shape, (step,) * 3, *optics, **options).ravel()
                cells.append(f"{1000 * psf.fwhm(profile, step):8.2f} ({width:.2f})")
        print(f"{name + ' ' + options.get('convention', ''):22}" + "  ".join(cells))


def print_file(path):
    import tifffile

    expected = tifffile.imread(path).astype(np.float64)
    expected /= expected.sum()
    print("\nGibson-Lanni file, both of unit sum    error / peak   correlation")
    layers = LAYERS | {"sample_index": 1.33, "particle_depth": 0.0}
    for aperture in (1.4, 1.33):
        made = psf.gibson_lanni(expected.shape, (0.25, 0.1, 0.1), 0.61, aperture, **layers)
        error = np.abs(made - expected).max() / expected.max()
        correlation = np.corrcoef(made.ravel(), expected.ravel())[0, 1]
        print(f"  aperture {aperture:<28} {error:11.4f}   {correlation:.6f}")
    print(
        "The file cuts the pupil at the sample's index, 1.33 of 1.4, and interpolates linearly\n"
        "between radii half a pixel apart; with both done too, the model equals it to 1e-12\n"
        "(tests/optics/test_psf_gibson_lanni.py)."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=31)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--gibson-lanni", metavar="FILE")
    arguments = parser.parse_args()
    print_speed(arguments.size, arguments.repeats)
    print_closed_forms(arguments.size)
    print_widths()
    if arguments.gibson_lanni:
        print_file(arguments.gibson_lanni)


if __name__ == "__main__":
    if os.environ.get("OMP_NUM_THREADS") != "1":  # it is read when numpy is loaded
        os.execve(
            sys.executable, [sys.executable, *sys.argv], os.environ | {"OMP_NUM_THREADS": "1"}
        )
    main()
