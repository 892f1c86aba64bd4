"""Synthetic nuclei beside real ones: their statistics, a sheet of pictures, time for a field.

    python benchmarks/nuclei.py DIRECTORY [--fields 27] [--sheet FILE.png]

DIRECTORY holds in-focus fields of BBBC006 (named as `focusbench.data.bbbc006` accepts); they are
the named reference. The synthetic fields are `nuclei_1` to `nuclei_27` with the module's own
settings. Both go through the same segmentation: threshold 150 counts over the background's mode
after a Gaussian of 1 px, watershed of the distance transform; what touches the border, or is under
30 px, is left out of the medians.
"""

import argparse
import itertools
import time

import numpy as np
from scipy import ndimage
from skimage import feature, measure, segmentation

from focusbench.data import bbbc006, nuclei

OVER = 150  # counts
LEAST = 30  # px
GAIN, OFFSET, READ_NOISE = (nuclei.RECIPE[key] for key in ("gain", "offset", "read_noise"))
QUANTILES = (5, 25, 50, 75, 95)
PERCENTILES = (1, 50, 75, 90, 99, 99.9)
DISTANCES = ((1, 2), (2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (12, 20), (20, 30), (30, 50))
BINS = np.geomspace(0.004, 0.5, 13)  # cycles a pixel
BODY = ("area px", "axis ratio", "solidity", "brightness", "light / 1000", "contrast", "fine")


def background(image):
    """Mode of the counts."""
    counts = np.bincount(image.ravel().astype(int), minlength=600)[:600]
    return float(np.argmax(ndimage.gaussian_filter1d(counts.astype(float), 2)))


def labels(image):
    """Background, counts above it and the nuclei's labels."""
    level = background(image)
    above = image.astype(float) - level
    mask = ndimage.gaussian_filter(above, 1) > OVER
    mask = ndimage.binary_fill_holes(ndimage.binary_opening(mask, np.ones((3, 3))))
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1.5)
    peaks = feature.peak_local_max(
        depth, min_distance=6, labels=measure.label(mask), exclude_border=False
    )
    seeds = np.zeros(image.shape, int)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return level, above, segmentation.watershed(-depth, seeds, mask=mask)


def bodies(level, above, found):
    """One row of `BODY` a nucleus, and how many there are with those at the border."""
    rows, count = [], 0
    for region in measure.regionprops(found, intensity_image=above):
        if region.area < LEAST:
            continue
        count += 1
        top, left, bottom, right = region.bbox
        if top == 0 or left == 0 or bottom == found.shape[0] or right == found.shape[1]:
            continue
        values = region.image_intensity
        inner = ndimage.binary_erosion(np.pad(region.image, 1), iterations=4)[1:-1, 1:-1]
        contrast = fine = np.nan
        mean = region.intensity_mean
        if inner.sum() > 60:
            mean = values[inner].mean()
            noise = GAIN * (mean + level - OFFSET) + READ_NOISE**2
            contrast = np.sqrt(max(values[inner].var() - noise, 0)) / mean
            weight = np.maximum(ndimage.gaussian_filter(inner.astype(float), 3), 1e-3)
            smooth = ndimage.gaussian_filter(values * inner, 3) / weight
            rest = (values - smooth)[inner].var() - 0.96 * noise
            fine = np.sqrt(max(rest, 0)) / mean
        axes = region.axis_major_length / max(region.axis_minor_length, 1e-9)
        light = region.intensity_mean * region.area / 1000
        rows.append((region.area, axes, region.solidity, mean, light, contrast, fine))
    return rows, count


def halo(above, found):
    """Median counts above the background at distances from the nuclei."""
    far = ndimage.distance_transform_edt(found == 0)
    rings = [(far >= low) & (far < high) for low, high in DISTANCES]
    return [np.median(above[ring]) if ring.sum() > 100 else np.nan for ring in rings]


def rim(above, found):
    """Counts over those of the core, 1 to 7 px inside the outline of single ordinary nuclei."""
    profiles = []
    for region in measure.regionprops(found, intensity_image=above):
        if not 400 <= region.area <= 1200 or region.solidity < 0.95:
            continue
        depth = ndimage.distance_transform_edt(np.pad(region.image, 1))[1:-1, 1:-1]
        values, core = region.image_intensity, depth > 6
        if core.sum() >= 80 and values[core].mean() < 800:
            rings = [values[(depth >= k) & (depth < k + 1)].mean() for k in range(1, 8)]
            profiles.append(np.array(rings) / values[core].mean())
    return profiles


