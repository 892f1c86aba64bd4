"""What the refocus track's stages found, as Markdown."""

import statistics

import numpy as np


def page(record):
    """Lines of Markdown of the stages of this file."""
    lines = []
    if "networks" in record:
        lines += _table_3(record["networks"])
    if "steps" in record:
        lines += ["", "## A step of mfpinet's training, by precision", ""]
        lines += ["| precision | ms | loading, % | peak, GiB |", "|---|---|---|---|"]
        for digits, row in record["steps"].items():
            share, peak = 100 * row["loading share"], row["peak memory, GiB"]
            lines.append(
                f"| {digits} | {1e3 * row['seconds a step']:.4g} | {share:.2g} | {peak:.3g} |"
            )
    if "training" in record:
        lines += _training_page(record["training"])
    return lines


def _table_3(found):
    side = found["side"]
    lines = ["", f"## Networks of the paper's size, {side} to {2 * side} px", ""]
    lines += ["| network | precision | runs | median, ms | 5 to 95 % |", "|---|---|---|---|---|"]
    medians = {}
    for key, row in found["networks"].items():
        spent = row["milliseconds"]
        medians[key] = statistics.median(spent)
        low, high = np.percentile(spent, (5, 95))
        name = key.removesuffix(f"_{row['precision']}")
        lines.append(
            f"| {name} | {row['precision']} | {len(spent)} | {medians[key]:.4g} | "
            f"{low:.4g} to {high:.4g} |"
        )
    for end in ("", "_tf32", "_bfloat16"):
        pair = medians.get(f"deep_z{end}"), medians.get(f"mfpinet{end}")
        if all(pair):
            lines.append("")
            lines.append(
                f"11 planes of deep_z over mfpinet, {end[1:] or 'float32'}: "
                f"{pair[0] / pair[1]:.1f} times (paper 24, by operations 31.7)"
            )
    return lines


def _training_page(found):
    lines = ["", f"## Training of mfpinet, width {found['width']}", ""]
    kept = ("PSNR", "trace", "parameters")
    lines += [f"- {name}: {_number(value)}" for name, value in found.items() if name not in kept]
    lines += [f"- parameters of {name}: {n:,}" for name, n in found["parameters"].items()]
    lines += ["", "PSNR on slides that were not seen, dB (mean over fields):", ""]
    lines += ["| method | planes | 0 um | others | by plane |", "|---|---|---|---|---|"]
    for name, planes in found["PSNR"]["methods"].items():
        count = len(planes) // 2
        others = statistics.mean([*planes[:count], *planes[count + 1 :]])
        every = " ".join(f"{one:.1f}" for one in planes)
        lines.append(
            f"| {name} | {statistics.mean(planes):.2f} | {planes[count]:.2f} | {others:.2f} | "
            f"{every} |"
        )
    lines += ["", "| step | s | PSNR of the watched field, dB |", "|---|---|---|"]
    for step, _, score, wall, _ in found["trace"]:
        lines.append(f"| {step} | {wall:.1f} | {_number(score)} |")
    return lines


def _number(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
