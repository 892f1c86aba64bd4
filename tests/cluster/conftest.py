"""A cluster for the session, and working copies that use it."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from cluster_copy import ClusterCopy
from one_node_slurm import Cluster, Unavailable, install

from working_copy import copy

OBSERVED = [f"results/multifocus/observed/{one}/clean.ome.tif" for one in ("cell", "vessels")]


@pytest.fixture(scope="session")
def cluster():
    """A cluster of one node; a skip where SLURM is missing and cannot be installed."""
    try:
        install()
    except Unavailable as error:
        pytest.skip(str(error))
    # not pytest's own folder: too long a path for a socket
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = Cluster(folder, cpus=os.cpu_count() or 2)
    try:
        cluster.start()
    except Unavailable:
        cluster.stop()
        raise  # the folder stays: it holds the logs
    yield cluster
    cluster.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def observed(root, tmp_path_factory, cluster):
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
