"""A copy of the checkout to run the workflow in, so that tests may edit everything."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from focusbench.tracks import TABLE

TARGETS = ("all", *TABLE)
PARTS = ("Snakefile", "config.yaml", "rules", "workflow", "src", "envs", "examples", "profiles")


class Checkout:
    """A working copy and the commands that a person gives in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments, cores) -> subprocess.Popen:
        """Start Snakemake and return; what it says goes to `said.txt`."""
        with open(self.folder / "said.txt", "w") as said:
            return subprocess.Popen(
                # else each job leaves a clock that wakes the scheduler every second, to the end
                self._snakemake(cores, ("--max-jobs-per-timespan", "10000/15s", *arguments)),
                cwd=self.folder,
                env=self._environment(),
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def python(self, *arguments, **options):
        return self._run([sys.executable, *map(str, arguments)], **options)

    def snakemake(self, *arguments, cores=2, fails=False):
        done = self._run(self._snakemake(cores, arguments))
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    def jobs(self, *arguments) -> dict[str, int]:
        """Count the jobs that a run would do, by rule."""
        return counted(self.plan(*arguments))

    def jobs_by_track(self, *arguments) -> dict[str, dict[str, int]]:
        """Count the jobs that a run would do, by track and by rule."""
        plan = self.plan(*arguments)
        jobs = re.findall(r"^rule (\w+):\n(?: .*\n)*?    wildcards: track=(\w+)", plan, re.M)
        assert len(jobs) == sum(counted(plan).values())
        counts: dict[str, dict[str, int]] = {}
        for rule, track in jobs:
            of_track = counts.setdefault(track, {})
            of_track[rule] = of_track.get(rule, 0) + 1
        return counts

    def plan(self, *arguments) -> str:
        """What a run would do, in the runner's words."""
        return self.snakemake("--dry-run", *arguments).stdout

    def states_left(self) -> list[Path]:
        """What lies under the folder of the resume states; none too where there is no folder."""
        return list((self.folder / "results/.resume").glob("*"))

    def overlay(self, content, name="overlay.yaml") -> str:
        path = self.folder / name
        path.write_text(yaml.safe_dump(content))
        return str(path)

    @staticmethod
    def _snakemake(cores, arguments) -> list[str]:
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
        return [*command, *map(str, arguments)]

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder / "src"), str(self.folder)])
        return {**os.environ, "PYTHONPATH": path}

    def _run(self, command, **options):
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            **options,
        )


def counted(plan: str) -> dict[str, int]:
    """Jobs of each rule, read off the runner's table; those that only collect files left out."""
    block = re.search(r"^job +count\n-+ +-+\n(.*?)^total", plan, re.M | re.S)
    counts = re.findall(r"^(\S+) +(\d+)$", block[1], re.M) if block else []
    return {rule: int(count) for rule, count in counts if rule not in TARGETS}


def copy(root: Path, folder: Path) -> Checkout:
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if (root / part).is_dir():
            ignored = shutil.ignore_patterns("*.egg-info")
            shutil.copytree(root / part, folder / part, ignore=ignored)
        else:
            shutil.copy2(root / part, folder / part)
    (folder / "config.yaml").write_text("preset: test\n")
    return Checkout(folder)
