"""The paper's Table II, reproduced: the same volumes blurred with other models of the PSF."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.evaluation.statistics import Interval
from focusbench.report.results import Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import Block, Cell, Table, cell, fixed
from focusbench.tracks.deconvolution.degradations import NOMINAL, parse
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.score_cells import (
    RECORDED,
    difference,
    interval,
    label,
    over,
    sees_truth,
)
from focusbench.tracks.deconvolution.table1_notes import PUBLISHED_ON
from focusbench.tracks.deconvolution.table2_notes import NAMES, notes, summary

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGE = published.AVERAGE
LEAD = "psnr_volume"
COMPARED = {LEAD: ("psnr_db", 2), "ssim_uniform_3d": ("ssim", 4)}  # paper's column, digits
EMPTY = ("degradation", "sample", "method")


def table2(results: Results, settings: Mapping[str, Any]) -> Table:
    """Scores on volumes blurred with each model, and how much a model other than Born-Wolf changes.

    Reads scores, restoration records, observation records and the records of trainings.

    Parameters
    ----------
    results
        Of the study `psf`.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold, for each noise, one row per sample and method, seeds averaged, and one with
        sample "average" per method: scores with each model, and what changes against Born-Wolf.
    """
    import pandas

    scores = results.scores()
    printed = published.values("deconvolution_table2")
    data, blocks = [], []
    for noise, ids in noises(results).items():
        shown = printed if noise == PUBLISHED_ON else printed.iloc[:0]
        group = _Models(noise, ids, scores, results, settings["seed"])
        data.append(group.tidy(shown))
        blocks += group.blocks(shown)
    return Table(
        name="table2",
        title="Models of the PSF (Table II of Lim et al. 2020)",
        summary=summary(results, settings, noises(results)),
        notes=tuple(notes(results, scores, settings, noises(results))),
        data=pandas.concat(data, ignore_index=True) if data else pandas.DataFrame(columns=EMPTY),
        blocks=tuple(blocks),
    )


def noises(results: Results) -> dict[str, dict[str, str]]:
    """Noise, by its id with the nominal PSF -> model of the PSF -> id of the degradation."""
    found: dict[str, dict[str, str]] = {}
    for degradation in results.degradations:
        if degradation != RECORDED:
            what = parse(degradation)
            noise = "clean" if what.snr_db is None else f"snr{what.snr_db:g}"
            found.setdefault(noise, {})[what.psf_model] = degradation
    return {
        noise: {model: ids[model] for model in NAMES if model in ids}
        for noise, ids in found.items()
    }


class _Models:
    """Scores of one noise with every model of the PSF that was run."""

    def __init__(
        self,
        noise: str,
        ids: Mapping[str, str],
        scores: DataFrame,
        results: Results,
        seed: int,
    ) -> None:
        self.noise, self.seed = noise, seed
        self.grids = {
            model: ScoreGrid(
                scores[scores["degradation"] == name],
                results.samples,
                results.methods,
                METRICS,
                seed,
            )
            for model, name in ids.items()
        }
        self.others = [model for model in self.grids if model != NOMINAL and NOMINAL in self.grids]
        grids = list(self.grids.values())
        self.methods = [m for m in grids[0].methods if all(m in grid.methods for grid in grids)]

    def samples(self, metric: str) -> list[str]:
        complete = [set(grid.complete(metric)) for grid in self.grids.values()]
        first = next(iter(self.grids.values()))
        return [s for s in first.samples if all(s in one for one in complete)]

    def values(self, metric: str, model: str, method: str) -> list[float]:
        grid = self.grids[model]
        return [grid.value(metric, sample, method) for sample in self.samples(metric)]

    def average(self, metric: str, model: str, method: str) -> float:
        values = self.values(metric, model, method)
        return sum(values) / len(values) if values else math.nan

    def change(self, metric: str, model: str, method: str) -> Interval:
        """Another model minus Born-Wolf."""
        pair = (self.values(metric, one, method) for one in (model, NOMINAL))
        return difference(*pair, seed=self.seed)

    def blocks(self, printed: DataFrame) -> list[Block]:
        found = [self._scores(printed)]
        return [*found, self._changes(printed)] if self.others else found

    def _labels(self, printed: DataFrame) -> tuple[list[str], list[str]]:
        """Methods that were run, and those that the paper alone has."""
        others = [m for m in dict.fromkeys(printed["method"]) if m not in self.methods]
        return self.methods, others

    def _scores(self, printed: DataFrame) -> Block:
        theirs = [model for model in self.grids if model in set(printed["psf_model"])]
        header = [
            "method",
            *(f"{NAMES[model]}: PSNR, dB / SSIM" for model in self.grids),
            *(f"{NAMES[model].split(' ')[0]} published" for model in theirs),
        ]
        winners = {
            (model, metric): grid.winner(metric)
            for model, grid in self.grids.items()
            for metric in COMPARED
        }
        own, others = self._labels(printed)
        rows = []
        for method in [*own, *others]:
            row = [cell(f"{method} (published alone)" if method in others else self._label(method))]
            for model, grid in self.grids.items():
                if method in others:
                    row.append(cell(""))
                    continue
                texts = [
                    fixed(self.average(metric, model, method), digits)
                    for metric, (_, digits) in COMPARED.items()
                ]
                bold = [
                    winners[model, metric] == method and not sees_truth(grid, method)
                    for metric in COMPARED
                ]
                row.append(cell(*texts, bold=bold))
            row += [
                _texts(_printed(printed, model, method, column) for column, _ in COMPARED.values())
                for model in theirs
            ]
            rows.append(tuple(row))
        count = len(self.samples(LEAD))
        title = f"{self.noise}: {over(count).replace(' ± standard deviation', '')}"
        return Block(title, tuple(header), tuple(rows), len(others))

    def _changes(self, printed: DataFrame) -> Block:
        theirs = [model for model in self.others if model in set(printed["psf_model"])]
        header = ["method"]
        for model in self.others:
            short = f"{NAMES[model].split(' ')[0]} minus (a)"
            header += [f"{short}: PSNR, dB", f"{short}: SSIM"]
        header += [f"{NAMES[model].split(' ')[0]} minus (a) published" for model in theirs]
        own, others = self._labels(printed)
        rows = []
        for method in [*own, *others]:
            row = [cell(f"{method} (published alone)" if method in others else self._label(method))]
            for model in self.others:
                for metric, (_, digits) in COMPARED.items():
                    known = method in own
                    found = self.change(metric, model, method) if known else None
                    row.append(interval(found, digits) if found else cell(""))
            row += [
                _texts(
                    _printed(printed, model, method, column)
                    - _printed(printed, NOMINAL, method, column)
                    for column, _ in COMPARED.values()
                )
                for model in theirs
            ]
            rows.append(tuple(row))
        title = f"{self.noise}: what the model of the PSF changes"
        return Block(title, tuple(header), tuple(rows), len(others))

    def _label(self, method: str) -> str:
        return label(next(iter(self.grids.values())), method)

    def tidy(self, printed: DataFrame) -> DataFrame:
        import pandas

        rows: list[dict[str, Any]] = []
        for method in self.methods:
            for sample in self.samples(LEAD):
                row = {"degradation": self.noise, "sample": sample, "method": method, "samples": 1}
                for metric in COMPARED:
                    value = {m: g.value(metric, sample, method) for m, g in self.grids.items()}
                    row |= {f"{metric}_{model}": value[model] for model in self.grids}
                    row |= {
                        f"{metric}_{model}_change": value[model] - value[NOMINAL]
                        for model in self.others
                    }
                rows.append(row)
            rows.append(self._average(method, printed))
        return pandas.DataFrame(rows)

    def _average(self, method: str, printed: DataFrame) -> dict[str, Any]:
        row: dict[str, Any] = {"degradation": self.noise, "sample": AVERAGE, "method": method}
        row["samples"] = len(self.samples(LEAD))
        for metric, (column, _) in COMPARED.items():
            row |= {f"{metric}_{m}": self.average(metric, m, method) for m in self.grids}
            for model in self.others:
                names = (f"{metric}_{model}_change{end}" for end in ("", "_low", "_high"))
                row |= dict(zip(names, self.change(metric, model, method), strict=True))
            for model in dict.fromkeys(printed["psf_model"]):
                row[f"published_{metric}_{model}"] = _printed(printed, model, method, column)
        return row


def _texts(values: Any) -> Cell:
    digits = [digits for _, digits in COMPARED.values()]
    return cell(*map(fixed, values, digits))


def _printed(printed: DataFrame, model: str, method: str, column: str) -> float:
    found = printed[(printed["psf_model"] == model) & (printed["method"] == method)]
    return math.nan if found.empty else float(found[column].iloc[0])
