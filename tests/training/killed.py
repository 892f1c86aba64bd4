"""Run jobs in processes that are killed again and again; see test_killed.py.

Usage: python killed.py FOLDER SEED. Torch is imported once; each attempt is a fork of this
process, made before torch has started any thread.
"""

import json
import os
import random
import signal
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

from focusbench.methods.dip import Dip
from focusbench.methods.dip_pretrain_2 import DipPretrain2
from focusbench.problem import Problem
from focusbench.training.loop import iterate
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.state import FileState
from focusbench.training.weights import load_weights, save_weights

SHAPE = (4, 9, 8)


class Blur:
    """A toy of an imaging model: every slice sees the others, weakened by distance."""

    def apply(self, x):
        z = torch.arange(x.shape[-3], dtype=x.dtype)
        weight = torch.exp(-(z - z[:, None]).abs())
        return torch.einsum("ab,...byx->...ayx", weight / weight.sum(1, keepdim=True), x)


class Pairs:
    def __len__(self):
        return 7

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        clean = rng.random(SHAPE, dtype=np.float32)
        return clean - 0.1 * rng.random(SHAPE, dtype=np.float32), clean


class Descent:
    """Noisy gradient descent on a quadratic: a state of a tensor, a scalar and a generator."""

    finished = False

    def __init__(self, start):
        self.x = start
        self.rate = 0.3
        self.random = torch.Generator().manual_seed(1)

    def step(self):
        self.x = self.x - self.rate * self.x + 0.01 * torch.randn(SHAPE, generator=self.random)
        self.rate *= 0.97
        return self.x.square().sum().item()

    def estimate(self):
        return self.x

    def state(self):
        return {"x": self.x, "random": self.random.get_state()}, {"rate": self.rate}

    def load(self, tensors, scalars):
        self.x, self.rate = tensors["x"], scalars["rate"]
        self.random.set_state(tensors["random"])


class Signalling(Trace):
    """Writes a byte for each step; waits to be killed after `most` of them."""

    def __init__(self, pipe, most):
        super().__init__(None, lambda x: float(x.mean(dtype=np.float64)), 3, "job", quiet=True)
        self.pipe = pipe
        self.left = most

    def __call__(self, step, loss, estimate):
        super().__call__(step, loss, estimate)
        self.signal(b"m")

    def tell(self, step, loss):
        self.signal(b"t")

    def signal(self, byte):
        os.write(self.pipe, byte)
        self.left -= 1
        if self.left == 0:
            time.sleep(100)


def problem():
    truth = torch.from_numpy(Pairs()[0][1])
    return Problem("multifocus", Blur().apply(truth).numpy(), "ZYX", (1.0, 1.0, 1.0), Blur())


def work(job, folder, pipe, most):
    """Do a job, keeping state in `folder` and leaving its results there."""

    def run(name):
        return quick_run(3, state=FileState(folder / name, job), monitor=Signalling(pipe, most))

    def finish(run, estimate):
        run.monitor.write_csv(folder / "trace.csv")
        np.save(folder / "estimate.npy", np.asarray(estimate))
        run.state.remove()

    if job == "descent":
        own = run("state")
        first = Descent(torch.ones(SHAPE))
        outcome = iterate(first, 12, own, phase="first")
        second = Descent(first.x * 2)
        outcome = iterate(second, 12, own, phase="second", monitored=False, after=outcome)
        third = Descent(second.x + 1)
        iterate(third, 12, own, phase="third", after=outcome)
        finish(own, third.x)
    elif job == "dip":
        own = run("state")
        small = Dip(steps=14, constant_steps=12, width=4, scales=2, window=3, patience=4)
        finish(own, small.restore(problem(), own).estimate)
    else:
        small = DipPretrain2(epochs=3, batch_size=2, samples=7, steps=12, width=4, scales=2)
        own = run("fit")
        if not (folder / "model.safetensors").exists():
            weights = small.fit(Pairs(), own)
            own.monitor.write_csv(folder / "model.csv")
            save_weights(folder / "model.safetensors", weights)
        own.state.remove()  # again if a kill came before its end
        own = run("state")
        weights = load_weights(folder / "model.safetensors")
        finish(own, small.restore(problem(), own, weights).estimate)


def attempt(job, folder, patience, delay):
    """Fork; kill the child `delay` seconds after its `patience`-th step.

    Returns what each step told ("m": monitored, "t": not), when, and the child's exit status.
    """
    end, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            work(job, folder, pipe, patience + 4)
            code = 0
        finally:
            os._exit(code)
    os.close(pipe)
    told, times = "", []
    while len(told) < patience and (byte := os.read(end, 1)):
        told += byte.decode()
        times.append(time.monotonic())
    if len(told) == patience:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    os.close(end)
    _, status = os.waitpid(child, 0)
    return told, times, os.waitstatus_to_exitcode(status)


def cut(job, folder, choose):
    """Do a job once undisturbed and once with kills; give what was told, and the exit codes."""
    (folder / "whole").mkdir(parents=True)
    (folder / "cut").mkdir()
    whole, times, code = attempt(job, folder / "whole", 10**6, 0)
    killed, last = [], -signal.SIGKILL
    while code == 0 and last == -signal.SIGKILL and len(killed) < 100:
        patience = choose.randint(1, 3)
        delay = choose.uniform(0, 2 * statistics.median(np.diff(times)))
        told, _, last = attempt(job, folder / "cut", patience, delay)
        killed += [told] if last == -signal.SIGKILL else []
    return {"whole": whole, "killed": killed, "codes": [code, last]}


if __name__ == "__main__":
    torch.optim.Adam([torch.zeros(1)])  # imports much: once here, not in every fork
    choose = random.Random(int(sys.argv[2]))
    jobs = ("descent", "dip", "dip_pretrain_2")
    print(json.dumps({job: cut(job, Path(sys.argv[1], job), choose) for job in jobs}))
