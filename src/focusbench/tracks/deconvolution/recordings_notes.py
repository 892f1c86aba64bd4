"""What stands above and beneath the table of recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.report.notes import CSV, NOT_REPEATABLE, set_parameters, work
from focusbench.report.results import Results
from focusbench.report.tables import provenance
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.table1_notes import definitions, fits, volumes
from focusbench.tracks.deconvolution.training_notes import (
    learned_little,
    on_other_volumes,
    training_notes,
)

if TYPE_CHECKING:
    from pandas import DataFrame


def summary(results: Results, rows: DataFrame) -> str:
    """Say what the table is about; `rows`: scores of recordings."""
    if not len(rows):
        return (
            "No recording was restored: it takes entries of one's own under data.fluorescence "
            "among the samples of the study."
        )
    without = [sample for sample in results.samples if not _has_truth(rows, sample)]
    text = (
        "What can be said of a restoration without a truth: does it explain the recording. A small "
        "residual is needed for a right estimate, and is no proof of one; that of the row input "
        "is large, as it is blurred twice. The paper shows its recordings as images alone."
    )
    if without:
        text += f" No truth is known of {', '.join(without)}."
    return text


def _has_truth(rows: DataFrame, sample: str) -> bool:
    own = rows[rows["sample"] == sample]
    return "rms_residual_truth" in own and bool(own["rms_residual_truth"].notna().any())


def notes(results: Results, rows: DataFrame, settings: Mapping[str, Any]) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    version, differs = provenance(settings)
    if not len(rows):
        return [version, differs]
    lines = [version, *learned_little(rows, results, settings), *volumes(results, settings)]
    lines += on_other_volumes(results)
    lines += [*training_notes(results, settings), work(results)]
    lines += [*set_parameters(results, settings), differs]
    lines.append(
        "RMS residual: observed minus re-blurred estimate, in grey values above the offset, before "
        "any fit. Reduced chi-square: its square over the expected power of the noise, where the "
        "camera's gain is told; 1 is what a perfect estimate and a right PSF would reach."
    )
    lines += definitions(rows, ["psnr_volume", "ssim_uniform_3d"])
    lines += [
        f"{METRICS[key].label}: {METRICS[key].settings}."
        for key in ("fsc_lateral", "fsc_axial")
        if key in rows and rows[key].notna().any()
    ]
    lines += fits(rows)
    lines.append("Nothing is averaged over recordings, and nothing is bold; seeds are averaged.")
    lines.append(CSV)
    if not rows["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines
