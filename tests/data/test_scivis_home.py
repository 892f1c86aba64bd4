import hashlib
import random

import pytest

from focusbench.data import checksums, scivis, scivis_home
from focusbench.errors import InputError
from home_server import Home, running

CONTENT = random.Random(0).randbytes(64**3)
FILE = "fuel_64x64x64_uint8.raw"


@pytest.fixture
def home(monkeypatch):
    with running(Home(CONTENT, path=f"/fuel/{FILE}")) as one:
        monkeypatch.setenv("FOCUSBENCH_SCIVIS_URL", f"{one.url}/")
        monkeypatch.setenv("no_proxy", "*")
        yield one


def known(monkeypatch, **values):
    row = {**scivis.table()["fuel"], **values}
    monkeypatch.setattr(scivis, "table", lambda: {"fuel": row})


def test_addresses_are_those_of_the_table(monkeypatch):
    monkeypatch.delenv("FOCUSBENCH_SCIVIS_URL", raising=False)
    for row in scivis.table().values():
        assert row["url"].startswith(f"{scivis_home.HOME}/")
        assert scivis_home.address(row) == row["url"]


def test_a_known_checksum_is_enforced(home, tmp_path):
    with pytest.raises(InputError, match="349321dc.* is known.*set data.scivis.directory to the"):
        scivis_home.get(tmp_path / FILE)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("values", [{"sha256": "", "sha256_may_differ": ""},
                                    {"sha256_may_differ": "yes"}])  # fmt: skip
def test_any_other_is_recorded_and_enforced_after(home, tmp_path, monkeypatch, values):
    known(monkeypatch, **values)
    digest = hashlib.sha256(CONTENT).hexdigest()
    path = tmp_path / FILE
    assert scivis_home.get(path) == checksums.recorded(path) == digest
    path.unlink()
    home.content, home.etag = bytes(64**3), '"two"'
    with pytest.raises(InputError, match=f"{digest} is recorded in"):
        scivis_home.get(path)
    assert not path.exists()


def test_unknown_volume(tmp_path):
    with pytest.raises(InputError, match="is no Open SciVis volume of this package; known: aneu"):
        scivis_home.get(tmp_path / "a_2x2x2_uint8.raw")


def test_a_downloaded_volume_is_used_while_it_is_what_it_was(home, tmp_path, monkeypatch):
    known(monkeypatch, sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.chdir(tmp_path)
    (path,) = scivis.source_files("fuel", {"directory": None})
    assert path == f"data/scivis/{FILE}"
    scivis_home.get(path)
    assert scivis.density("fuel", 16, 4, settings={}).max() > 0.9
    with open(path, "r+b") as file:
        file.write(b"another")
    with pytest.raises(InputError, match=r"has sha256 .* delete it to download it again"):
        scivis.density("fuel", 16, 4, settings={})
