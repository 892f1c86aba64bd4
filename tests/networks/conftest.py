import pytest


@pytest.fixture(autouse=True)
def one_thread_in_all(one_thread):
    """In every test of this folder."""
