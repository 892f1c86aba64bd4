"""Any program that reads and writes TIFF, as a method."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from focusbench.errors import InputError
from focusbench.images import read_volume, write_volume
from focusbench.problem import Problem, Restoration, Run, Weights


@dataclass(frozen=True)
class Command:
    """Run a program without a shell.

    Parameters
    ----------
    command
        Program and arguments, split as a shell splits words; then {observed} (an OME-TIFF, float32,
        ZYX), {estimate} (where the program leaves its result: a TIFF of the same shape), {psf} (an
        OME-TIFF of unit sum, in problems that have one), {voxel_size} (um, as z,y,x), {seed} and
        {threads} are filled in. OMP_NUM_THREADS is set.
    timeout_seconds
        The program, and what it started, is stopped after that time.
    """

    command: str
    timeout_seconds: float = 3600.0

    def restore(self, problem: Problem, run: Run, weights: Weights | None = None) -> Restoration:
        """Run the program on the observation.

        Raises
        ------
        InputError
            The program is missing, fails, takes too long, or leaves no usable result.
        """
        with tempfile.TemporaryDirectory(prefix="focusbench-") as folder:
            estimate = Path(folder) / "estimate.tif"
            observed = Path(folder) / "observed.ome.tif"
            write_volume(observed, problem.observed, problem.axes, problem.voxel_size)
            fields = {
                "observed": str(observed),
                "estimate": str(estimate),
                "voxel_size": ",".join(f"{step:g}" for step in problem.voxel_size),
                "seed": str(run.seed),
                "threads": str(run.threads),
            }
            if "{psf}" in self.command:
                fields["psf"] = str(self._write_psf(problem, Path(folder) / "psf.ome.tif"))
            words = [_filled(word, fields) for word in shlex.split(self.command)]
            budget = min(self.timeout_seconds, run.budget_seconds or self.timeout_seconds)
            self._run(words, run.threads, budget)
            if not estimate.exists():
                raise InputError(f"command {words[0]!r} left no file at {{estimate}}")
            array = read_volume(estimate, problem.axes).array
        if problem.observed.dtype != np.uint8:
            array = array.astype(np.float32)
        accepted = problem.estimates or (problem.observed.shape,)
        if array.shape not in accepted:
            shapes = " or ".join(map(str, accepted))
            told = "" if problem.estimates else ", that of the observation"
            raise InputError(
                f"command {words[0]!r} left an estimate of shape {array.shape}; accepted: "
                f"{shapes}{told}"
            )
        return Restoration(array)

    def _write_psf(self, problem: Problem, path: Path) -> Path:
        kernel = getattr(problem.forward, "kernel", None)
        if kernel is None:
            raise InputError("command: asks for {psf}, but this problem has none")
        write_volume(path, np.asarray(kernel, np.float32), problem.axes, problem.voxel_size)
        return path

    def _run(self, words: list[str], threads: int, timeout: float) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(
                f"command {words[0]!r} cannot be run: {error.strerror}; accepted: a program "
                "on PATH, or its path"
            ) from None
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise InputError(f"command {words[0]!r} was stopped after {timeout:g} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # its children too
                process.wait()
        if process.returncode:
            lines = output.decode(errors="replace").strip().splitlines()
            said = f": {lines[-1]}" if lines else ""
            raise InputError(f"command {words[0]!r} ended with status {process.returncode}{said}")


def _filled(word: str, fields: dict[str, str]) -> str:
    for name, value in fields.items():
        word = word.replace(f"{{{name}}}", value)
    return word
