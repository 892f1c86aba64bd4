"""The paper's section V-C as a table: sizes of the networks, time of training and of use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from focusbench.evaluation import published
from focusbench.report.results import Results
from focusbench.report.tables import DASH, MARK, Block, Cell, Table, cell, fixed, significant
from focusbench.tracks.deconvolution import learned
from focusbench.tracks.deconvolution.learned import RECORDED, Training
from focusbench.tracks.deconvolution.network_sizes import Sizes, of_paper, sizes
from focusbench.tracks.deconvolution.networks_notes import BUSY, notes, summary
from focusbench.tracks.deconvolution.training_notes import duration, share

PAPERS = "cyclegan_blur_kernel"  # the method that section V-C is about
PAPER_DEVICE = "GeForce GTX 1080 Ti"  # section IV-A
# claims, and (z, y, x) voxels; "512x512x50" is lateral first, as "256x512x128"
INFERENCE = {
    "inference_time_256x512x128": (128, 256, 512),
    "inference_time_512x512x50": (50, 512, 512),
}
TRAINING = {"training_time_simulation": "simulation", "training_time_real": "recordings"}
COLUMNS = (  # of the data
    *("source", "method", "trained_on", "seeds"),
    *("generator_parameters", "blur_parameters", "discriminator_parameters", "parameters"),
    *("parameter_bytes", "share_of_cyclegan"),
    *("steps", "training_seconds", "loading_share"),
    *("peak_memory_bytes", "peak_device_memory_bytes", "training_device", "training_threads"),
    *("sample", "voxels_z", "voxels_y", "voxels_x", "inference_seconds", "voxels_per_second"),
    *("device", "threads", "load_before"),
)
# columns that hold whole numbers, or nothing
WHOLE = dict.fromkeys(
    (
        *("seeds", "generator_parameters", "blur_parameters", "discriminator_parameters"),
        *("parameters", "parameter_bytes", "training_threads", "threads"),
        *("voxels_z", "voxels_y", "voxels_x"),
    ),
    "Int64",
)


def networks(results: Results, settings: Mapping[str, Any]) -> Table:
    """Parameters, training and inference of every method that learns, beside what the paper prints.

    Reads timings, the records of the timed restorations, and the records of trainings.

    Parameters
    ----------
    results
        Of this track, with `timed` and `trained` set.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold rows of three kinds, told apart by `source`: `trained` (a method's training
        and a restoration of its own), `paper_size` (counted on networks of the paper's size), and
        `published`.
    """
    import pandas

    trainings = learned.read(results)
    by_paper, own = of_paper(), sizes(trainings)
    timed = _timed(results, settings)
    rows = _tidy(by_paper, own, trainings, timed)
    blocks = [_paper_block(by_paper)]
    if trainings:
        blocks += [_own_block(trainings, own), _training_block(trainings)]
        blocks.append(_inference_block(timed))
    return Table(
        name="networks",
        title="Networks: sizes, training and inference (section V-C of Lim et al. 2020)",
        summary=summary(settings, trainings),
        notes=tuple(notes(settings, trainings, timed)),
        data=pandas.DataFrame(rows).reindex(columns=list(COLUMNS)).astype(WHOLE),
        blocks=tuple(blocks),
    )


def _claims() -> dict[str, float]:
    table = published.values("deconvolution_claims")
    return dict(zip(table["claim"], table["value"].astype(float), strict=True))


def _timed(results: Results, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the timing of each learned method says, with the size of the volume where it is known.

    Volumes that this package makes have the track's shape; a recording has its own.
    """
    trained = {method for method, _ in results.trained}
    timings = results.timings()
    sources = settings.get("sources") or {}
    rows = []
    for row in timings.to_dict("records") if len(timings) else []:
        if row["method"] in trained:
            own = row["degradation"] == RECORDED or sources.get(row["sample"]) == "fluorescence"
            rows.append({**row, "shape": None if own else tuple(settings["track"]["shape"])})
    return rows


SIZES_HEADER = ("generator", "blur", "discriminators", "together", "MiB", "of the cycleGAN's")


def _size_cells(size: Sizes) -> list[Cell]:
    mebibytes = math.nan if size.total is None else size.bytes / 2**20
    return [
        cell(_count(size.generator)),
        cell(_count(size.blur)),
        cell(_count(size.discriminators)),
        cell(_count(size.total)),
        cell(significant(mebibytes)),
        cell(_percent(size.of_conventional)),
    ]


def _count(value: int | None) -> str:
    return DASH if value is None else fixed(value, 0)


def _percent(value: float) -> str:
    return DASH if math.isnan(value) else f"{fixed(100 * value, 1)} %"


def _paper_block(by_paper: Mapping[str, Sizes]) -> Block:
    claims = _claims()
    million = "million"
    conventional = [
        *("", f"{claims['generator_parameters']:g} {million}"),
        *("", "", "", "100 %"),
    ]
    theirs = {
        "cyclegan": conventional,
        PAPERS: [
            f"{claims['generator_parameters']:g} {million}",
            f"{claims['blur_kernel_parameters']:g} {million}",
            *("", "", ""),
            f"{claims['training_memory_ratio']:g} %",
        ],
    }
    rows = [(cell(method), *_size_cells(size)) for method, size in by_paper.items()]
    rows += [(cell(f"{name}, published"), *map(cell, texts)) for name, texts in theirs.items()]
    title = "Parameters at the paper's size, counted on networks of that size"
    return Block(title, ("method", *SIZES_HEADER), tuple(rows), len(theirs))


def _own_block(trainings: Sequence[Training], own: Mapping[str, Sizes]) -> Block:
    rows = [
        (cell(method), *_size_cells(own[method]))
        for method in dict.fromkeys(one.method for one in trainings)
    ]
    return Block("Parameters as trained here", ("method", *SIZES_HEADER), tuple(rows))


def _training_block(trainings: Sequence[Training]) -> Block:
    header = (
        *("method", "trained on", "steps", "time", "of it loading"),
        *("peak memory, MiB", "device", "threads"),
    )
    rows = []
    for one in trainings:
        memory = [one.peak_memory_bytes]
        if not math.isnan(one.peak_device_memory_bytes):
            memory.append(one.peak_device_memory_bytes)
        rows.append(
            (
                cell(one.method),
                cell(one.degradation),
                cell(fixed(one.steps, 0)),
                cell(duration(one.seconds)),
                cell(share(one.loading_share)),
                cell(*(significant(value / 2**20) for value in memory)),
                cell(one.device or DASH),
                cell(DASH if one.threads is None else str(one.threads)),
            )
        )
    claims = _claims()
    for claim, name in TRAINING.items():
        blank = [cell("")] * 2
        texts = [f"{PAPERS}, published", name, "", f"{claims[claim]:g} h"]
        rows.append((*map(cell, texts), *blank, cell(PAPER_DEVICE), cell("")))
    return Block("Training", header, tuple(rows), len(TRAINING))


def _inference_block(timed: Sequence[Mapping[str, Any]]) -> Block:
    header = (
        *("method", "voxels (z, y, x)", "seconds", "million voxels a second"),
        *("device", "threads", "load before"),
    )
    rows = []
    for row in timed:
        load = row.get("load_before")
        shown = DASH if load is None or math.isnan(load) else fixed(float(load), 1)
        busy = MARK if load is not None and load > BUSY else ""
        rows.append(
            (
                cell(row["method"]),
                cell(f"{row['sample']}, its own" if row["shape"] is None else _times(row["shape"])),
                cell(significant(row["seconds"])),
                cell(significant(_speed(row["shape"], row["seconds"]) / 1e6)),
                cell(str(row.get("device") or DASH)),
                cell(str(row.get("threads") or DASH)),
                cell(f"{shown}{busy}"),
            )
        )
    claims = _claims()
    for claim, shape in INFERENCE.items():
        texts = [f"{PAPERS}, published", _times(shape), f"{claims[claim]:g}"]
        texts += [significant(_speed(shape, claims[claim]) / 1e6), PAPER_DEVICE, "", ""]
        rows.append(tuple(map(cell, texts)))
    return Block("Inference: one volume", header, tuple(rows), len(INFERENCE))


def _speed(shape: Sequence[int] | None, seconds: float) -> float:
    """Voxels a second."""
    return math.nan if shape is None else math.prod(shape) / seconds


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _tidy(
    by_paper: Mapping[str, Sizes],
    own: Mapping[str, Sizes],
    trainings: Sequence[Training],
    timed: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    rows = [
        {"source": "paper_size", "method": method, **_size_columns(size)}
        for method, size in by_paper.items()
    ]
    first = {row["method"]: row for row in reversed(timed)}
    for one in trainings:
        row: dict[str, Any] = {
            "source": "trained",
            "method": one.method,
            "trained_on": one.degradation,
            "seeds": one.seeds,
            **_size_columns(own[one.method]),
            "steps": one.steps,
            "training_seconds": one.seconds,
            "loading_share": one.loading_share,
            "peak_memory_bytes": one.peak_memory_bytes,
            "peak_device_memory_bytes": one.peak_device_memory_bytes,
            "training_device": one.device,
            "training_threads": one.threads,
        }
        use = first.get(one.method)
        # a recording was restored with the weights trained on recordings, if there are any
        if use and one is learned.used_for(one.method, use["degradation"], trainings):
            row |= {key: use.get(key) for key in ("sample", "device", "threads", "load_before")}
            row |= _speed_columns(use["shape"], use["seconds"])
        rows.append(row)
    return rows + _published_rows()


def _size_columns(size: Sizes) -> dict[str, Any]:
    return {
        "generator_parameters": size.generator,
        "blur_parameters": size.blur,
        "discriminator_parameters": size.discriminators,
        "parameters": size.total,
        "parameter_bytes": None if size.total is None else size.bytes,
        "share_of_cyclegan": size.of_conventional,
    }


def _speed_columns(shape: Sequence[int] | None, seconds: float) -> dict[str, Any]:
    lengths = dict(zip(("voxels_z", "voxels_y", "voxels_x"), shape or [None] * 3, strict=True))
    return {**lengths, "inference_seconds": seconds, "voxels_per_second": _speed(shape, seconds)}


def _published_rows() -> list[dict[str, Any]]:
    claims, start = _claims(), {"source": "published", "method": PAPERS}
    rows: list[dict[str, Any]] = [
        {
            **start,
            "generator_parameters": 1e6 * claims["generator_parameters"],
            "blur_parameters": 1e6 * claims["blur_kernel_parameters"],
            "share_of_cyclegan": claims["training_memory_ratio"] / 100,
        }
    ]
    for (training, name), (use, shape) in zip(TRAINING.items(), INFERENCE.items(), strict=True):
        rows.append(
            {
                **start,
                "trained_on": name,
                "training_seconds": 3600 * claims[training],
                "training_device": PAPER_DEVICE,
                **_speed_columns(shape, claims[use]),
                "device": PAPER_DEVICE,
            }
        )
    return rows
