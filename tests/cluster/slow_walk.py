"""A method that takes its time and says, in a file, what it did where."""

import os
import time
from dataclasses import dataclass

import numpy as np
import torch

from focusbench.problem import Problem, Restoration, Run, Weights
from focusbench.training.loop import iterate, restored

DIARY = "diary.txt"  # in the working directory; a line for each step


@dataclass(frozen=True)
class SlowWalk:
    """Steps of `seconds` each, the later half with `megabytes` held."""

    steps: int = 10
    seconds: float = 0.0
    megabytes: int = 0

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        walk = _Walk(self, torch.tensor(problem.observed), run.device)
        return restored(walk, iterate(walk, self.steps, run))


class _Walk:
    """What every step gives depends on all before, so that a lost or a repeated one shows."""

    finished = False

    def __init__(self, how: SlowWalk, start: torch.Tensor, device: str) -> None:
        self.how, self.value, self.device = how, start, device
        self.taken = 0
        self.held = None

    def step(self) -> float:
        time.sleep(self.how.seconds)
        if self.taken >= self.how.steps // 2 and self.held is None:
            self.held = np.ones(self.how.megabytes << 20, np.uint8)
        self.taken += 1
        self.value = (self.value * 0.9 + 0.1 * torch.sin(self.value + self.taken)).clamp(0.01, 1)
        job = os.environ.get("SLURM_JOB_ID")
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
        with open(DIARY, "a") as diary:
            diary.write(f"{self.taken} {job} {gpus} {self.device}\n")
        return 1 / self.taken

    def estimate(self) -> torch.Tensor:
        return self.value

    def state(self):
        return {"value": self.value}, {"taken": self.taken}

    def load(self, tensors, scalars) -> None:
        self.value, self.taken = tensors["value"], scalars["taken"]
