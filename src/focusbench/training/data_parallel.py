"""One training in several processes, each with an equal share of every batch.

The process that was asked to train leads: it runs the loop, keeps the state and tells the monitor.
The others do each step with it. Gradients and losses are means over the processes
(`DistributedDataParallel`), so that everything is as in one process with the same whole batch, but
for rounding, and but for batch normalisation on the CPU, whose statistics are there those of each
process' share (`SyncBatchNorm` is for CUDA only).
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from focusbench.errors import InputError
from focusbench.parameters import check_whole
from focusbench.problem import Run
from focusbench.training.followers import Followers
from focusbench.training.loop import Stepper
from focusbench.training.planes_learner import Share
from focusbench.training.run import quick_run

STEP = "step"
NEARBY = {"linux": "lo", "darwin": "lo0"}
"""The network interface that no other machine can reach."""
_log = logging.getLogger(__name__)


class Together(Share):
    """Part of every batch of one of several processes; see `planes_learner.Share`.

    Parameters
    ----------
    rank
        Which process this is, from 0, that of the leader.
    processes
        How many there are; `torch.distributed` is set up between them.
    """

    def __init__(self, rank: int, processes: int) -> None:
        self.rank, self.processes = rank, processes

    def prepare(self, network: nn.Module) -> nn.Module:
        """On CUDA, replace batch normalisation by the synchronised one; names stay the same."""
        if next(network.parameters()).is_cuda:
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return network

    def wrap(self, network: nn.Module) -> nn.Module:
        """`DistributedDataParallel`: all parameters must take part in every step that calls it.

        It leaves running statistics alone: to set them before a second forward pass of a step would
        change what the backward pass of the first one needs.
        """
        wrapped = DistributedDataParallel(network)
        wrapped.broadcast_buffers = False  # torch 2.13 warns of it as an argument
        return wrapped

    def mean(self, values: Tensor) -> Tensor:
        """Mean of each value over the processes, all of which must ask for it."""
        total = values.detach().clone()
        distributed.all_reduce(total)
        return total / self.processes


class Teachable(Protocol):
    """A method that can learn in several processes; frozen, and to be pickled, as its data are."""

    def learner(self, data: Any, run: Run, share: Share | None) -> Stepper:
        """Build the training at its start; `share` says which part of a batch."""


def check_processes(processes: Any, batch_size: int) -> None:
    """Raise InputError unless a batch can be divided equally among the processes."""
    check_whole("processes", processes, 1)
    if batch_size % processes:
        raise InputError(
            f"batch_size is {batch_size} and processes {processes}; a batch_size that is a "
            "multiple of processes is accepted"
        )


@contextmanager
def learning(how: Teachable, data: Any, run: Run, processes: int) -> Iterator[tuple[Any, Stepper]]:
    """Start a training in `processes` processes, this one among them.

    On CUDA, one GPU each, by NCCL; where there are fewer GPUs, in fewer processes, which take the
    same whole batches. On the CPU, by Gloo. Threads are divided among the processes.

    Yields
    ------
    learner, stepper
        What `how.learner` gives in this process, whose device is told to it by its own `run`; and
        what to hand to `loop.iterate`.

    Raises
    ------
    InputError, RuntimeError, ChildProcessError
        Another process failed or was killed; one line.
    """
    processes = _affordable(run.device, processes)
    if processes == 1:
        learner = how.learner(data, run, None)
        yield learner, learner
        return
    if distributed.is_initialized():
        raise InputError(
            f"processes is {processes}; in a process that torch.distributed was set up in, "
            "1 is accepted"
        )
    if run.device == "cpu":
        _log.warning("processes is %d, and no GPU for them; computing on the CPU", processes)
    threads, before = max(1, run.threads // processes), torch.get_num_threads()
    followers = Followers()
    setting = (processes, str(followers.folder / "store"), run.device)
    task = (how, data, run.seed, threads)
    try:
        with _nearby() as environment:
            ranks = range(1, processes)
            followers.start(_follow, [(rank, *setting, *task) for rank in ranks], environment)
            followers.wait_until_ready()
            torch.set_num_threads(threads)
            with _member(0, *setting) as share:
                learner = how.learner(data, replace(run, threads=threads), share)
                yield learner, _Leader(learner, followers)
                followers.tell(None)
                followers.end()
    except Exception:
        followers.check(patience=1.0)  # theirs is the reason, if one of them failed
        raise
    finally:
        followers.kill()
        torch.set_num_threads(before)


class _Leader:
    """The leader's own learner; what changes it is told to the followers first."""

    def __init__(self, learner: Stepper, followers: Followers) -> None:
        self._learner, self._followers = learner, followers

    @property
    def finished(self) -> bool:
        return self._learner.finished

    def step(self) -> float:
        self._followers.tell(STEP)
        return self._learner.step()

    def estimate(self) -> Tensor:
        return self._learner.estimate()

    def state(self) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
        return self._learner.state()

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        self._followers.tell((dict(tensors), dict(scalars)))
        self._learner.load(tensors, scalars)


def _follow(
    receive: Callable[[], Any],
    rank: int,
    processes: int,
    store: str,
    device: str,
    how: Teachable,
    data: Any,
    seed: int,
    threads: int,
) -> None:
    """Do what the leader does, in a process of its own, until it says None."""
    logging.disable(logging.WARNING)  # the leader has said it
    torch.set_num_threads(threads)
    with _member(rank, processes, store, device) as share:
        learner = how.learner(data, quick_run(seed, device, threads), share)
        while (told := receive()) is not None:
            if told == STEP:
                learner.step()
            else:
                learner.load(*told)


@contextmanager
def _member(rank: int, processes: int, store: str, device: str) -> Iterator[Together]:
    """Join the others, who meet at the file `store`."""
    if device == "cuda":
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        "nccl" if device == "cuda" else "gloo",
        store=distributed.FileStore(store, processes),
        rank=rank,
        world_size=processes,
    )
    try:
        yield Together(rank, processes)
    finally:
        distributed.destroy_process_group()


def _affordable(device: str, processes: int) -> int:
    """As many of the processes as have a GPU each and divide the batch; on the CPU, all of them."""
    if device != "cuda":
        return processes
    there = max(1, torch.cuda.device_count())
    fitting = max(n for n in range(1, processes + 1) if processes % n == 0 and n <= there)
    if fitting < processes:
        told = "processes is %d, GPUs of this job: %d; training in %d, with the same whole batches"
        _log.warning(told, processes, there, fitting)
    return fitting


@contextmanager
def _nearby() -> Iterator[dict[str, str]]:
    """Let Gloo use the interface within this machine, unless the environment names one."""
    name, key = NEARBY.get(sys.platform), "GLOO_SOCKET_IFNAME"
    if name is None or key in os.environ:
        yield {}
        return
    os.environ[key] = name
    try:
        yield {key: name}
    finally:
        del os.environ[key]
