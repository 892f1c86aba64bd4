"""What stands above and beneath the table of networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focusbench.report.cost import BUSY
from focusbench.report.notes import preset_reasons
from focusbench.report.tables import MARK, provenance
from focusbench.tracks.deconvolution.learned import Training


def summary(settings: Mapping[str, Any], trainings: Sequence[Training]) -> str:
    """Say what the numbers may be compared with."""
    text = (
        "What the paper's section V-C prints, beside ours. Parameters at the paper's size do not "
        "depend on a run: they are counted on the networks themselves."
    )
    if not trainings:
        return f"{text} No method that learns was selected, so no training and no use is shown."
    reasons = [
        "the paper's are of another GPU, another code and other volumes",
        *preset_reasons(settings, "trains smaller networks for fewer steps"),
    ]
    return (
        f"{text} Published and reproduced times are not comparable: {'; '.join(reasons)}. Nothing "
        "is scaled from one size or device to another."
    )


def notes(
    settings: Mapping[str, Any],
    trainings: Sequence[Training],
    timed: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    version, differs = provenance(settings)
    lines = [
        version,
        differs,
        "Parameters: of all networks that are trained; a discriminator is three networks, for "
        "three sizes of patch. MiB: of the parameters alone, in float32. Gradients and the two "
        "moments of Adam each take as much again, so that shares of memory are the same; most of "
        "the peak memory of a training is intermediate results.",
        "The paper's size: a U-Net of 42 channels, a kernel of 31 x 31 x 31 voxels, discriminators "
        "of 32 channels. The paper prints none of these channels: ours were chosen so that 7 "
        "million and 61.3 % come out.",
        "Of the cycleGAN's: over the parameters of the conventional cycleGAN made of the same "
        "networks, two generators and two discriminators.",
        "A blur of 0 parameters: the PSF is known, or the method has no blur.",
    ]
    if not trainings:
        return lines
    if any(not one.networks for one in trainings):
        ids = ", ".join(dict.fromkeys(one.method for one in trainings if not one.networks))
        lines.append(f"Whose training record holds no numbers of parameters: {ids}.")
    if any(one.seeds > 1 for one in trainings):
        lines.append("Steps, times and memory of a training are means over seeds.")
    lines.append(
        "Time of a training: of all steps and attempts, and of restoring the validation volume now "
        "and then. Of it loading: what cutting crops out of volumes and moving them to the device "
        "took of the time of the steps. Peak memory is that of the process, then, on a GPU, that "
        "of the device."
    )
    lines.append(
        "Trainings may have run beside other jobs; inference was timed in a run of its own, one "
        "method after the other. Its time is that of a single call without a warm-up, as in the "
        "table of costs: the network is built, and the volume restored tile by tile; files "
        "are not read."
    )
    missing = [one for one in trainings if one.method not in {row["method"] for row in timed}]
    if missing:
        lines.append(f"Not timed: {', '.join(dict.fromkeys(one.method for one in missing))}.")
    if any((row.get("load_before") or 0) > BUSY for row in timed):
        lines.append(
            f"{MARK} The machine's load average was above {BUSY} before the measurement began: "
            "something else ran, and the times may be too long."
        )
    return lines
