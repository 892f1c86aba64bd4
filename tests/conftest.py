"""Fixtures that more than one test file uses."""

import os
import signal
from pathlib import Path

import pytest

from working_copy import copy

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure() -> None:
    """Hear Ctrl-C, which what a script has put in the background ignores, as do its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real inputs (FOCUSBENCH_DATA, or shared/data beside the checkout), else a skip."""
    folder = Path(os.environ.get("FOCUSBENCH_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data beside the checkout (FOCUSBENCH_DATA names another place)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def started_run(request, root, tmp_path_factory):
    """The whole run that tests/workflow reads: it takes minutes, so it starts with the session.

    Beside other tests it keeps to the core that they leave idle. None where no test wants it.
    """
    workflow = root / "tests/workflow"
    items = request.session.items
    wanted = [i for i in items if workflow in i.path.parents and "finished" in i.fixturenames]
    if not wanted:
        yield None
        return
    checkout = copy(root, tmp_path_factory.mktemp("finished") / "checkout")
    alone = all(workflow in item.path.parents for item in items)
    process = checkout.start(cores=2 if alone else 1)
    yield checkout, process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture
def one_thread():
    """Tiny networks gain nothing from threads, and lose much where cores are busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
