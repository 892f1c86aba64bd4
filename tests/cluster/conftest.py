"""A cluster for the session, and working copies that use it."""

import os
import shutil
from pathlib import Path

import pytest
from cluster_copy import ClusterCopy
from one_node_slurm import Unavailable, install, temporary

from working_copy import copy

OBSERVED = [f"results/multifocus/observed/{one}/clean.ome.tif" for one in ("cell", "vessels")]


@pytest.fixture(scope="session")
def slurm():
    """SLURM's programs; a skip where they are missing and cannot be installed."""
    try:
        install()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cluster(slurm):
    """A cluster of one node."""
    with temporary(cpus=os.cpu_count() or 2) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def observed(root, tmp_path_factory, slurm):
    """A working copy on the preset `test`, in which two samples have been observed."""
    checkout = copy(root, tmp_path_factory.mktemp("observed") / "checkout")
    shutil.copy2(Path(__file__).with_name("slow_walk.py"), checkout.folder)
    checkout.snakemake(*OBSERVED)
    return checkout


@pytest.fixture
def checkout(observed, tmp_path, cluster):
    """A copy of that one, for the cluster."""
    shutil.copytree(observed.folder, tmp_path / "checkout")
    checkout = ClusterCopy(tmp_path / "checkout", cluster)
    yield checkout
    checkout.end()
