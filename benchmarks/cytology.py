"""Synthetic cytology slides: colours, spectra, focus, worth of the input, time, a sheet.

    python benchmarks/cytology.py [--side 384] [--fields 3] [--sheet FILE.png] [--real STACK.tif]

No real slide stands beside: `--real` prints spectra and focus of a stack of one's own (a multi-page
RGB TIFF). Colours are those of pixels of the middle plane, sorted by their absorbance (natural
logarithm, background 0): nucleus where red's is above 0.6; else, above a sum of 0.15, cyan, pink or
orange by the channel that absorbs most. Slopes are of the power against frequency, from 0.01 to 0.2
cycles a pixel, log against log; photographs of scenes have -2.4 (-1.6 to -3: Tolhurst et al. 1992).
PSNR is the mean of the fields' on uint8: of the middle plane, and of the track's input enlarged by
a cubic spline, against each plane. The paper's network reaches 36.0 to 40.3 dB on real slides.
"""

import argparse
import time

import numpy as np
from scipy import ndimage

from focusbench.data import cytology, cytology_names, foreground
from focusbench.optics import refocus_degradation

BAND = (0.01, 0.2)  # cycles a pixel
BLOCK = 48  # px, in which the sharpest plane is looked for
COLOURS = ("cyan", "pink", "orange")


def absorbance(plane, background):
    return -np.log(np.maximum(plane, 1) / background)


def colours(planes):
    """Median (R, G, B) and share of the pixels, by kind."""
    pixels = np.concatenate([plane.reshape(-1, 3) for plane in planes]).astype(float)
    background = np.percentile(pixels, 99, axis=0)
    absorbed = absorbance(pixels, background)
    nucleus = absorbed[:, 0] > 0.6
    stained = ~nucleus & (absorbed.sum(1) > 0.15)
    kinds = {"nucleus": nucleus}
    for channel, name in enumerate(COLOURS):
        kinds[name] = stained & (absorbed.argmax(1) == channel)
    kinds["background"] = ~nucleus & ~stained
    return {
        name: (100 * mask.mean(), np.median(pixels[mask], axis=0) if mask.any() else np.zeros(3))
        for name, mask in kinds.items()
    }


def slope(plane):
    """Exponent of the radial power of the grey values, and the power at some frequencies."""
    grey = plane.mean(axis=-1)
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2 / (window**2).sum()
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in grey.shape), indexing="ij"))
    edges = np.geomspace(*BAND, 12)
    found = np.digitize(frequency.ravel(), edges)
    inside = [power.ravel()[found == index] for index in range(1, len(edges))]
    means = np.array([one.mean() if one.size else np.nan for one in inside])
    middles = np.sqrt(edges[1:] * edges[:-1])
    known = np.isfinite(means)
    return np.polyfit(np.log(middles[known]), np.log(means[known]), 1)[0]


def sharpest(stack):
    """Of the blocks with cells, how many are sharpest in each plane, %."""
    grey = stack.astype(float).mean(axis=-1)
    fine = np.stack([ndimage.gaussian_laplace(plane, 1.2) ** 2 for plane in grey])
    rows, columns = (side // BLOCK for side in grey.shape[1:])
    cut = fine[:, : rows * BLOCK, : columns * BLOCK]
    energy = cut.reshape(len(fine), rows, BLOCK, columns, BLOCK).mean(axis=(2, 4))
    energy = energy.reshape(len(fine), -1)
    clear = energy.max(0) > 3 * np.median(energy, axis=0)
    counts = np.bincount(energy.argmax(0)[clear], minlength=len(fine))
    return 100 * counts / max(counts.sum(), 1)


def psnr(one, other):
    return 10 * np.log10(255**2 / max(np.mean((one.astype(float) - other) ** 2), 1e-9))


def enlarged(image):
    """Cubic spline at the places that halving kept."""
    where = (np.arange(2 * n) / 2 - 0.25 for n in image.shape[:2])
    grid = np.meshgrid(*where, indexing="ij")
    channels = [
        ndimage.map_coordinates(image[..., c].astype(float), grid, order=3, mode="nearest")
        for c in range(3)
    ]
    return np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255)


