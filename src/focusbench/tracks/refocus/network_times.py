"""How long networks of the paper's size take for one image: Table III of Ma et al. 2021."""

from __future__ import annotations

import logging
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from focusbench.errors import InputError
from focusbench.networks.deep_z import with_plane
from focusbench.parameters import check_whole
from focusbench.tracks.refocus.paper_networks import NETWORKS, PLANES, PaperNetwork
from focusbench.training.device import resolve, synchronize
from focusbench.training.precision import PRECISIONS, arithmetic, autocast

LEAST_SIDE = 16  # px
_log = logging.getLogger(__name__)


def measure(settings: Mapping[str, Any], how: Mapping[str, Any]) -> dict[str, Any]:
    """Time networks with torch's starting values on random images, one after the other.

    A run takes an image that lies on the device to planes that lie there; the device is waited for
    before and after it. Eleven planes of `deep_z` are eleven passes, each with its plane's channel
    put beside the image. Nothing is compiled, no batch is larger than one image, and cuDNN chooses
    its algorithms without trying them.

    Parameters
    ----------
    settings
        `side`, px, of the low-resolution image (384 in the paper), from 16 up; what starts from
        full resolution is given twice that. `runs` to be measured of each network after `warm_up`
        runs that are not.
    how
        `device` ("auto", "cpu" or "cuda"), `threads`, and `budget_seconds`, of which each
        measurement has an equal share: when it is spent, and one run at least was measured, the
        next begins. None: all runs are made.

    Returns
    -------
    dict
        `side`, `runs`, `warm_up`; `device` (name of the GPU, or "cpu"), `processor`, `threads`,
        `load_before` (load average of the machine) and `versions`; `networks`: id ->
        `milliseconds` (of every run), `shape` (of what a pass is given), `passes` in a run,
        `network` (id in `paper_networks`) and `precision`. On CUDA every network is also timed with
        TF32 and with bfloat16 autocast, ids ending in "_tf32" and "_bfloat16".

    Raises
    ------
    InputError
        A setting is not what is said here.
    """
    side, runs, warm_up = (settings.get(key) for key in ("side", "runs", "warm_up"))
    check_whole("network_times.side", side, LEAST_SIDE)
    check_whole("network_times.runs", runs, 1)
    check_whole("network_times.warm_up", warm_up, 0)
    device, threads = resolve(how.get("device") or "auto"), how.get("threads") or 1
    check_whole("threads", threads, 1)
    wanted = [
        (name, precision)
        for precision in (PRECISIONS if device == "cuda" else PRECISIONS[:1])
        for name in NETWORKS
    ]
    share = _share(how.get("budget_seconds"), len(wanted))
    about = {
        **{"side": side, "runs": runs, "warm_up": warm_up},
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        **{"processor": _processor(), "threads": threads, "load_before": os.getloadavg()[0]},
        "versions": _versions(device),
    }
    networks = {}
    with _threads(threads):
        for name, precision in wanted:
            key = name if precision == "float32" else f"{name}_{precision}"
            one = NETWORKS[name]
            spent = _timed(one, side, device, precision, runs, warm_up, share)
            networks[key] = {
                "milliseconds": spent,
                "shape": list(one.shape(side)),
                **{"passes": one.passes, "network": name, "precision": precision},
            }
            _log.info("%s: %.4g ms, median of %d", key, statistics.median(spent), len(spent))
    return {**about, "networks": networks}


def _timed(
    one: PaperNetwork,
    side: int,
    device: str,
    precision: str,
    runs: int,
    warm_up: int,
    share: float | None,
) -> list[float]:
    """Milliseconds of every run that was measured."""
    spent: list[float] = []
    begun = time.perf_counter()
    with torch.inference_mode(), arithmetic(precision), autocast(device, precision):
        run = _run(one, side, device)
        for number in range(-warm_up, runs):
            enough = share is not None and time.perf_counter() - begun > share
            if enough and number < 0:
                continue  # the warm-up took all of the time: one run is measured nevertheless
            if enough and spent:
                break
            synchronize(device)
            before = time.perf_counter()
            run()
            synchronize(device)
            if number >= 0:
                spent.append(1000 * (time.perf_counter() - before))
    return spent


def _run(one: PaperNetwork, side: int, device: str) -> Callable[[], Any]:
    """What is timed; image and network lie on the device."""
    with torch.device(device):
        network = one.built()
        count, channels, *sides = one.shape(side)
        if one.network != "deep_z":
            image = torch.rand(count, channels, *sides) * (1 - one.lowest) + one.lowest
            return partial(network, image)
        image = torch.rand(count, channels - 1, *sides)
    planes = range(-(PLANES // 2), PLANES // 2 + 1) if one.passes == PLANES else (1,)

    def refocused() -> list[Tensor]:
        return [network(with_plane(image, plane, PLANES // 2)) for plane in planes]

    return refocused


def _share(budget: Any, parts: int) -> float | None:
    if budget is None:
        return None
    if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not budget > 0:
        raise InputError(f"budget_seconds is {budget!r}; a number above 0, or null, is accepted")
    return budget / parts


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _processor() -> str | None:
    """Name of the processor, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            named = (line.partition(":") for line in file)
            return next((value.strip() for key, _, value in named if key.strip() == "model name"))
    except (OSError, StopIteration, UnicodeDecodeError):
        return None


def _versions(device: str) -> dict[str, str]:
    found = {"torch": torch.__version__}
    if device == "cuda":
        found |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}
    return found
