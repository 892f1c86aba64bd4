"""Fixtures that more than one test file uses."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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


@pytest.fixture
def one_thread():
    """Tiny networks gain nothing from threads, and lose much where cores are busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