def report(name, stacks):
    """Print what is true of any stacks."""
    planes = range(len(stacks[0]))
    slopes = [np.mean([slope(stack[plane]) for stack in stacks]) for plane in planes]
    focus = np.mean([sharpest(stack) for stack in stacks], axis=0)
    middle = len(stacks[0]) // 2
    same = [np.mean([psnr(s[middle], s[plane]) for s in stacks]) for plane in planes]
    same[middle] = np.nan
    print(f"{name:<10} slope    " + " ".join(f"{one:6.2f}" for one in slopes))
    print(f"{'':<10} sharpest " + " ".join(f"{one:6.1f}" for one in focus) + " % of the blocks")
    print(f"{'':<10} middle   " + " ".join(f"{one:6.1f}" for one in same) + " dB")
    if not any(side % 2 for side in stacks[0].shape[1:3]):
        seen = [enlarged(refocus_degradation.degrade(s[middle])) for s in stacks]
        worth = [
            np.mean([psnr(one, s[plane]) for one, s in zip(seen, stacks, strict=True)])
            for plane in planes
        ]
        print(f"{'':<10} input    " + " ".join(f"{one:6.1f}" for one in worth) + " dB")


def sheet(slides, path):
    """Middle planes of a field of each slide, the input below; then one field through focus."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    through = slides[0][1][0]
    rows = 2 + -(-len(through) // len(slides))
    figure = Figure(figsize=(3 * len(slides), 3.1 * rows), layout="compressed")
    axes = figure.subplots(rows, len(slides), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for column, (name, stacks) in enumerate(slides):
        plane = stacks[0][len(through) // 2]
        axes[0, column].imshow(plane)
        axes[0, column].set_title(f"slide {name}", fontsize=8)
        axes[1, column].imshow(refocus_degradation.degrade(plane))
        axes[1, column].set_title("input", fontsize=8)
    step = cytology.RECIPE["z_step"]
    for index, plane in enumerate(through):
        row, column = divmod(index, len(slides))
        axes[2 + row, column].imshow(plane)
        title = f"{(index - len(through) // 2) * step:+.1f} um"
        axes[2 + row, column].set_title(title, fontsize=8)
    figure.savefig(path, dpi=170)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=384, help="pixels")
    parser.add_argument("--fields", type=int, default=3, help="of each slide")
    parser.add_argument("--sheet", help="PNG of the slides and of a field through focus")
    parser.add_argument("--real", help="multi-page RGB TIFF of a real stack")
    arguments = parser.parse_args()
    settings = {"shape": (arguments.side, arguments.side)}
    cytology.stack(cytology_names.name(1, 1), settings)  # transfer functions are kept
    print(f"columns: planes from {-5 * cytology.RECIPE['z_step']} um up; {settings['shape']} px")
    slides, seconds = [], []
    for use, numbers in cytology_names.SPLIT.items():
        for slide in numbers:
            stacks = []
            for field in range(1, arguments.fields + 1):
                start = time.process_time()
                stacks.append(cytology.stack(cytology_names.name(slide, field), settings))
                seconds.append(time.process_time() - start)
            found = colours([stack[len(stack) // 2] for stack in stacks])
            cells = np.mean([foreground.holds_cells(one[len(one) // 2]) for one in stacks])
            print(f"slide {slide} ({use}); {100 * cells:.0f} % of the fields hold cells")
            for name, (share, median) in found.items():
                print(
                    f"{'':<10} {name:<10} {share:5.1f} %  RGB "
                    + " ".join(f"{v:3.0f}" for v in median)
                )
            report(f"s{slide}", stacks)
            slides.append((f"{slide} ({use})", stacks))
    print(f"{np.mean(seconds):.2f} CPU-s a field of {settings['shape']} pixels, 11 planes")
    if arguments.real:
        from focusbench import images

        report("real", [images.read_volume(arguments.real, "ZYXC").array])
    if arguments.sheet:
        sheet(slides, arguments.sheet)


if __name__ == "__main__":
    main()
