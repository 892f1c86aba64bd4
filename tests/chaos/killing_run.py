"""Kill random jobs of a whole run of the preset `test`, until it finishes all the same.

    python tests/chaos/killing_run.py --kills 50 --seed 1 [--track NAME ...] [--cores 2]

A run is left alone first, in a copy of the checkout; then another copy is run whose jobs get
SIGKILL at random times, now and then its runner as well, with its jobs or without them. The run is
started again whenever it has ended, as a person would. If it finishes before the kills are used
up, some of what it made is thrown away and it goes on. At the end everything but cost must have the
bytes of the run that was left alone. States are saved after every step. For Linux.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src"), str(Path(__file__).parent)]

import processes  # noqa: E402
from results_compared import compared  # noqa: E402

from working_copy import copy  # noqa: E402

WHOM = {"a job": 16, "the runner with its jobs": 1, "the runner alone": 1}
"""Who is killed, and how often in proportion."""

SAVED, PATIENCE = 0.7, 30.0
"""Share of kills that wait for a job that has saved a state, and for how many seconds: most of the
time of such short jobs goes into imports."""

OPTIONS = ("--rerun-incomplete", "--keep-going")
ATTEMPTS = 400
ORPHANS_SECONDS = 300


class Killing:
    """A working copy whose runs are killed."""

    def __init__(self, checkout, targets, cores, kills, every, choose) -> None:
        self.checkout, self.targets, self.cores = checkout, targets, cores
        self.wanted, self.every, self.choose = kills, every, choose
        self.kills, self.rules = Counter(), Counter()
        self.with_state = self.attempts = 0
        self.rounds = 1
        self.sessions = []
        self.failed = []

    def run(self) -> None:
        """Start the run until it is finished and killed often enough."""
        while True:
            self._attempt()
            if self.status == 0 and self.kills.total() >= self.wanted:
                break
            if self.attempts == ATTEMPTS:
                sys.exit(f"not finished after {ATTEMPTS} attempts: {self.checkout.folder}")
            if self.status == 0:
                self._throw_away()
        until = time.monotonic() + ORPHANS_SECONDS
        while processes.of_sessions(self.sessions) and time.monotonic() < until:
            time.sleep(0.2)  # jobs whose runner was killed, and which were done once more meanwhile

    def _attempt(self) -> None:
        self.attempts += 1
        process = self.checkout.start(*self.targets, *OPTIONS, cores=self.cores)
        self.sessions.append(process.pid)
        killed = self.kills.total()
        runner = False
        while process.poll() is None:
            time.sleep(self.choose.expovariate(1 / self.every))
            if self.choose.random() < SAVED:
                self._wait_for_a_state(process)
            if self.kills.total() < self.wanted and process.poll() is None:
                runner = self._kill(process.pid)
                if runner:
                    process.wait()
        self.status = process.returncode
        said = (self.checkout.folder / "said.txt").read_text(errors="replace")
        if self.status and self.kills.total() == killed:
            self.failed.append(said[-2000:])  # by itself
            if len(self.failed) > 5:
                sys.exit(f"fails unkilled: {self.failed[-1]}")
        if runner:
            self.checkout.snakemake("--unlock", *self.targets)
        told = dict(self.kills), f"{self.with_state} with a state", self.status
        print(f"attempt {self.attempts}, round {self.rounds}:", *told, flush=True)

    def _kill(self, runner) -> bool:
        """Kill somebody, if there is a job at work; give whether it was the runner."""
        jobs = processes.of_jobs(processes.of_sessions(self.sessions))
        if not jobs:
            return False
        whom = self.choose.choices(list(WHOM), list(WHOM.values()))[0]
        states = self._states()
        if whom == "a job":
            victim, rule = self.choose.choice(sorted(jobs, key=lambda one: one[0].pid))
            try:
                os.kill(victim.pid, signal.SIGKILL)
            except ProcessLookupError:
                return False
            self.rules[rule] += 1
        elif whom == "the runner alone":
            os.kill(runner, signal.SIGKILL)
        else:
            os.killpg(runner, signal.SIGKILL)
        self.kills[whom] += 1
        self.with_state += bool(states)
        return whom != "a job"

    def _states(self) -> list[Path]:
        return list((self.checkout.folder / "results/.resume").glob("*/*.safetensors"))

    def _wait_for_a_state(self, process) -> None:
        until = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < until and not self._states():
            time.sleep(0.02)

    def _throw_away(self) -> None:
        """Delete what a third of the methods made, and all that shows it, to be made anew."""
        self.rounds += 1
        results = self.checkout.folder / "results"
        for shown in ("tables", "figures"):
            shutil.rmtree(results / shown, ignore_errors=True)
        made = sorted(results.glob("*/restored/*/*/*-seed*.ome.tif"))
        methods = sorted({path.name.partition("-seed")[0] for path in made})
        for method in self.choose.sample(methods, (len(methods) + 2) // 3):
            for kind in ("restored", "scores"):
                for path in results.glob(f"*/{kind}/*/*/{method}-seed*"):
                    path.unlink()
            for folder in results.glob(f"*/models/{method}"):
                shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--track", nargs="*", default=["all"], help="default: all")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--every", type=float, default=4.0, help="mean seconds between two kills")
    parser.add_argument("--folder", help="for the two runs; default: a temporary one")
    parser.add_argument("--reference", help="working copy with a finished run; default: make it")
    options = parser.parse_args()
    os.environ.update(CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1")
    folder = Path(options.folder or tempfile.mkdtemp(prefix="focusbench-chaos-"))
    begun = time.monotonic()
    reference = Path(options.reference) if options.reference else left_alone(folder, options)
    undisturbed = time.monotonic() - begun
    os.environ["FOCUSBENCH_SAVE_SECONDS"] = "0"
    killing = Killing(
        copy(ROOT, folder / "killed"),
        options.track,
        options.cores,
        options.kills,
        options.every,
        random.Random(options.seed),
    )
    killing.run()
    results = killing.checkout.folder / "results"
    counts, differences = compared(reference / "results", results)
    left = [str(one.relative_to(results)) for one in (results / ".resume").glob("*")]
    left += [str(one.relative_to(results)) for one in results.rglob(".part*")]
    report = {
        "kills": dict(killing.kills),
        "jobs killed by rule": dict(killing.rules),
        "kills while a state was there": killing.with_state,
        "attempts": killing.attempts,
        "rounds": killing.rounds,
        "attempts that failed unkilled": killing.failed,
        "seconds": round(time.monotonic() - begun),
        "seconds of the run left alone": round(undisturbed),
        "files compared": counts,
        "differences": differences,
        "left behind": left,
    }
    print(json.dumps(report, indent=2))
    if differences or left or killing.failed:
        sys.exit(1)
    if not options.folder:
        shutil.rmtree(folder)


def left_alone(folder, options) -> Path:
    """Run without kills; give the working copy."""
    checkout = copy(ROOT, folder / "left_alone")
    status = checkout.start(*options.track, cores=options.cores).wait()
    if status:
        sys.exit(f"the run left alone failed: {checkout.folder / 'said.txt'}")
    return checkout.folder


if __name__ == "__main__":
    main()
