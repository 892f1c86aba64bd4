"""Downloads that find a part of an earlier process."""

import json

import pytest
from download_faults import CONTENT, KNOWN, OTHER, SIZE, fetch

from home_server import STAMP


def leave(path, content, url, **state):
    path.parent.mkdir(exist_ok=True)
    (path.parent / "file.raw.part").write_bytes(content)
    told = {"url": url, "etag": None, "last_modified": None, **state}
    (path.parent / "file.raw.part.json").write_text(json.dumps(told))


ONE = {"etag": '"one"'}
WEAK = 'W/"one"'


@pytest.mark.parametrize(
    ("length", "etag", "stamp", "known", "continued"),
    [
        (1000, '"one"', STAMP, None, True),
        (1000, '"one"', None, None, True),
        (1000, None, STAMP, None, True),
        (1000, WEAK, STAMP, None, True),  # by the stamp
        (1000, WEAK, None, None, False),  # If-Range may not hold it
        (1000, None, None, None, False),
        (1000, None, None, KNOWN, True),  # the checksum decides
        (SIZE + 1, '"one"', STAMP, None, False),
        (0, '"one"', STAMP, None, False),
    ],
)
def test_a_part_is_continued_if_it_is_known_to_fit(
    home, path, length, etag, stamp, known, continued
):
    home.etag, home.stamp = etag, stamp
    state = {"etag": etag, "last_modified": stamp}
    leave(path, (CONTENT + b"1")[:length], f"{home.url}/file.raw", **state)
    fetch(home, path, known)
    assert path.read_bytes() == CONTENT
    assert home.ranges == ["bytes=1000-" if continued else None]


def test_a_part_from_another_address_is_not_continued(home, path):
    leave(path, OTHER[:1000], "http://elsewhere/file.raw", **ONE)
    fetch(home, path, None)
    assert path.read_bytes() == CONTENT
    assert home.ranges == [None]


def test_a_complete_part_needs_no_network(home, path):
    leave(path, CONTENT, f"{home.url}/file.raw", **ONE)
    fetch(home, path, None)
    assert path.read_bytes() == CONTENT
    assert not home.requests


@pytest.mark.parametrize("told", ["", "[1]", "{}", None])
def test_a_part_of_unknown_state_is_dropped(home, path, told):
    leave(path, OTHER[:1000], "")
    about = path.parent / "file.raw.part.json"
    about.unlink() if told is None else about.write_text(told)
    fetch(home, path, None)
    assert path.read_bytes() == CONTENT
    assert home.ranges == [None]


@pytest.mark.parametrize("known", [None, KNOWN])
def test_a_file_that_changed_at_home_is_not_glued_to_an_old_part(home, path, known):
    leave(path, OTHER[:1000], f"{home.url}/file.raw", etag='"zero"')
    fetch(home, path, known)
    assert path.read_bytes() == CONTENT
    assert home.requests[0][1]["If-Range"] == '"zero"'


def test_a_server_that_forgets_the_condition_is_found_out(home, path):
    def unconditional(_, request):
        del request.headers["If-Range"]
        return home.honest(request)

    leave(path, OTHER[:1000], f"{home.url}/file.raw", etag='"zero"')
    home.faults = [unconditional]
    fetch(home, path, None)
    assert path.read_bytes() == CONTENT
    assert home.ranges == ["bytes=1000-", None]


def test_a_part_that_rotted_is_dropped(home, path):
    leave(path, OTHER[:1000], f"{home.url}/file.raw", **ONE)
    fetch(home, path)
    assert path.read_bytes() == CONTENT
    assert home.ranges == ["bytes=1000-", None]
