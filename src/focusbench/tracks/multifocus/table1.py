"""The paper's Table 1, reproduced."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.paths import base_id
from focusbench.report.consistency import consistency_block
from focusbench.report.results import ORIGINS, Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import (
    MARK,
    Block,
    Cell,
    Table,
    cell,
    fixed,
)
from focusbench.tracks.multifocus.metrics import METRICS
from focusbench.tracks.multifocus.table1_notes import (
    PUBLISHED_ON,
    base_ids,
    clean_first,
    notes,
    summary,
)

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGE = published.AVERAGE
PUBLISHED = {"psnr": "psnr_db", "ssim_paper": "ssim"}  # our metric -> column of the paper's table


def table1(results: Results, settings: Mapping[str, Any]) -> Table:
    """Sample by method for every degradation, with the paper's Table 1 beside it.

    Reads scores and restoration records.

    Parameters
    ----------
    results
        Of this track.
    settings
        `preset`, `seed`, `differs`, `track` (the track's section), `methods` (id -> parameters);
        optional `sources` (sample -> id of its data source).

    Returns
    -------
    Table
        Its data hold one row per restoration, and for each method and degradation one with
        sample "average": the mean over the samples that every method has a score for (the column
        `samples` says how many), seeds averaged first.
    """
    printed = _published(results)
    data, blocks = grids(results, settings, printed)
    return Table(
        name="table1",
        title="Restored volumes against the truth (Table 1 of Azevedo et al. 2024)",
        summary=summary(results, settings, not printed.empty),
        notes=tuple(notes(results, settings)),
        data=data,
        blocks=blocks,
    )


def grids(
    results: Results, settings: Mapping[str, Any], printed: DataFrame
) -> tuple[DataFrame, tuple[Block, ...]]:
    """Make data and blocks of `table1`; `printed` values stand beside the clean ones."""
    import pandas

    scores = results.scores()
    data, blocks = [], []
    for degradation in clean_first(results.degradations):
        rows = scores[scores["degradation"] == degradation]
        beside = printed if degradation == PUBLISHED_ON else printed.iloc[:0]
        grid = _Grid(rows, results, beside, settings["seed"])
        data.append(grid.tidy(degradation))
        blocks += grid.blocks(degradation)
    empty = pandas.DataFrame(columns=["degradation", "sample", "method", "seed"])
    return pandas.concat(data, ignore_index=True) if data else empty, tuple(blocks)


class _Grid(ScoreGrid):
    """The scores of one degradation, samples by methods, and the printed ones."""

    def __init__(self, rows: DataFrame, results: Results, printed: DataFrame, seed: int) -> None:
        super().__init__(rows, results.samples, results.methods, METRICS, seed)
        self.printed = printed

    def printed_methods(self) -> list[str]:
        known = set(self.printed["method"])
        return [method for method in self.methods if method in known]

    def printed_value(self, metric: str, sample: str, method: str) -> float:
        found = self.printed[
            (self.printed["sample"] == base_id(sample)) & (self.printed["method"] == method)
        ]
        return math.nan if found.empty else float(found[PUBLISHED[metric]].iloc[0])

    def printed_average(self, metric: str, method: str) -> float:
        """Mean of the printed values over our samples: the printed mean is over other ones."""
        values = [self.printed_value(metric, s, method) for s in self.complete(metric)]
        return sum(values) / len(values) if values else math.nan

    def blocks(self, degradation: str) -> list[Block]:
        result = []
        if self.has("psnr"):
            block = self._block(
                f"{degradation}: PSNR in dB, range 1 / range 0.3", ["psnr", "psnr_range0.3"], 2
            )
            result.append(block)
        if self.has("ssim_paper") or self.has("ssim_wang_3d"):
            title = f"{degradation}: SSIM, variant paper / wang_3d"
            result.append(self._block(title, ["ssim_paper", "ssim_wang_3d"], 4))
        title = f"{degradation}: reduced chi-square / RMS residual in 1/1000 of full intensity"
        result.append(consistency_block(self, title))
        return result

    def _block(self, title: str, metrics: Sequence[str], digits: int) -> Block:
        lead = metrics[0]
        header = ["sample", *self.methods]
        header += [f"{method}, published" for method in self.printed_methods()]
        rows = []
        for sample in self.samples:
            row = [cell(base_id(sample))]
            row += [self._cell(metrics, sample, method, digits) for method in self.methods]
            row += [
                cell(fixed(self.printed_value(lead, sample, method), digits))
                for method in self.printed_methods()
            ]
            rows.append(tuple(row))
        tail = self._tail(metrics, digits)
        return Block(title, tuple(header), tuple(rows + tail), len(tail))

    def _cell(self, metrics: Sequence[str], sample: str, method: str, digits: int) -> Cell:
        texts = [fixed(self.value(metric, sample, method), digits) for metric in metrics]
        spread = self.spread(metrics[0], sample, method)
        if not math.isnan(spread):
            texts[0] += f"±{fixed(spread, digits)}"
        if not self.repeatable(sample, method):
            texts[-1] += MARK
        return cell(*texts)

    def _tail(self, metrics: Sequence[str], digits: int) -> list[tuple[Cell, ...]]:
        lead = metrics[0]
        count = len(self.complete(lead))
        if count == 0:
            return []
        winners = [self.winner(metric) for metric in metrics]
        row = [cell(f"mean of {count}")]
        for method in self.methods:
            texts = [fixed(self.average(metric, method), digits) for metric in metrics]
            row.append(cell(*texts, bold=[winner == method for winner in winners]))
        for method in self.printed_methods():
            row.append(cell(fixed(self.printed_average(lead, method), digits)))
        rows = [tuple(row)]
        intervals = self.to_best(lead) if lead == "psnr" else {}
        if intervals:
            row = [cell("minus the best mean [95 % interval]")]
            for method in self.methods:
                if method in intervals:
                    mean, low, high = (fixed(value, digits) for value in intervals[method])
                    row.append(cell(f"{mean} [{low}, {high}]"))
                else:
                    row.append(cell("best mean"))
            row += [cell("") for _ in self.printed_methods()]
            rows.append(tuple(row))
        return rows

    def tidy(self, degradation: str) -> DataFrame:
        import pandas

        metrics, to_best = self.metrics, self.to_best("psnr")
        order = ["degradation", "sample", "method", "seed"]
        table = self.rows[[*order, "repeatable", *metrics, *ORIGINS]].copy()
        table.insert(4, "samples", 1)
        averages = []
        for method in self.methods:
            own = self.rows[self.rows["method"] == method]
            row: dict[str, Any] = {
                "degradation": degradation,
                "sample": AVERAGE,
                "method": method,
                "samples": len(self.complete("psnr")),
                "repeatable": bool(own["repeatable"].all()),
            }
            row |= {metric: self.average(metric, method) for metric in metrics}
            interval = to_best.get(method)
            if interval:
                row["psnr_minus_best"] = interval.mean
                row["psnr_minus_best_low"], row["psnr_minus_best_high"] = interval[1:]
            averages.append(row)
        table = pandas.concat([table, pandas.DataFrame(averages)], ignore_index=True)
        for metric in PUBLISHED:
            table[f"published_{metric}"] = [
                self.printed_average(metric, method)
                if sample == AVERAGE
                else self.printed_value(metric, sample, method)
                for sample, method in zip(table["sample"], table["method"], strict=True)
            ]
        table["seed"] = table["seed"].astype("Int64")
        ends = ["psnr_minus_best", "psnr_minus_best_low", "psnr_minus_best_high"]
        beside = [f"published_{metric}" for metric in PUBLISHED]
        columns = [*order, "samples", "repeatable", *metrics, *ends, *beside]
        return table.reindex(columns=[*columns, *ORIGINS])


def _published(results: Results) -> DataFrame:
    """Printed cells of the samples and methods that were run, if they were run on `clean`."""
    table = published.values("multifocus_table1")
    ran = table["sample"].isin(base_ids(results.samples)) & table["method"].isin(results.methods)
    return table[ran & (PUBLISHED_ON in results.degradations)]
