"""What stands above and beneath the table of stacks without a truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.evaluation.fourier_shell import CONE, THRESHOLDS
from focusbench.report.notes import set_parameters, work
from focusbench.report.results import Results
from focusbench.report.tables import provenance
from focusbench.tracks.multifocus.degradations import PARTS, base, describe, parse
from focusbench.tracks.multifocus.halves import WORTH
from focusbench.tracks.multifocus.metrics import HELD_OUT
from focusbench.tracks.multifocus.table1_notes import base_ids, definitions, volumes

if TYPE_CHECKING:
    from pandas import DataFrame

# metrics of the whole stack
WHOLE = ("rms_residual", "chi_square", "residual_correlation", "residual_flatness")


def summary(results: Results, settings: Mapping[str, Any]) -> str:
    """Say what the table is about."""
    if not results.items:
        return "No restoration was selected for this study."
    sources = settings.get("sources") or {}
    rendered = [s for s in results.samples if sources.get(s) != "stack"]
    return (
        "What can be said of a restoration without a truth: does it explain the recording, does "
        "what it leaves look like noise, does it predict focal planes that were kept from it, and "
        "do two restorations from half of the data agree. The paper shows its recordings as "
        "images alone."
        + (
            f" Rendered stacks stand in for recordings: {', '.join(base_ids(rendered))}."
            if rendered
            else ""
        )
    )


def notes(results: Results, settings: Mapping[str, Any], scores: DataFrame) -> list[str]:
    """Say how the table was made, and what its columns mean."""
    version, differs = provenance(settings)
    if not results.items:
        return [version, differs]
    lines = [
        version,
        volumes(results, settings),
        _degradations(results),
        work(results),
        *set_parameters(results, settings),
        differs,
        *definitions(scores, [*WHOLE, *HELD_OUT], unseen=("chi_square",)),
        "Residual and errors of withheld planes are in 1/1000 of full intensity. Residual, "
        "correlation and flatness are of the restoration from the whole stack.",
    ]
    chosen = {parse(degradation).part for degradation in results.degradations}
    recorded = any(parse(degradation).recorded for degradation in results.degradations)
    if recorded and chosen & {"heldout", "planes_odd"}:
        lines.append(
            "Of a recording, the grey value of empty field and the flat field are found on all "
            "planes before any is withheld, unless the configuration sets them: that much of the "
            "withheld planes a method does know (some 1 % of full light where neither is set)."
        )
    if chosen & {"rays_odd", "planes_odd"}:
        half_bit, seventh = (THRESHOLDS[name] for name in ("half_bit", "one_seventh"))
        lines += [
            "Agreement of halves: period in µm at which the Fourier shell correlation of "
            "the restorations from two halves first falls below 1/7 / the half-bit curve, within "
            f"{CONE:g} degrees of the lateral plane and of the z axis; ≤: it never does, up to the "
            "Nyquist frequency; ∞: it starts below; a dash or no column: not restored, or too few "
            f"coefficients in every shell. {WORTH}. A correlation takes no notice of contrast.",
            f"{seventh.label}: {seventh.source}. {half_bit.label}: {half_bit.source}.",
        ]
    if any(results.truth(sample) is not None for sample in results.samples):
        lines.append(
            "Agreement with the truth: the same for the restoration from the whole stack and the "
            "truth, below 1/2 (which 1/7 of two halves amounts to): what the halves should be held "
            "against."
        )
    lines.append(
        "The CSV file holds full precision, reduced chi-square, resolutions in all directions "
        "together, and for each row the SHA-256 of its observations (whole and parts) and truth "
        "and the content hash of the code that made and scored it. Resolutions are of the first "
        "seed, metrics means over seeds."
    )
    return lines


def _degradations(results: Results) -> str:
    """Each stack once, then what its parts mean, and which were not selected."""
    wholes = dict.fromkeys(map(base, results.degradations))
    chosen = {parse(degradation).part for degradation in results.degradations}
    listed = "; ".join(f"{name} ({describe(name)})" for name in wholes)
    parts = "; ".join(f"_{part} ({words})" for part, words in PARTS.items() if part in chosen)
    absent = ", ".join(f"_{part}" for part in PARTS if part not in chosen)
    return (
        f"Stacks: {listed}."
        + (f" Parts of them: {parts}." if parts else "")
        + (f" Not selected, so not in the table: {absent}." if absent else "")
    )
