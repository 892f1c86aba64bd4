"""A home that misbehaves as a test says, and a place for the file."""

import pytest
from download_faults import CONTENT

from home_server import Home, running


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def home():
    with running(Home(CONTENT)) as one:
        yield one


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "file.raw"
