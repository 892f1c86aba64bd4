"""Copies of the checkout to run the workflow in."""

from functools import partial

import pytest

from working_copy import copy


@pytest.fixture(scope="session")
def copied(root):
    """Make a fresh working copy in a folder of one's own."""
    return partial(copy, root)


@pytest.fixture
def checkout(root, tmp_path):
    """A fresh working copy on the preset `test`."""
    return copy(root, tmp_path / "checkout")


@pytest.fixture(scope="session")
def finished(started_run):
    """A working copy in which the preset `test` has been run to its end. Leave it as it was."""
    checkout, process = started_run
    status = process.wait(timeout=1800)
    assert status == 0, (checkout.folder / "said.txt").read_text()
    return checkout
