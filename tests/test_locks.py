"""The two lock files, the conda environment and pyproject.toml agree with what is installed."""

import re
import tomllib
from importlib.metadata import distributions

import pytest
import yaml


def pins(path):
    lines = [line.strip() for line in path.read_text().splitlines()]
    kept = [line for line in lines if line and not line.startswith(("#", "-r"))]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.]+", line) for line in kept), kept
    return {normal(line.split("==")[0]): line.split("==")[1] for line in kept}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def run_lock(root):
    return pins(root / "requirements.lock")


@pytest.fixture(scope="module")
def dev_lock(root):
    return pins(root / "requirements-dev.lock")


def test_the_locks_are_the_closure_of_what_is_installed(run_lock, dev_lock):
    installed = {
        normal(one.metadata["Name"]): one.version.partition("+")[0] for one in distributions()
    }
    ours = {"focusbench", "pip"}
    gpu = {name for name in installed if name.startswith(("nvidia-", "cuda-"))}  # torch's own pins
    expected = {**run_lock, **dev_lock}
    assert {k: v for k, v in installed.items() if k not in ours | gpu} == expected


def test_the_locks_do_not_overlap(run_lock, dev_lock):
    assert not set(run_lock) & set(dev_lock)


def test_torch_and_triton_belong_together(run_lock):
    assert (run_lock["torch"], run_lock["triton"]) == ("2.13.0", "3.7.1")


def test_every_direct_dependency_is_locked(root, run_lock):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert {normal(name) for name in project["dependencies"]} <= set(run_lock)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in project["dependencies"])


def test_the_conda_environment_has_the_same_versions(root, run_lock):
    environment = yaml.safe_load((root / "envs" / "focusbench.yaml").read_text())
    (listed,) = (one["pip"] for one in environment["dependencies"] if isinstance(one, dict))
    assert {normal(n): v for n, v in (line.split("==") for line in listed)} == run_lock
    assert "python=3.11" in environment["dependencies"]
