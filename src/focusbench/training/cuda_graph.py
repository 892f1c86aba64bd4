"""Steps as CUDA graphs: the work of a step is recorded once, then launched as a whole.

A step of a network launches some hundreds of small pieces of work, each of which costs the CPU a
few microseconds. A graph pays for one launch; the arithmetic is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3  # steps that are launched piece by piece: they allocate, compile and choose kernels

_log = logging.getLogger(__name__)


class GraphedStep:
    """Does one step a call; on CUDA by a graph, once `WARM_UP` steps were done without.

    Where there is no CUDA device, or the work cannot be recorded, each step is launched piece by
    piece, and the log says so once.

    Parameters
    ----------
    work
        Launches one step, and returns tensors. It must read and write the same tensors in every
        call, leave random numbers and data on the host alone, and not wait for the device.
    device
        "cuda" or "cpu".
    """

    def __init__(self, work: Callable[[], tuple[Tensor, ...]], device: str) -> None:
        self._work = work
        self._possible = device == "cuda"
        if not self._possible:
            _log.info("cuda graph: not on the device %r; steps are launched one by one", device)
        self.reset()

    def reset(self) -> None:
        """Record anew: the tensors that `work` uses are others than before."""
        self._graph: torch.cuda.CUDAGraph | None = None
        self._results: tuple[Tensor, ...] = ()
        self._done = 0

    @property
    def recorded(self) -> bool:
        """Whether steps are replayed."""
        return self._graph is not None

    def __call__(self) -> tuple[Tensor, ...]:
        """Do the next step; the tensors are the caller's own."""
        if not self._possible:
            return self._work()
        if self._done < WARM_UP:
            self._done += 1
            return self._beside()
        if self._graph is None and not self._record():
            return self._work()
        self._graph.replay()
        return tuple(result.clone() for result in self._results)

    def _beside(self) -> tuple[Tensor, ...]:
        """Do a step on a stream of its own, as is asked for before recording."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            results = self._work()
        torch.cuda.current_stream().wait_stream(stream)
        for result in results:
            result.record_stream(torch.cuda.current_stream())
        return results

    def _record(self) -> bool:
        """Record a step without doing it; False if that cannot be."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._results = self._work()
        except RuntimeError as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            _log.warning("cuda graph: %s; steps are launched one by one", reason[0])
            self._possible = False
            self._results = ()
            return False
        self._graph = graph
        return True


def fit_adam(optimizer: torch.optim.Adam, recorded: bool) -> None:
    """Let Adam's steps be recorded (on CUDA), or not: its options and where it counts its steps.

    To be called again after `load_state_dict`, which brings the options of whoever saved.
    """
    for group in optimizer.param_groups:
        group["capturable"] = recorded
        group["fused"] = True if recorded else None
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if "step" in state:
                state["step"] = state["step"].to(parameter.device if recorded else "cpu")
