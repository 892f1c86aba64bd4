"""Downloads that cannot be mended: there is no file, and one line says why."""

import hashlib
import os
import urllib.request
from dataclasses import replace

import pytest
from download_faults import (
    CONTENT,
    KNOWN,
    OTHER,
    SIZE,
    both,
    cut,
    fetch,
    flip,
    lie,
    names,
    refused,
    status,
    whole,
)

from focusbench.data import download
from focusbench.errors import InputError
from home_server import Answer, Home, running


def always(fault):
    return [fault] * 50


REFUSED = {
    "missing": (lambda: [status(404)], r"the server answers 404 Not Found; or set", 1),
    "forbidden": (lambda: [status(403)], r"the server answers 403 Forbidden", 1),
    "down": (lambda: always(status(500)), r"500 Internal Server Error", 5),
    "another_file": (
        lambda: always(lambda a, r: replace(a, body=OTHER)),
        rf"it has sha256 {hashlib.sha256(OTHER).hexdigest()}; {KNOWN} is known, twice",
        2,
    ),
    "shorter": (lambda: always(lie(-SIZE + 500)), "cannot be downloaded: ", None),
    "page": (
        lambda: always(lambda a, r: Answer(200, {"Content-Length": 4}, b"<p/>")),
        "the server offers 4 bytes, not 300000; what has come is kept",
        5,
    ),
    "longer": (
        lambda: always(lambda a, r: Answer(200, {"Content-Length": SIZE + 1}, CONTENT + b"1")),
        "the server sends more than 300000 bytes, twice",
        2,
    ),
    "cut_at_once": (lambda: always(cut(0)), "0 of 300000 bytes came", 5),
    "no_range_and_cut": (lambda: always(both(whole, cut(1000))), "1000 of 300000 bytes came", 5),
    "loop": (lambda: always(status(302, Location="/file.raw")), "redirect", None),
    "elsewhere": (
        lambda: always(status(302, Location="file:///etc/passwd")),
        "file:///etc/passwd' is not allowed",
        1,
    ),
    "nowhere": (lambda: always(status(302, Location="http://[oops/")), "cannot be down", None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_mended(home, path, case):
    faults, match, requests = REFUSED[case]
    home.faults = faults()
    refused(home, path, match)
    assert requests in (None, len(home.requests))


@pytest.mark.parametrize("case", ["shorter", "longer", "page"])
def test_a_wrong_size_is_seen_without_a_known_checksum(home, path, case):
    home.faults = REFUSED[case][0]()
    refused(home, path, "bytes", known=None)


def test_a_flipped_bit_every_time(home, path):
    home.faults = [flip(n) for n in range(50)]
    refused(home, path, f"{KNOWN} is known")
    assert len(home.requests) == 6  # the first brought the file on; five more did not


def test_no_server_is_one_line_that_names_address_and_way_out(home, path):
    with running(Home(CONTENT)) as gone:
        pass
    line = refused(gone, path, "Connection refused", attempts=2)
    assert line.startswith(f"{gone.url}/file.raw: cannot be downloaded")


def test_what_came_before_the_end_is_kept_for_the_next_time(home, path):
    home.faults = [cut(1000), *[status(500)] * 5]
    refused(home, path, "what has come is kept for the next time")
    assert names(path) == ["file.raw.part", "file.raw.part.json"]
    fetch(home, path)
    assert home.ranges[-1] == "bytes=1000-"
    assert path.read_bytes() == CONTENT


def test_other_addresses_are_refused(path):
    with pytest.raises(InputError, match="http and https are accepted"):
        download.fetch("file:///etc/passwd", path, 3)


def test_a_redirect_does_not_leave_https():
    handler = download._Redirects()
    request = urllib.request.Request("https://home/file.raw", headers={"Range": "bytes=3-"})
    told = (request, None, 302, "Found", {})
    followed = handler.redirect_request(*told, "https://mirror/file.raw")
    assert followed.get_header("Range") == "bytes=3-"
    with pytest.raises(Exception, match="redirects to http://mirror/file.raw, which is not foll"):
        handler.redirect_request(*told, "http://mirror/file.raw")


def test_a_disk_that_is_too_small_is_told_before(home, path, monkeypatch):
    usage = type("usage", (), {"free": SIZE - 1})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    refused(home, path, "is 300000 bytes long, and 299999 are free")
    assert not home.requests


def test_a_disk_that_gets_full_is_one_line(home, path):
    path.parent.mkdir()
    (path.parent / "file.raw.part").symlink_to("/dev/full")
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with pytest.raises(InputError, match=r"file\.raw: cannot be written: No space left on device$"):
        fetch(home, path)
    assert not path.exists()
