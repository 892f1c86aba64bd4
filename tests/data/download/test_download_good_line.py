"""Downloads over a good line: the file, its record, and nothing else."""

import hashlib
import json
import re

import pytest
from download_faults import CONTENT, KNOWN, OTHER, SIZE, cut, fetch, names

from focusbench.data import checksums, download
from focusbench.errors import InputError


@pytest.mark.parametrize("known", [KNOWN, None])
def test_a_file_comes_with_its_record_and_nothing_else(home, path, known):
    assert fetch(home, path, known) == KNOWN
    assert path.read_bytes() == CONTENT
    assert names(path) == ["file.raw", "file.raw.download.json"]
    record = json.loads(checksums.record_path(path).read_text())
    assert record == {"url": f"{home.url}/file.raw", "size": SIZE, "sha256": KNOWN}
    assert home.ranges == [None]


def test_a_file_that_is_there_is_checked_and_not_downloaded(home, path):
    fetch(home, path)
    assert fetch(home, path) == KNOWN
    assert len(home.requests) == 1
    path.write_bytes(OTHER)
    with pytest.raises(InputError, match=r"file\.raw: has sha256 .* delete it"):
        fetch(home, path)
    with pytest.raises(InputError, match=r"file\.raw: has sha256 .* delete it"):
        fetch(home, path, None)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(InputError, match="has 299999 bytes, not 300000; delete it"):
        fetch(home, path)
    assert path.read_bytes() == CONTENT[:-1]
    assert len(home.requests) == 1


def test_a_file_put_there_by_hand_is_recorded(home, path):
    path.parent.mkdir()
    path.write_bytes(OTHER)
    assert fetch(home, path, None) == checksums.recorded(path) == hashlib.sha256(OTHER).hexdigest()
    assert not home.requests


def test_the_first_download_decides_where_no_checksum_is_known(home, path):
    fetch(home, path, None)
    path.unlink()
    home.content, home.etag = OTHER, '"two"'
    with pytest.raises(InputError, match=rf"{KNOWN} is recorded in .*download\.json, twice"):
        fetch(home, path, None)
    assert not path.exists()
    assert len(home.requests) == 3  # once to be sure
    checksums.record_path(path).unlink()
    fetch(home, path, None)
    assert path.read_bytes() == OTHER


@pytest.mark.parametrize("text", ["", "[]", '{"sha256": 3}', '{"sha256": "abc"}', '{"size": 3}'])
def test_a_record_that_cannot_be_read(home, path, text):
    path.parent.mkdir()
    checksums.record_path(path).write_text(text)
    with pytest.raises(InputError, match="is not the record of a download; delete it"):
        fetch(home, path, None)
    assert not home.requests


def test_progress_is_told(home, path, capsys, monkeypatch):
    monkeypatch.setattr(download, "LINE_SECONDS", 0.0)
    home.faults = [cut(100_000)]
    fetch(home, path)
    told = capsys.readouterr().err
    assert "file.raw: downloading 0.3 MB\n" in told
    assert "100000 of 300000 bytes came; next attempt in 0 s" in told
    assert "downloading 0.3 MB from byte 100000 on" in told
    assert re.search(r"0\.3 of 0\.3 MB, [\d.]+ MB/s, 0 s left", told)
    assert f"complete, sha256 {KNOWN}" in told
