"""The paper's Table II, reproduced: every focal plane; and the same of this project's methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.report.results import Results
from focusbench.report.tables import Block, Cell, Table, cell, fixed
from focusbench.tracks.refocus import plane_scores
from focusbench.tracks.refocus.degradations import HIGHRES, LOWRES
from focusbench.tracks.refocus.metrics import OF_A_PLANE
from focusbench.tracks.refocus.plane_scores import IDS, PlaneScores
from focusbench.tracks.refocus.table1 import of_degradation
from focusbench.tracks.refocus.table2_notes import notes, summary
from focusbench.tracks.refocus.table_cells import Scores, finite_winner, number

if TYPE_CHECKING:
    from pandas import DataFrame

# metric -> the paper's column, and its digits
PRINTED = {"psnr": ("psnr_db", 2), "ssim": ("ssim", 3), "mse": ("mse", 2), "mae": ("mae", 2)}
PAPERS = {"deep_z": HIGHRES, "mfpinet": LOWRES}  # method -> what the paper starts it from
PAIRS = (("psnr", "ssim"), ("mse", "mae"))  # shown in one cell
AVERAGE = published.AVERAGE
SAME = 0.05  # um: planes as far apart are one

Planes = Mapping[float, PlaneScores]  # by z, um
Theirs = Mapping[str, Mapping[float, Mapping[str, float]]]  # method -> z -> metric -> value


def table2(results: Results, settings: Mapping[str, Any]) -> Table:
    """Planes by metrics: Deep-Z and MFPINet as the paper prints them, then every method.

    Reads scores with their details, restoration records and the records of trainings.

    Parameters
    ----------
    results, settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold one row per restoration and plane, and for each method and plane one with
        sample "average": the mean over the samples that all methods of the degradation have.
    """
    import pandas

    values, theirs, seed = plane_scores.read(results), printed(), settings["seed"]
    grids = {
        degradation: plane_scores.by_plane(values, degradation, results.methods, results.samples)
        for degradation in (LOWRES, HIGHRES)
    }
    blocks = [_papers_block(grids, theirs, seed)] if any(grids.values()) else []
    for degradation, planes in grids.items():
        blocks += [_block(planes, degradation, pair, seed) for pair in PAIRS if planes]
    rows = [values, *(_averages(planes, name, theirs) for name, planes in grids.items())]
    known = [one for one in rows if len(one)]
    columns = [*IDS, *OF_A_PLANE, *(f"published_{key}" for key in PRINTED)]
    data = pandas.concat(known, ignore_index=True) if known else pandas.DataFrame()
    return Table(
        name="table2",
        title="Every focal plane (Table II of Ma et al. 2021)",
        summary=summary(settings, _scores(results, settings) if any(grids.values()) else {}),
        notes=tuple(notes(results, settings, grids)),
        data=data.reindex(columns=columns).astype({"seed": "Int64"}),
        blocks=tuple(blocks),
    )


def _scores(results: Results, settings: Mapping[str, Any]) -> dict[str, Scores]:
    """Means over planes, by degradation."""
    scores, names = results.scores(), (LOWRES, HIGHRES)
    return {
        name: Scores(
            of_degradation(scores, name), results.samples, results.methods, settings["seed"]
        )
        for name in names
    }


def printed() -> dict[str, dict[float, dict[str, float]]]:
    """What the paper prints: method -> z, um, lowest first -> metric -> value."""
    found: dict[str, dict[float, dict[str, float]]] = {}
    table = published.values("refocus_table2").sort_values("focal_depth_um")
    for row in table.to_dict("records"):
        values = {key: float(row[column]) for key, (column, _) in PRINTED.items()}
        found.setdefault(row["method"], {})[float(row["focal_depth_um"])] = values
    return found


def _papers_block(grids: Mapping[str, Planes], theirs: Theirs, seed: int) -> Block:
    """As the paper prints it: a row for each plane, ours and theirs in one cell."""
    header = ["z, µm", *(f"{method} {_heading(key)}" for method in PAPERS for key in PRINTED)]
    ours = sorted({z for name in PAPERS.values() for z in grids[name]})
    others = {z for of in theirs.values() for z in of if _near(z, ours) is None}
    rows = []
    for z in sorted([*ours, *others]):
        row = [cell(_signed(z))]
        for method in PAPERS:
            for key, (_, digits) in PRINTED.items():
                both = {m: _values(grids[d], z, m, key) for m, d in PAPERS.items()}
                better = OF_A_PLANE[key].higher_is_better
                bold = finite_winner(_common(both), better, seed) == method
                text = number(_mean(list(both[method].values())), key)
                row.append(cell(text, fixed(_theirs(theirs, z, method, key), digits), bold=[bold]))
        rows.append(tuple(row))
    last = [cell("mean")]
    for method, degradation in PAPERS.items():
        for key, (_, digits) in PRINTED.items():
            means = [
                _mean(list(_values(grids[degradation], z, method, key).values())) for z in ours
            ]
            own = number(_finite_mean(means), key)
            last.append(
                cell(own, fixed(_mean([of[key] for of in theirs[method].values()]), digits))
            )
    starts = " and ".join(f"{method} from {name}" for method, name in PAPERS.items())
    title = f"As the paper has it, {starts}: ours / published"
    return Block(title, tuple(header), (*rows, tuple(last)), 1)


def _block(planes: Planes, degradation: str, pair: Sequence[str], seed: int) -> Block:
    """A row for each plane, a column for each method, two metrics in a cell."""
    methods = list(dict.fromkeys(m for one in planes.values() for m in one.methods))
    rows = []
    for z, one in planes.items():
        best = {key: _winner(one, key, seed) for key in pair}
        row = [cell(_signed(z))]
        for method in methods:
            texts = [number(one.average(key, method), key) for key in pair]
            row.append(cell(*texts, bold=[best[key] == method for key in pair]))
        rows.append(tuple(row))
    rows.append((cell("mean"), *(_mean_cell(planes, method, pair) for method in methods)))
    count = min(len(one.values(pair[0], m)) for one in planes.values() for m in one.methods)
    over = f"means over {count} fields" if count > 1 else "one field"
    title = f"{degradation}: {' / '.join(map(_heading, pair))}; {over}"
    return Block(title, ("z, µm", *methods), tuple(rows), 1)


def _mean_cell(planes: Planes, method: str, pair: Sequence[str]) -> Cell:
    means = {
        key: _finite_mean([one.average(key, method) for one in planes.values()]) for key in pair
    }
    return cell(*(number(mean, key) for key, mean in means.items()))


def _winner(one: PlaneScores, key: str, seed: int) -> str | None:
    """Who may be bold; a method that gives back the truth itself competes in no metric."""
    values = {m: of for m, of in one.paired(key).items() if m not in one.exact}
    return finite_winner(values, OF_A_PLANE[key].higher_is_better, seed)


def _values(planes: Planes, z: float, method: str, key: str) -> dict[str, float]:
    return planes[z].values(key, method) if z in planes else {}


def _common(values: Mapping[str, Mapping[str, float]]) -> dict[str, list[float]]:
    """Method -> values on the samples that all have."""
    first, *rest = values.values()
    common = [sample for sample in first if all(sample in of for of in rest)]
    return {method: [of[sample] for sample in common] for method, of in values.items()}


def _heading(key: str) -> str:
    return f"{OF_A_PLANE[key].label}{', dB' if key == 'psnr' else ''}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _finite_mean(values: Sequence[float]) -> float:
    return _mean([value for value in values if math.isfinite(value)])


def _near(z: float, others: Sequence[float]) -> float | None:
    return next((one for one in others if abs(one - z) < SAME), None)


def _theirs(theirs: Theirs, z: float, method: str, key: str) -> float:
    own = theirs.get(method, {})
    near = _near(z, list(own))
    return math.nan if near is None else own[near][key]


def _signed(z: float) -> str:
    return f"{'+' if z > 0 else ''}{fixed(z, 1)}"


def _averages(planes: Planes, degradation: str, theirs: Theirs) -> DataFrame:
    import pandas

    rows: list[dict[str, Any]] = []
    for z, one in planes.items():
        for method in one.methods:
            row = {"degradation": degradation, "method": method, "z": z, "sample": AVERAGE}
            row |= {key: one.average(key, method) for key in OF_A_PLANE}
            if PAPERS.get(method) == degradation:
                row |= {f"published_{key}": _theirs(theirs, z, method, key) for key in PRINTED}
            rows.append(row)
    return pandas.DataFrame(rows)
