"""What stands beneath Table 2; its words on early stopping serve Table 3 as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.paths import Restored, base_id
from focusbench.report.notes import BOLD, CSV, NOT_REPEATABLE
from focusbench.report.results import Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import fixed
from focusbench.tracks.multifocus.outcomes import (
    EARLY,
    FINAL,
    RULES,
    Records,
    ended_by,
    reference,
    watched,
)
from focusbench.tracks.multifocus.table1_notes import definitions, ellipsoids, made, without_score

if TYPE_CHECKING:
    from pandas import DataFrame

TELLING = 0.5  # dB from the peak to the last iterate from which a run can tell stops apart


def notes(
    results: Results,
    settings: Mapping[str, Any],
    records: Records,
    rows: DataFrame,
    grids: Mapping[str, ScoreGrid],
    beside: bool,
) -> list[str]:
    """Say how the table was made, and what its columns mean; `beside`: published ones are shown.

    `grids` are the columns, by what they are about.
    """
    lines = made(results, settings)
    if rows.empty:
        return lines
    lines += definitions(rows, ("psnr", "ssim_paper"))
    lines += columns(results, records)
    lines += telling(results, records, rows)
    if beside:
        lines.append(oracle_printed())
    lines.append(
        f"{BOLD} in that column; runs that gave the same values by two names count as one. "
        "Several seeds: mean ± standard deviation, over them, of the mean over the samples."
    )
    lines += without_score(grids)
    lines.append(CSV)
    lines += ellipsoids(results)
    if not rows["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines


def columns(results: Results, records: Records) -> list[str]:
    """Say what stands in the columns `early stopping` and `oracle`."""
    lines = []
    rules = stopping_rules(records)
    if rules:
        line = f"Early stopping: {'; '.join(rules)}. The paper names no such settings."
        ended = [item for item in results.items if ended_by(records[item])]
        if ended:
            names = ", ".join(dict.fromkeys(item.method for item in ended))
            line += (
                f" {names}: the estimate is the iterate that the rule keeps, the early-stopped "
                f"one, and there is no final. {_how_ended(ended, records)}"
            )
        if any(
            watched(record).get("step") is not None and not ended_by(record)
            for record in records.values()
        ):
            line += " Other runs with a value there did all steps, and the rule looked on."
        lines.append(line)
    else:
        lines.append("Early stopping: no method that was run has it.")
    lines.append(
        "Oracle: the trace's row with the highest PSNR, chosen with the truth, which nobody has "
        "who needs a restoration. A trace has about 100 rows over the planned steps, so that an "
        "iterate between two rows may be better. Of a run that was ended it is the best until "
        "then."
    )
    return lines


def _how_ended(items: Sequence[Restored], records: Records) -> str:
    """Say which runs their rule ended, and which came to their last planned step before."""
    never = [item for item in items if watched(records[item]).get("stopped_at") is None]
    if not never:
        return "Each such run was ended by its rule."
    if len(never) == len(items):
        return "Of all such runs the planned steps were done before the patience ended."
    return (
        "Each such run was ended by its rule, but for those whose planned steps were done before "
        f"the patience ended: {_listed(never)}."
    )


def stopping_rules(records: Records) -> list[str]:
    """Rules of early stopping with their settings, each once, and who has them."""
    found: dict[str, list[str]] = {}
    for item, record in records.items():
        seen = watched(record)
        if not seen.get("criterion"):
            continue
        width = f"window {seen['window']}" if "window" in seen else f"alpha {seen.get('alpha')}"
        warm_up = f", warm-up {seen['warm_up']}" if seen.get("warm_up") else ""
        name = RULES.get(seen["criterion"], seen["criterion"])
        text = f"{name} ({width}, patience {seen.get('patience')}{warm_up})"
        users = found.setdefault(text, [])
        if item.method not in users:
            users.append(item.method)
    return [f"{text} in {', '.join(users)}" for text, users in found.items()]


def telling(results: Results, records: Records, rows: DataFrame) -> list[str]:
    """Say which runs lose enough after their peak to tell stops apart, and what each rule loses."""
    final = rows[(rows["outcome"] == FINAL) & rows["below_peak"].notna()]
    seen = [
        (item, below)
        for item, below in zip(_items(final), final["below_peak"], strict=True)
        if watched(records[item])
    ]
    if not seen:
        return []
    late = {item: below for item, below in seen if below >= TELLING}
    before = (
        "Only a run that ends well below its peak can tell a good stop from a bad one. Of "
        f"{len(seen)} that early stopping looked on at to the last step, "
    )
    if not late:
        return [f"{before}none ends {TELLING} dB or more below its oracle: nothing is judged."]
    losses: dict[str, dict[Restored, float]] = {}  # rule -> run -> dB
    early = rows[rows["outcome"] == EARLY].dropna(subset="psnr")
    early = dict(zip(_items(early), early.to_dict("records"), strict=True))
    for item in late:
        kept = {early[item]["criterion"]: early[item]["psnr"]} if item in early else {}
        for other, row in early.items():
            # a run of another rule that passed through this one's iterates
            if other != item and reference(records, other) == item:
                kept.setdefault(row["criterion"], row["psnr"])
        for rule, psnr in kept.items():
            own = losses.setdefault(RULES.get(rule, rule), {})
            own[item] = records[item]["oracle"]["psnr"] - psnr
    losses["no stopping"] = late
    texts = []
    for rule, own in losses.items():
        text = f"{rule} {_mean(own.values())} dB"
        if len(own) < len(late):  # the means of the others are over more runs
            same = [
                f"{name} {_mean([values[item] for item in own])} dB"
                for name, values in losses.items()
                if name != rule and own.keys() <= values.keys()
            ]
            count = "1 run alone" if len(own) == 1 else f"{len(own)} runs alone"
            text += f" ({count}; there {', '.join(same)})"
        texts.append(text)
    return [
        f"{before}{len(late)} {'ends' if len(late) == 1 else 'end'} at least {TELLING} dB below "
        f"the oracle: {_listed(list(late))}. Mean loss against the peak on these: "
        f"{'; '.join(texts)}."
    ]


def oracle_printed() -> str:
    """Say why the paper's rows of the deep prior stand beside the oracle."""
    stopped, noisy = (published.values(f"multifocus_{name}") for name in ("table3", "table2"))
    single = stopped[stopped["sample"] != published.AVERAGE]
    best = (single["psnr_db"] / (single["psnr_ratio_percent"] / 100)).mean()
    row = noisy[(noisy["method"] == "dip") & (noisy["noise_sigma"] == 0.01)].iloc[0]
    return (
        "Published values of the deep prior stand beside the oracle, those of iterative beside "
        "the final: in the paper's Table 3, PSNR over ratio is the best PSNR of each run, its mean "
        f"is {best:.3f} dB, and Table 2 prints {row['psnr_db']:.2f} dB for DIP. Published means "
        "are over the paper's 13 volumes."
    )


def _items(rows: DataFrame) -> list[Restored]:
    ids = zip(rows["sample"], rows["degradation"], rows["method"], rows["seed"], strict=True)
    return [
        Restored(sample, degradation, method, int(seed))
        for sample, degradation, method, seed in ids
    ]


def _listed(items: Sequence[Restored]) -> str:
    """Name runs by noise level and method; seeds where a sample has several."""
    groups: dict[tuple[str, str], dict[str, list[int]]] = {}
    for item in items:
        samples = groups.setdefault((item.degradation, item.method), {})
        samples.setdefault(base_id(item.sample), []).append(item.seed)
    several = len({item.seed for item in items}) > 1
    texts = []
    for (degradation, method), samples in groups.items():
        names = [
            f"{sample} (seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))})"
            if several
            else sample
            for sample, seeds in samples.items()
        ]
        texts.append(f"{method} at {degradation} on {', '.join(names)}")
    return "; ".join(texts)


def _mean(values: Iterable[float]) -> str:
    values = list(values)
    return fixed(sum(values) / len(values), 2)
