"""What stands beneath tables of what was learned: from what, how long, and whether it helped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.report.results import Results
from focusbench.report.tables import fixed, significant
from focusbench.tracks.deconvolution import learned
from focusbench.tracks.deconvolution.learned import PAIRS, UNPAIRED, Training
from focusbench.tracks.deconvolution.score_cells import RECORDED

if TYPE_CHECKING:
    from pandas import DataFrame

LEAD = "psnr_volume"
BAR = "affine_input"
RESIDUAL = "rms_residual"
TRIVIAL = ("zeros", "input")  # rows that an explanation of a recording must beat

CHOSEN = {
    "quick": "Parameters of the quick preset that differ from the paper's were chosen on the "
    "validation volume, in more than 50 short trainings of all learned methods together (some "
    "early ones were also looked at on two of the samples); one setting serves all samples. "
    "Lengths of trainings were then cut until the preset fitted into its minutes.",
}
"""How the parameters were chosen, by preset; the preset paper takes them from the paper."""


def training_notes(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Say what was trained on what, for how long, and how it was set; nothing without training."""
    trainings = learned.read(results)
    told = settings["track"].get("training")
    if not trainings or not told:
        return []
    made = [one for one in trainings if one.degradation != RECORDED]
    recorded = [one for one in trainings if one.degradation == RECORDED]
    lines = []
    if made:
        degradations = ", ".join(dict.fromkeys(one.degradation for one in made))
        lines.append(
            f"Trained: {', '.join(_ids(made))}, on {', '.join(told['samples'])} as {degradations} "
            f"and on nothing else, whatever degradation is restored; watched on "
            f"{', '.join(told['validation'])}. None of these is among the samples. "
            f"{_learns_from(made)} The paper does not print how many steps it trained for: "
            "ours are an estimate, or fewer."
        )
    if recorded:
        lines.append(_on_recordings(recorded, told))
    lines += _lengths(trainings)
    return [*lines, *_chosen(results, settings)]


