"""A working copy whose Snakemake sends its jobs to the test cluster."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from kept import end_with_parent
from one_node_slurm import Cluster
from slow_walk import DIARY

from working_copy import Checkout

ESTIMATE = "results/multifocus/restored/cell/clean/walk-seed0.ome.tif"


def end_with_the_test() -> None:
    """End at once: nobody is left for whom to end well."""
    end_with_parent(signal.SIGKILL)


class Step(NamedTuple):
    """A line of the diary."""

    number: int
    job: str
    gpus: str
    device: str


class Run:
    """A Snakemake that was started, and what it says."""

    def __init__(self, process: subprocess.Popen, said: Path) -> None:
        self.process, self._said = process, said

    @property
    def said(self) -> str:
        return self._said.read_text()

    def wait(self, *, status: int = 0, seconds: float = 600) -> str:
        """Wait for its end; return all that it said."""
        assert self.process.wait(seconds) == status, self.said
        return self.said


class ClusterCopy(Checkout):
    """As `Checkout`, with the commands that a person gives on a cluster."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        super().__init__(folder)
        self.cluster = cluster
        self.profile = "profiles/slurm" if cluster.accounts else "profiles/slurm-noacct"
        self.variables: dict[str, str] = {}
        self.runs: list[Run] = []

    def submit(self, *arguments) -> Run:
        """Start a run with the cluster's profile. Jobs are asked after early."""
        said = self.folder / f"said{len(self.runs)}.txt"
        early = ("--slurm-init-seconds-before-status-checks", "2")
        command = [sys.executable, "-m", "snakemake", "--profile", self.profile, *early]
        with open(said, "w") as stream:
            process = subprocess.Popen(
                [*command, *map(str, arguments)],
                cwd=self.folder,
                env=self._environment(),
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_the_test,
            )
        self.runs.append(Run(process, said))
        return self.runs[-1]

    def sbatch(self, command: str, *options: str) -> str:
        """Send a command line as one job; return its number."""
        call = ["sbatch", "--parsable", *options, "--wrap", command]
        return self._run(call).stdout.strip()

    def walk(self, **parameters) -> str:
        """Configure one job of `SlowWalk`; return the file that it makes."""
        content = {
            "preset": "test",
            "tracks": {"multifocus": {"methods": ["walk"]}},
            "methods": {"multifocus": {"walk": {"module": "slow_walk:SlowWalk", **parameters}}},
        }
        self.overlay(content, "config.yaml")
        return ESTIMATE

    def diary(self) -> list[Step]:
        """Steps of the walk so far, over all attempts."""
        path = self.folder / DIARY
        lines = path.read_text().splitlines() if path.exists() else []
        return [Step(int(number), *rest) for number, *rest in map(str.split, lines)]

    def wait_for_step(self, number: int, seconds: float = 120) -> Step:
        """Wait until the walk has taken a step."""
        end = time.monotonic() + seconds
        while not (steps := [one for one in self.diary() if one.number >= number]):
            assert time.monotonic() < end, self.runs[-1].said
            time.sleep(0.2)
        return steps[0]

    def made(self, path: str) -> bytes:
        """Content of a file."""
        return (self.folder / path).read_bytes()

    def undisturbed(self, path: str) -> bytes:
        """Content of a file, made anew on this computer without the cluster."""
        elsewhere = self.folder / "undisturbed"
        command = ("-m", "snakemake", "--cores", "1", "--directory", elsewhere, path)
        done = self.python(*command)
        assert done.returncode == 0, done.stderr
        return (elsewhere / path).read_bytes()

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file of the copy."""
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new))

    def end(self) -> None:
        """End runs that a failed test left."""
        for run in self.runs:
            if run.process.poll() is None:
                os.killpg(run.process.pid, signal.SIGINT)
                run.process.wait(60)

    def _environment(self) -> dict[str, str]:
        ours = super()._environment()["PYTHONPATH"]
        return {**self.cluster.environment, "PYTHONPATH": ours, **self.variables}