def spectrum(image):
    """log10 of the power by frequency, counts^2."""
    field = image.astype(float) - image.mean()
    window = np.outer(*(np.hanning(side) for side in field.shape))
    power = np.abs(np.fft.fft2(field * window)) ** 2 / (window**2).sum()
    frequency = np.hypot(*np.ix_(*(np.fft.fftfreq(side) for side in field.shape)))
    edges = itertools.pairwise(BINS)
    return [np.log10(power[(frequency >= a) & (frequency < b)].mean()) for a, b in edges]


def empty(image, side=84):
    """Percent of the patches side by side that He et al. 2020 call background (2.1)."""
    rows, columns = (n // side for n in image.shape)
    cut = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
    most, least = cut.max(axis=(1, 3)).astype(int), cut.min(axis=(1, 3)).astype(int)
    return 100 * float(((most < 230) & (most - least < 30)).mean())


def statistics(images):
    """Everything that is compared, by name: (values, their form)."""
    rows, counts, covers, modes, halos, rims = [], [], [], [], [], []
    for image in images:
        level, above, found = labels(image)
        mine, count = bodies(level, above, found)
        rows += mine
        counts.append(count)
        covers.append(100 * (found > 0).mean())
        modes.append(level)
        halos.append(halo(above, found))
        rims += rim(above, found)
    table = np.array(rows)
    told = {
        "nuclei a field": (np.percentile(counts, QUANTILES), "{:.0f}"),
        "cover %": (np.percentile(covers, QUANTILES), "{:.1f}"),
        "bg patches %": (np.percentile([empty(image) for image in images], QUANTILES), "{:.0f}"),
        "background": (np.percentile(modes, QUANTILES), "{:.0f}"),
        "std of a field": (np.percentile([image.std() for image in images], QUANTILES), "{:.0f}"),
    }
    for index, name in enumerate(BODY):
        form = "{:.0f}" if np.nanmedian(table[:, index]) > 10 else "{:.3f}"
        told[name] = (np.nanpercentile(table[:, index], QUANTILES), form)
    percentiles = np.mean([np.percentile(image, PERCENTILES) for image in images], axis=0)
    told["percentiles 1 .. 99.9"] = (percentiles, "{:.0f}")
    told["halo 1 .. 50 px"] = (np.nanmedian(halos, axis=0), "{:.0f}")
    told["rim 1 .. 7 px"] = (np.mean(rims, axis=0), "{:.2f}")
    told["log10 power"] = (np.median([spectrum(image) for image in images], axis=0), "{:.2f}")
    return told


def sheet(real, drawn, path, columns=3):
    """Real fields beside synthetic ones, on one grey scale (100 to 1000 counts, gamma 0.6)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    rows = -(-min(len(real), len(drawn)) // columns)
    figure = Figure(figsize=(6 * columns, 2.4 * rows), layout="compressed")
    axes = figure.subplots(rows, 2 * columns, squeeze=False)
    for index, ax in enumerate(axes.flat):
        row, column = divmod(index, 2 * columns)
        side, place = divmod(column, columns)
        images = (real, drawn)[side]
        ax.axis("off")
        if row * columns + place < len(images):
            shown = np.clip((images[row * columns + place] - 100.0) / 900, 0, 1) ** 0.6
            ax.imshow(shown, cmap="gray", vmin=0, vmax=1)
            ax.set_title(("real", "synthetic")[side], fontsize=8)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("--fields", type=int, default=27, help="synthetic ones")
    parser.add_argument("--sheet", help="PNG of real and synthetic fields side by side")
    arguments = parser.parse_args()
    real = [bbbc006.read(one) for one in bbbc006.fields(arguments.directory)]
    start = time.perf_counter()
    drawn = [nuclei.field(f"nuclei_{i}", {}) for i in range(1, arguments.fields + 1)]
    seconds = (time.perf_counter() - start) / arguments.fields
    print(f"{len(real)} real fields, {len(drawn)} synthetic; quantiles {QUANTILES} in %,")
    print(f"percentiles {PERCENTILES}, halo at {DISTANCES} px, power from 0.004 to 0.5 cycles/px")
    mine = statistics(drawn)
    for name, (values, form) in statistics(real).items():
        for who, numbers in (("real", values), ("synthetic", mine[name][0])):
            print(f"{name:<22} {who:<10}" + " ".join(form.format(v).rjust(6) for v in numbers))
    print(f"{seconds:.2f} s a field")
    if arguments.sheet:
        sheet(real, drawn, arguments.sheet)


if __name__ == "__main__":
    main()
