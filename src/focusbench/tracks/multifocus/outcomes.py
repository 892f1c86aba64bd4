"""What each restoration gave, and what it could have given: its last iterate, the one that early
stopping keeps, and the best one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.paths import Restored
from focusbench.report.results import ORIGINS, Results
from focusbench.tracks.multifocus.metrics import METRICS

if TYPE_CHECKING:
    from pandas import DataFrame

FINAL, EARLY, ORACLE = "final", "early_stopping", "oracle"
RULES = {"es_wmv": "ES-WMV", "es_emv": "ES-EMV"}  # criterion in a record -> name of the rule
REFERENCE = "dip"  # goes on to its last step, through the iterates of the runs that are stopped
# parameters that decide which iterates are looked at and kept, not what they are
LOOKING_ON = frozenset({"window", "alpha", "patience", "warm_up", "steps"})

Records = Mapping[Restored, Mapping[str, Any]]


def read(results: Results, records: Records) -> DataFrame:
    """One row per restoration and outcome.

    Outcomes are `final` (what the score file says), `early_stopping` and `oracle` (what the record
    says). A run that early stopping ended has no `final`: its estimate is the iterate that was
    kept, and stands as `early_stopping`.

    Returns
    -------
    DataFrame
        Ids, `outcome`, `criterion` (es_wmv, es_emv; None but for early stopping), `step` of the
        iterate (0: no steps), `repeatable`, all metrics, `below_peak` (PSNR of the run's oracle
        minus this one, dB; NaN without one), `ORIGINS`.
    """
    import pandas

    scores = results.scores()
    known = [key for key in METRICS if key in scores or scores.empty]
    rows = []
    for item, score in zip(results.items, scores.to_dict("records"), strict=True):
        record = records[item]
        oracle = record.get("oracle")
        peak = number((oracle or {}).get("psnr"))
        shared = {**item._asdict(), **{key: score[key] for key in ("repeatable", *ORIGINS)}}

        def row(
            outcome: str,
            step: int | None,
            metrics: Mapping[str, Any],
            criterion: str | None = None,
            shared: Mapping[str, Any] = shared,
            peak: float = peak,
        ) -> dict[str, Any]:
            numbers = {key: number(metrics.get(key)) for key in known}
            return {
                **shared,
                "outcome": outcome,
                "criterion": criterion,
                "step": step,
                **numbers,
                "below_peak": peak - numbers["psnr"] if math.isfinite(peak) else math.nan,
            }

        stopping, rule = watched(record), ended_by(record)
        if rule:
            rows.append(row(EARLY, stopping["step"], score, rule))
        else:
            rows.append(row(FINAL, record.get("iterations") or 0, score))
            rule = stopping.get("criterion")
            if rule in (record.get("others") or {}):
                rows.append(row(EARLY, stopping["step"], record["others"][rule], rule))
        if oracle:
            rows.append(row(ORACLE, oracle["step"], oracle))
    ids = ["degradation", "sample", "method", "seed", "outcome", "criterion", "step"]
    columns = [*ids, "repeatable", *known, "below_peak", *ORIGINS]
    table = pandas.DataFrame(rows).reindex(columns=columns)
    return table.astype({"seed": "Int64", "step": "Int64"})


def watched(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What early stopping saw of a run; empty where there was none."""
    return (record.get("details") or {}).get("early_stopping") or {}


def ended_by(record: Mapping[str, Any]) -> str | None:
    """Rule whose iterate is a run's estimate; None where the estimate is that of the last step.

    The planned steps may have been done before the patience came to its end (`stopped_at` None).

    A record without the key `ends`, of an earlier version, tells it by its `others`: a run that
    the rule only looks on at has the iterate there. Without a truth, of which an oracle tells,
    nothing is among them, and such a record does not say.
    """
    stopping = watched(record)
    rule = stopping.get("criterion")
    if stopping.get("step") is None:
        return None
    if "ends" in stopping:
        return rule if stopping["ends"] else None
    return rule if record.get("oracle") and rule not in (record.get("others") or {}) else None


def same_iterates(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two records of the deep prior, of one seed and problem, are of the same iterates."""
    own, other = (record.get("parameters") or {} for record in (first, second))
    keys = (own.keys() | other.keys()) - LOOKING_ON
    return all(key in own and key in other and own[key] == other[key] for key in keys)


def reference(records: Records, item: Restored) -> Restored | None:
    """Run of `dip` that passes through all iterates of `item` and as far; None: there is none."""
    found = item._replace(method=REFERENCE)
    if found not in records or not records[found].get("oracle"):
        return None
    longer = (records[found].get("iterations") or 0) >= (records[item].get("iterations") or 0)
    return found if longer and same_iterates(records[item], records[found]) else None


def number(value: Any) -> float:
    """Read a metric of a record. JSON has no infinity: it stands there as text."""
    return math.nan if value is None else float(value)
