"""What stands beneath the tables of every track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focusbench.evaluation.statistics import FEWEST_SAMPLES
from focusbench.report.results import Results
from focusbench.report.tables import MARK, plain, span

BOLD = (
    "Bold: the best mean, where the 95 % bootstrap interval of its paired difference to "
    f"every other method excludes 0; nothing is bold with fewer than {FEWEST_SAMPLES} samples. "
    "A mean is over the samples that every method has a score for"
)
CSV = (
    "The CSV file holds full precision, every seed, and for each row the SHA-256 of its "
    "observation and truth and the content hash of the code that made and scored it."
)
NOT_REPEATABLE = f"{MARK} not repeatable: a time budget, not a count of steps, ended the run."


def preset_reasons(
    settings: Mapping[str, Any], smaller: str = "takes fewer steps or a smaller model"
) -> list[str]:
    """Say why a run cannot be set beside published numbers: it is not the preset paper.

    `smaller` says what the other presets do.
    """
    if settings["preset"] != "paper":
        return [f"preset {settings['preset']} {smaller}"]
    return ["keys differ from the preset paper"] if settings.get("differs") else []


def published_beside(beside: bool, reasons: Sequence[str], otherwise: str) -> str:
    """Say what published columns are worth.

    Parameters
    ----------
    beside
        Whether published values are shown.
    reasons
        Why they cannot be compared with ours.
    otherwise
        What is said where there is no such reason.
    """
    columns = (
        "Columns marked published are the paper's printed values."
        if beside
        else "The paper printed no value for what is shown here."
    )
    if reasons:
        return (
            f"{columns} Published and reproduced numbers are not comparable: {'; '.join(reasons)}."
        )
    return f"{columns} {otherwise}"


def work(results: Results) -> str:
    """Say what steps the methods really took, as their records have it."""
    texts = []
    for method in results.methods:
        records = [results.record(item) for item in results.items if item.method == method]
        steps = span([record.get("iterations") or 0 for record in records])
        evaluations = span([record.get("evaluations") or 0 for record in records])
        text = "no steps" if steps == "0" else f"{steps} steps"
        if evaluations not in ("0", steps):
            text += f" ({evaluations} evaluations of the imaging model)"
        texts.append(f"{method} {text}")
    return f"Work of each restoration: {'; '.join(texts)}."


def set_parameters(results: Results, settings: Mapping[str, Any]) -> list[str]:
    """Name parameters that were set, if any; those left out are the published constants."""
    texts = []
    for method in results.methods:
        parameters = dict((settings.get("methods") or {}).get(method) or {})
        if parameters:
            listed = ", ".join(f"{key} {plain(value)}" for key, value in sorted(parameters.items()))
            texts.append(f"{method} {listed}")
    return [f"Parameters that the configuration sets: {'; '.join(texts)}."] if texts else []
