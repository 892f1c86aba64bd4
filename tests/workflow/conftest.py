"""A copy of the checkout to run the workflow in, so that tests may edit everything."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

TARGETS = ("all", "multifocus", "deconvolution")
PARTS = ("Snakefile", "config.yaml", "rules", "workflow", "src", "envs", "examples", "profiles")


class Checkout:
    """A working copy and the commands that a person gives in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def python(self, *arguments, **options):
        return self._run([sys.executable, *map(str, arguments)], **options)

    def snakemake(self, *arguments, cores=2, fails=False):
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *map(str, arguments)]
        done = self._run(command)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    def jobs(self, *arguments) -> dict[str, int]:
        """Count the jobs that a run would do, by rule."""
        done = self.snakemake("--dry-run", *arguments)
        block = re.search(r"^job +count\n-+ +-+\n(.*?)^total", done.stdout, re.M | re.S)
        counts = re.findall(r"^(\S+) +(\d+)$", block[1], re.M) if block else []
        return {rule: int(count) for rule, count in counts if rule not in TARGETS}

    def overlay(self, content, name="overlay.yaml") -> str:
        path = self.folder / name
        path.write_text(yaml.safe_dump(content))
        return str(path)

    def _run(self, command, **options):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.folder / "src"), str(self.folder)]),
        }
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            **options,
        )


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


@pytest.fixture
def checkout(root, tmp_path):
    """A fresh working copy on the preset `test`."""
    return copy(root, tmp_path / "checkout")


@pytest.fixture(scope="session")
def finished(root, tmp_path_factory):
    """A working copy in which the preset `test` has been run to its end. Leave it as it was."""
    checkout = copy(root, tmp_path_factory.mktemp("finished") / "checkout")
    checkout.snakemake()
    return checkout