def _chosen(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """How the preset's parameters were chosen, and of which this is not said."""
    if settings["preset"] not in CHOSEN:
        return []
    text = CHOSEN[settings["preset"]]
    prefix = "methods.deconvolution."
    changed = sorted(key for key in settings.get("differs") or {} if key.startswith(prefix))
    if changed:
        listed = ", ".join(key.removeprefix(prefix) for key in changed)
        text += f" This is said of parameters that stand in the preset, so not of {listed}."
    if RECORDED in results.degradations:
        text += " They were chosen on simulated volumes, not on recordings."
    return [text]


def _ids(trainings: Sequence[Training]) -> list[str]:
    return list(dict.fromkeys(one.method for one in trainings))


def _learns_from(trainings: Sequence[Training]) -> str:
    pairs, unpaired = (
        _ids([one for one in trainings if one.learns_from == kind]) for kind in (PAIRS, UNPAIRED)
    )
    texts = []
    if pairs:
        texts.append(f"From pairs of blurred and sharp crops of one place: {', '.join(pairs)}.")
    if unpaired:
        texts.append(f"From blurred and sharp crops that are no pairs: {', '.join(unpaired)}.")
    return " ".join(texts)


def _on_recordings(trainings: Sequence[Training], told: Mapping[str, Any]) -> str:
    recordings = told.get("recordings") or {}
    names = ", ".join(recordings.get("samples") or []) or "recordings"
    return (
        f"Trained on recordings: {', '.join(_ids(trainings))}, on {names}; what "
        f"{recordings.get('references', 'another method')} made of them stands for sharp volumes, "
        f"as the paper let commercial software do. {_learns_from(trainings)} A network "
        "can learn the mistakes of these too, and the recordings that it was trained on may be "
        "among those restored."
    )


def _lengths(trainings: Sequence[Training]) -> list[str]:
    """Steps, time and the share of it that loading took; nothing that no record tells."""
    texts = []
    for one in trainings:
        parts = []
        if not math.isnan(one.steps):
            parts.append(f"{fixed(one.steps, 0)} steps")
        if not math.isnan(one.seconds):
            parts.append(duration(one.seconds))
        if not math.isnan(one.loading_share):
            parts.append(f"{share(one.loading_share)} of it loading crops")
        if parts:
            where = " on recordings" if one.degradation == RECORDED else ""
            texts.append(f"{one.method}{where} {', '.join(parts)}")
    return [f"Length of a training: {'; '.join(texts)}."] if texts else []


def on_other_volumes(results: Results) -> list[str]:
    """Name methods that restored recordings with weights of made volumes; nothing without any."""
    trainings = learned.read(results)
    restored = dict.fromkeys(item.method for item in results.items if item.degradation == RECORDED)
    made = [
        method
        for method in restored
        if (one := learned.used_for(method, RECORDED, trainings)) and one.degradation != RECORDED
    ]
    if not made:
        return []
    return [
        f"Trained on made volumes, not on recordings: {', '.join(made)}. Optics, voxels, noise "
        "and objects of a recording may be others, and nothing tells how much that costs. What "
        "comes out is in the training's unit of intensity, [0, 1] for made volumes, and residuals "
        "of recordings are in grey values: such a row's residual tells nothing of its shape. "
        "tracks.deconvolution.training.recordings trains on recordings."
    ]


def learned_little(scores: DataFrame, results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Name learned methods that did no better than a trivial row; nothing where none did.

    They are compared by PSNR with the rescaled input, recordings one by one. Where no truth is
    known of a recording, by RMS residual with the empty volume and with the recording itself.

    `scores`: those of the table's methods, and of the trivial rows.
    """
    known = {method for method, _ in results.trained}
    trained = [method for method in results.methods if method in known]
    if not trained or scores.empty:
        return []
    below, unexplained = [], []
    for degradation in dict.fromkeys(scores["degradation"]):
        rows = scores[scores["degradation"] == degradation]
        if degradation != RECORDED:
            below += _below_bar(rows, trained, degradation)
            continue
        for sample in dict.fromkeys(rows["sample"]):  # nothing is averaged over recordings
            own = rows[rows["sample"] == sample]
            if LEAD in own and own[LEAD].notna().any():
                below += _below_bar(own, trained, f"{degradation} {sample}")
            else:
                unexplained += _unexplained(own, trained, sample)
    lines = []
    if below:
        lines.append(
            f"Learned methods whose mean PSNR is below that of {BAR}: {'; '.join(below)}. They "
            "gave less than the scale of intensities alone does."
        )
    if unexplained:
        lines.append(
            "Learned methods that, by RMS residual, explain the recording no better than a "
            f"trivial row does: {'; '.join(unexplained)}."
        )
    if lines and settings["preset"] != "paper":
        lines[0] += (
            f" The preset {settings['preset']} is for small networks and short trainings, the "
            "paper trained 7 million parameters for 10 hours on a GPU: such a row tells nothing of "
            "what the method does with that budget."
        )
    return lines


def _below_bar(rows: DataFrame, trained: Sequence[str], where: str) -> list[str]:
    if LEAD not in rows:
        return []
    means = rows.groupby("method", sort=False)[LEAD].mean()
    bar = means.get(BAR, math.nan)
    texts = [
        f"{method} by {fixed(bar - means[method], 2)} dB"
        for method in trained
        if method in means and means[method] < bar
    ]
    return [f"{', '.join(texts)} ({where})"] if texts else []


def _unexplained(rows: DataFrame, trained: Sequence[str], sample: str) -> list[str]:
    if RESIDUAL not in rows:
        return []
    means = rows.groupby("method", sort=False)[RESIDUAL].mean()
    texts = []
    for method in trained:
        value = means.get(method, math.nan)
        bars = [bar for bar in TRIVIAL if value >= means.get(bar, math.nan)]  # never with NaN
        if bars:
            texts.append(f"{method} than {' and '.join(bars)}")
    return [f"{', '.join(texts)} ({sample})"] if texts else []


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it; a dash for NaN."""
    if not seconds >= 100:  # or NaN
        return significant(seconds) if math.isnan(seconds) else f"{significant(seconds, 2)} s"
    if seconds < 6000:
        return f"{significant(seconds / 60, 2)} min"
    return f"{significant(seconds / 3600, 2)} h"


def share(value: float) -> str:
    """Write a share as a percentage; a dash for NaN."""
    return significant(value, 2) if math.isnan(value) else f"{significant(100 * value, 2)} %"
