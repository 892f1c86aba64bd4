"""What stands above and beneath Table 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focusbench.report.cost import BUSY
from focusbench.report.tables import MARK, provenance, span
from focusbench.tracks.refocus.paper_networks import PLANES, SIDE

PAPER_DEVICE = "RTX 2080 Ti"  # section IV-C-4
CONVENTION = (
    "GFLOPs: thousand million operations for what a row stands for, in the convention that meets "
    "the paper's: twice the sum of multiplications of convolutions, of added biases and of values "
    "of activations. Pooling, enlarging, sums of features and tanh are left out: of MFPINet we "
    "count 264.1 so, where 264.2 is printed. SRGAN's normalisations count two operations a value "
    "before the doubling, although they could be merged into the convolutions."
)
LINEAR_NOTE = (
    f"linear_per_plane: {PLANES} x 3 filters of 15 x 15 weights and a constant, each on one colour "
    "of the enlarged image, as direct sums, without the enlarging; it runs on the CPU and is no "
    "network, so its time stands in the table of costs alone."
)
RATIO = (
    "Ratio: one image to all planes. The paper's 24 are its times; by operations MFPINet would be "
    "31.7 times as fast. 11 times its 61.3 ms for one plane of Deep-Z are 674.3 ms, up to rounding "
    "the 673.8 ms that it prints for all of them: what Deep-Z loses it loses by its passes."
)


def summary(measured: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Say what is shown, and what its numbers may be compared with."""
    text = (
        f"From one image of {SIDE} x {SIDE} pixels (Deep-Z: {2 * SIDE} x {2 * SIDE}) to planes of "
        f"{2 * SIDE} x {2 * SIDE}, with networks of the paper's size whatever the preset: "
        "operations and parameters are counted on the networks themselves and can be set beside "
        "the paper's."
    )
    if not measured.get("networks"):
        return f"{text} No time was measured in this run, so the paper's stand alone."
    side = int(measured["side"])
    words = (
        "another device and other software"
        if side == SIDE
        else f"another device and other software, and images of {side} x {side} pixels (Deep-Z: "
        f"{2 * side} x {2 * side}), not {SIDE} x {SIDE}"
    )
    return f"{text} Published and measured times are not comparable: {words}."


def notes(
    measured: Mapping[str, Any], runs: Sequence[int], settings: Mapping[str, Any]
) -> list[str]:
    """Say how the table was made, and what its columns mean; `runs`: of each measurement."""
    version, differs = provenance(settings)
    lines = [version, differs, CONVENTION, LINEAR_NOTE]
    if runs:
        lines += _timing(measured, runs, settings)
    lines.append(RATIO)
    lines.append(
        "The paper's time of MFPINet is the mean of a thousand runs; how it was taken is not told."
    )
    lines.append("The CSV file holds full precision.")
    return lines


def _timing(
    measured: Mapping[str, Any], runs: Sequence[int], settings: Mapping[str, Any]
) -> list[str]:
    side, wanted = int(measured["side"]), measured.get("runs")
    told = [f"{key} {value}" for key, value in (measured.get("versions") or {}).items()]
    processor = measured.get("processor")
    machine = ", ".join([*([f"the processor {processor}"] if processor else []), *told])
    lines = [
        f"Times: median and quartiles of {span(runs)} runs each, after a warm-up of "
        f"{measured.get('warm_up', 0)}, from an image on the device to planes on the device, one "
        "image at a time, with torch's starting values (time does not hang on them); nothing is "
        f"compiled. Measured with {machine or 'unknown versions'}."
    ]
    if side != SIDE:
        lines.append(
            f"Timed on a low-resolution image of {side} x {side} pixels (preset "
            f"{settings['preset']}), {SIDE / side:.3g} times less along a side than in the paper; "
            f"the GFLOPs of the first block are for {SIDE} x {SIDE}. Small images use a device "
            "otherwise than large ones: take times, and their ratio, from a run of the paper's "
            "size (tracks.refocus.network_times.side)."
        )
    if wanted and min(runs) < wanted:
        lines.append(
            f"Of {wanted} runs that were wanted, some measurements have fewer: the time budget "
            "ended them."
        )
    load = measured.get("load_before")
    if load is not None:
        busy = load > BUSY
        lines.append(
            f"{f'{MARK} ' if busy else ''}Load average of the machine before the measurement: "
            f"{load:.1f}"
            + (": something else ran, and the times may be too long." if busy else ".")
        )
    precisions = {one.get("precision", "float32") for one in measured["networks"].values()}
    if len(precisions) > 1:
        lines.append(
            "float32: without TF32. tf32: convolutions with 10 bits of mantissa. bfloat16: what "
            "bears it, by autocast. The paper's GPU knows neither of the two."
        )
    return lines
