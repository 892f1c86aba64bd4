"""What stands beneath Table 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.paths import base_id
from focusbench.report.cost import BUSY
from focusbench.report.notes import CSV, NOT_REPEATABLE
from focusbench.report.results import Results
from focusbench.tracks.multifocus.clock import WHY_NOT_TIMED
from focusbench.tracks.multifocus.outcomes import REFERENCE, Records
from focusbench.tracks.multifocus.table1_notes import definitions, made
from focusbench.tracks.multifocus.table2_notes import stopping_rules, telling

if TYPE_CHECKING:
    from pandas import DataFrame


def notes(
    results: Results,
    settings: Mapping[str, Any],
    records: Records,
    runs: DataFrame,
    every: DataFrame,
    stopped: Sequence[str],
    printed: bool,
) -> list[str]:
    """Say how the table was made, and what its columns mean; `printed`: the paper's are shown.

    `runs` are those that are shown, `every` is what `outcomes.read` gave.
    """
    lines = made(results, settings)
    if runs.empty:
        return lines
    lines += definitions(runs, ("psnr", "ssim_paper"))
    rules = "; ".join(stopping_rules(records))
    if rules:
        lines.append(f"Early stopping: {rules}. The paper names no such settings.")
    lines.append(_ratio(runs, stopped))
    lines.append(_steps(results, records, runs, stopped, printed))
    lines += _minutes(results, runs, printed)
    lines += telling(results, records, every)
    seeds = " Several seeds: their mean, and ± the standard deviation of the PSNR over them."
    lines.append(
        "A mean is over the samples that have a score; the published one beside it is over these "
        f"same samples, a dash where the paper has not all of them.{seeds}"
    )
    lines.append(CSV)
    if not runs["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines


def _ratio(runs: DataFrame, stopped: Sequence[str]) -> str:
    """Say what the best is that the ratio compares with."""
    ended = runs[runs["method"].isin(stopped)]
    longer = (ended["peak_method"] == REFERENCE).sum()
    own = len(ended) - longer
    text = "Ratio to best: PSNR in dB over the highest PSNR, in dB, that the truth finds in "
    if longer:
        text += (
            f"the trace of {REFERENCE} with the same sample and seed, a run to the last step "
            "through the same iterates"
        )
    if longer and own:
        text += f"; for {own} of {len(ended)} runs there is none, and it is the run's own trace, "
        text += "until it ended"
    elif own:
        text += (
            f"the run's own trace, until it ended (no {REFERENCE} with the same parameters was run "
            "as far)"
        )
    return (
        f"{text}. A trace has about 100 rows over the planned steps: the iterate that is kept may "
        "lie between two of them, and the ratio exceed 100. A PSNR counts from 0 dB, so that a "
        "ratio near 100 says little: a trivial row shows what it is worth."
    )


def _steps(
    results: Results,
    records: Records,
    runs: DataFrame,
    stopped: Sequence[str],
    printed: bool,
) -> str:
    """Say what the two counts of steps are, and which runs the patience did not end."""
    text = (
        "Iterations: all steps with the imaging model, until the patience ended; step kept: the "
        "one that the estimate is from."
    )
    if printed:
        text += " Which of the two the paper prints is not said."
    ended = runs[runs["method"].isin(stopped)]
    never = ended[ended["step"].notna() & ended["stopped_at"].isna()]
    if len(never):
        listed = dict.fromkeys(
            f"{method} on {base_id(sample)} at {degradation}"
            for method, sample, degradation in zip(
                never["method"], never["sample"], never["degradation"], strict=True
            )
        )
        text += f" The planned steps were done before the patience ended: {', '.join(listed)}."
    return text


def _minutes(results: Results, runs: DataFrame, printed: bool) -> list[str]:
    """Say what the minutes are, and of which machine."""
    timings = results.timings()
    if runs["minutes"].isna().all() or timings.empty:
        return [f"Minutes: a dash, as no serial timing run holds here: {WHY_NOT_TIMED}."]
    timings = timings[timings["method"].isin(runs.loc[runs["minutes"].notna(), "method"])]
    devices = ", ".join(dict.fromkeys(map(str, timings["device"].dropna())))
    threads = ", ".join(dict.fromkeys(str(int(n)) for n in timings["threads"].dropna()))
    text = (
        "Minutes: iterations times the seconds of a step in a serial timing run, and the phases "
        f"before them ({devices}, {threads} thread{'' if threads == '1' else 's'})."
    )
    # a method without steps has no time of a step either: its dash needs no word
    without = dict.fromkeys(runs.loc[runs["minutes"].isna() & (runs["iterations"] > 0), "method"])
    if without:
        text += f" A dash for {', '.join(without)}: {WHY_NOT_TIMED}."
    if (timings["load_before"].dropna() > BUSY).any():
        text += f" Something else ran beside it (load above {BUSY}): they may be too long."
    if printed:
        text += " The paper's are those of a V100."
    return [text]
