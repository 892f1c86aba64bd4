"""The paper's Table III, reproduced: what its networks compute, and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation import published
from focusbench.report.results import Results
from focusbench.report.tables import DASH, Block, Cell, Table, cell, fixed, significant
from focusbench.tracks.refocus.paper_networks import DEEP_Z, MFPINET, NETWORKS, PLANES, SIDE
from focusbench.tracks.refocus.table3_notes import PAPER_DEVICE, notes, summary

if TYPE_CHECKING:
    from pandas import DataFrame

LINEAR = "linear_per_plane"
TAPS = 15  # along a side of its filters
COLOURS = 3
COLUMNS = (  # of the data
    *("source", "network", "precision", "passes", "input_y", "input_x"),
    *("gflops", "parameters", "median_ms", "lower_quartile_ms", "upper_quartile_ms", "runs"),
    *("device", "threads", "load_before", "published_gflops", "published_params_million"),
    *("published_time_ms", "ratio"),
)
WHOLE = dict.fromkeys(("passes", "input_y", "input_x", "parameters", "runs", "threads"), "Int64")


class Size(NamedTuple):
    """What a network computes for its planes, and how many numbers it was fitted with."""

    gflops: float
    parameters: int


class Time(NamedTuple):
    """Milliseconds of the runs of one network."""

    network: str
    precision: str
    shape: tuple[int, ...]
    passes: int
    median: float
    lower: float  # quartile
    upper: float
    runs: int


def table3(results: Results, settings: Mapping[str, Any]) -> Table:
    """Operations and parameters of the paper-size networks, and times measured on this device.

    Reads the times of the networks.

    Parameters
    ----------
    results
        Of this track.
    settings
        `preset`, `seed`, `differs`, `track` (the track's section).

    Returns
    -------
    Table
        Its data hold rows of three kinds, told apart by `source`: `counted` (at the paper's size,
        with what the paper prints beside), `timed` (one for each network and precision, with the
        operations at the size that was timed) and `ratio` (Deep-Z for all planes over MFPINet).
    """
    import pandas

    measured = results.network_times()
    times = _times(measured)
    ratios = _ratios(times)
    blocks = [_sizes_block()]
    if times:
        blocks.append(_times_block(times, measured))
    blocks.append(_ratios_block(ratios))
    rows = [*_counted_rows(), *_timed_rows(times, measured), *_ratio_rows(ratios)]
    return Table(
        name="table3",
        title="Operations, parameters and time (Table III of Ma et al. 2021)",
        summary=summary(measured, settings),
        notes=tuple(notes(measured, [one.runs for one in times], settings)),
        data=pandas.DataFrame(rows).reindex(columns=list(COLUMNS)).astype(WHOLE),
        blocks=tuple(blocks),
    )


@cache
def size(network: str, side: int = SIDE) -> Size:
    """Count what a network of `paper_networks` computes; nothing is allocated.

    `side`: px of the low-resolution image.
    """
    import torch

    from focusbench.evaluation.flops import counted

    one = NETWORKS[network]
    with torch.device("meta"):
        built = one.built()
    parameters = sum(parameter.numel() for parameter in built.parameters())
    return Size(one.passes * counted(built, one.shape(side)).gflops, parameters)


def linear_size(side: int = SIDE) -> Size:
    """Those of `linear_per_plane`: filter and constant for each plane and colour.

    Enlarging the image, which the filters start from, is not counted.
    """
    parameters = PLANES * COLOURS * (TAPS**2 + 1)  # one multiplication or added constant each
    return Size(2 * parameters * (2 * side) ** 2 / 1e9, parameters)


def _printed() -> DataFrame:
    return published.values("refocus_table3").set_index("method")


def _theirs(network: str, column: str) -> float:
    printed = _printed()
    return float(printed.at[network, column]) if network in printed.index else math.nan


def _claim() -> float:
    claims = published.values("refocus_claims").set_index("claim")["value"]
    return float(claims["speedup_over_deep_z"])


def _times(measured: Mapping[str, Any]) -> list[Time]:
    found = []
    for key, one in (measured.get("networks") or {}).items():
        name, spent = one.get("network", key), one["milliseconds"]
        if name not in NETWORKS or not spent:
            continue
        lower, median, upper = (float(value) for value in np.quantile(spent, (0.25, 0.5, 0.75)))
        found.append(
            Time(
                name,
                one.get("precision", "float32"),
                tuple(one["shape"]),
                one["passes"],
                median,
                lower,
                upper,
                len(spent),
            )
        )
    return found


def _ratios(times: Sequence[Time]) -> dict[str, tuple[float, str]]:
    """What is compared -> Deep-Z of all planes over MFPINet, and where that comes from."""
    printed = _printed()
    found = {
        "speed, published": (_claim(), "abstract and conclusion, rounded"),
    }
    for words, column in (("time", "time_ms"), ("GFLOPs", "gflops")):
        one, other = (float(printed.at[name, column]) for name in (DEEP_Z, MFPINET))
        found[f"{words}, published"] = (one / other, f"Table III: {one:g} / {other:g}")
    one, other = size(DEEP_Z).gflops, size(MFPINET).gflops
    found["GFLOPs, counted here"] = (one / other, f"{fixed(one, 1)} / {fixed(other, 1)}")
    for precision in dict.fromkeys(one.precision for one in times):
        median = {one.network: one.median for one in times if one.precision == precision}
        if DEEP_Z in median and MFPINET in median:
            medians = f"medians: {significant(median[DEEP_Z])} / {significant(median[MFPINET])} ms"
            found[f"time, measured here, {precision}"] = (
                median[DEEP_Z] / median[MFPINET],
                medians,
            )
    return found


def _sizes_block() -> Block:
    rows = []
    for name, one in NETWORKS.items():
        counted = size(name)
        rows.append(
            (
                cell(one.words),
                cell(_square(one.shape(SIDE))),
                cell(str(one.passes)),
                *_size_cells(counted),
                cell(*_published(name)),
            )
        )
    linear = linear_size()
    rows.append((cell(LINEAR), cell(f"{SIDE} x {SIDE}"), cell("1"), *_size_cells(linear), cell("")))
    header = (
        *("network", "input, pixels", "passes", "GFLOPs", "parameters, million"),
        "published GFLOPs / million parameters / milliseconds",
    )
    return Block("Operations and parameters at the paper's size", header, tuple(rows))


def _size_cells(counted: Size) -> tuple[Cell, Cell]:
    million = counted.parameters / 1e6
    return (
        cell(fixed(counted.gflops, 1)),
        cell(fixed(million, 2) if million >= 0.1 else significant(million)),
    )


def _published(network: str) -> list[str]:
    if network not in _printed().index:
        return [""]
    return [
        fixed(_theirs(network, "gflops"), 1),
        fixed(_theirs(network, "params_million"), 2),
        fixed(_theirs(network, "time_ms"), 1),
    ]


def _times_block(times: Sequence[Time], measured: Mapping[str, Any]) -> Block:
    beside = measured["side"] == SIDE
    rows = []
    for one in times:
        gflops = size(one.network, int(measured["side"])).gflops
        median, lower, upper = (significant(v) for v in (one.median, one.lower, one.upper))
        row = [
            cell(NETWORKS[one.network].words),
            cell(one.precision),
            cell(_square(one.shape)),
            cell(significant(gflops)),
            cell(f"{median} [{lower}, {upper}]"),
            cell(fixed(one.runs, 0)),
            cell(significant(1000 * gflops / one.median)),
        ]
        if beside:
            theirs = _theirs(one.network, "time_ms")
            shown = one.precision == "float32" and not math.isnan(theirs)
            row.append(cell(fixed(theirs, 1) if shown else ""))
        rows.append(tuple(row))
    header = [
        *("network", "computed in", "input, pixels", "GFLOPs at that size"),
        *("milliseconds: median [quartiles]", "runs", "GFLOPs a second"),
    ]
    header += [f"published milliseconds, mean, {PAPER_DEVICE}"] if beside else []
    device = measured.get("device") or DASH
    threads = measured.get("threads")
    title = f"Time on {device}" + (f", threads: {threads}" if device == "cpu" and threads else "")
    return Block(title, tuple(header), tuple(rows))


def _ratios_block(ratios: Mapping[str, tuple[float, str]]) -> Block:
    rows = [
        (cell(words), cell(f"{fixed(value, 1)}×"), cell(source))
        for words, (value, source) in ratios.items()
    ]
    title = f"Deep-Z for {PLANES} planes over MFPINet"
    return Block(title, ("of what", "ratio", "from"), tuple(rows))


def _square(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape[-2:]))


def _counted_rows() -> list[dict[str, Any]]:
    rows = []
    for name, one in NETWORKS.items():
        y, x = one.shape(SIDE)[-2:]
        rows.append(
            {
                **{"source": "counted", "network": name, "passes": one.passes},
                **{"input_y": y, "input_x": x, **size(name)._asdict()},
                **{
                    f"published_{column}": _theirs(name, column)
                    for column in ("gflops", "params_million", "time_ms")
                },
            }
        )
    rows.append({"source": "counted", "network": LINEAR, "passes": 1, **linear_size()._asdict()})
    rows[-1] |= {"input_y": SIDE, "input_x": SIDE}
    return rows


def _timed_rows(times: Sequence[Time], measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            **{"source": "timed", "network": one.network, "precision": one.precision},
            **{"passes": one.passes, "input_y": one.shape[-2], "input_x": one.shape[-1]},
            **size(one.network, int(measured["side"]))._asdict(),
            **{"median_ms": one.median, "lower_quartile_ms": one.lower},
            **{"upper_quartile_ms": one.upper, "runs": one.runs},
            **{key: measured.get(key) for key in ("device", "threads", "load_before")},
        }
        for one in times
    ]


def _ratio_rows(ratios: Mapping[str, tuple[float, str]]) -> list[dict[str, Any]]:
    return [
        {"source": "ratio", "network": words, "ratio": value}
        for words, (value, _) in ratios.items()
    ]
