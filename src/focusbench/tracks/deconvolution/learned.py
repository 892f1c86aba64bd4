"""What the records of trainings tell of the methods that learn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from focusbench import methods
from focusbench.report.results import Results
from focusbench.tracks.deconvolution.score_cells import RECORDED

PAIRS, UNPAIRED = "pairs", "unpaired"
FEWEST_SEEDS = 3  # from which on a method's trainings say something of others like them


@dataclass(frozen=True)
class Training:
    """A method's trainings on the same volumes, one a seed; numbers are means over them."""

    method: str
    degradation: str  # of the blurred volumes, such as snr20; `recorded`: recordings
    seeds: int
    networks: Mapping[str, int]  # name -> parameters that were trained; empty: not recorded
    steps: float
    seconds: float  # NaN: not recorded; the next three likewise
    loading_share: float  # of the time of all steps
    peak_memory_bytes: float
    peak_device_memory_bytes: float  # NaN on a CPU
    device: str
    threads: int | None

    @property
    def learns_from(self) -> str | None:
        """`PAIRS`, `UNPAIRED`, or None: a method of one's own that does not say."""
        if self.networks:
            return UNPAIRED if "blur" in self.networks else PAIRS
        known = methods.TABLE.get(self.method)
        return None if known is None else known.trains_on

    @property
    def blurs_by(self) -> str | None:
        """What makes blurred volumes of sharp ones: "known", "kernel" or "network"; None: nothing.

        Told by the number of parameters, as a variant may have any id: a known PSF has none that
        learn, a network the generator's.
        """
        if "blur" in self.networks:
            if self.networks["blur"] == 0:
                return "known"
            same = self.networks["blur"] == self.networks["generator"]
            return "network" if same else "kernel"
        ids = {
            "cyclegan": "network",
            "cyclegan_blur_kernel": "kernel",
            "cyclegan_blur_kernel_nonblind": "known",
        }
        return ids.get(self.method)

    @property
    def parameters(self) -> int | None:
        """Of all networks together; None: not recorded."""
        return sum(self.networks.values()) if self.networks else None


def read(results: Results) -> list[Training]:
    """Read what was trained, methods in the order of the tables; those of other grids come last.

    Raises
    ------
    InputError
        A record is missing or is not JSON.
    """
    by_id: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in results.trainings().to_dict("records"):
        degradation = str(row["training"]).rpartition("-seed")[0]
        by_id.setdefault((row["method"], degradation), []).append(row)
    order = {method: i for i, method in enumerate(results.methods)}
    ids = sorted(by_id, key=lambda one: order.get(one[0], len(order)))
    return [_training(*one, by_id[one]) for one in ids]


def used_for(method: str, degradation: str, trainings: Sequence[Training]) -> Training | None:
    """Return the training whose weights restored observations; None: the method did not learn.

    Where a method was trained on recordings too, recordings were restored with those weights.
    """
    own = [one for one in trainings if one.method == method]
    own.sort(key=lambda one: (one.degradation == RECORDED) != (degradation == RECORDED))
    return own[0] if own else None


def alike(one: Training, other: Training) -> bool:
    """Whether both have enough seeds, and as many steps: a difference is then one of methods."""
    return min(one.seeds, other.seeds) >= FEWEST_SEEDS and one.steps == other.steps


def _training(method: str, degradation: str, rows: list[dict[str, Any]]) -> Training:
    details = [row["details"] if isinstance(row.get("details"), Mapping) else {} for row in rows]
    networks = details[0].get("networks") or {}
    threads = _known([row.get("threads") for row in rows])
    return Training(
        method,
        degradation,
        len(rows),
        {name: int(count) for name, count in networks.items()},
        _mean([row.get("steps") for row in rows]),
        _mean([row.get("seconds") for row in rows]),
        _mean([one.get("loading_share") for one in details]),
        _mean([row.get("peak_memory_bytes") for row in rows]),
        _mean([row.get("peak_device_memory_bytes") for row in rows]),
        ", ".join(dict.fromkeys(d for row in rows if isinstance(d := row.get("device"), str))),
        int(threads[0]) if threads else None,
    )


def _known(values: list[Any]) -> list[float]:
    numbers = [value for value in values if isinstance(value, int | float)]
    return [float(value) for value in numbers if not math.isnan(value)]


def _mean(values: list[Any]) -> float:
    known = _known(values)
    return sum(known) / len(known) if known else math.nan
