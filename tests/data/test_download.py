"""Downloads over bad lines: the file is right, or there is none and one line says why."""

import hashlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import urllib.request
from dataclasses import replace

import pytest

from focusbench.data import checksums, download
from focusbench.errors import InputError
from home_server import STAMP, Answer, Home, running

CONTENT = random.Random(0).randbytes(300_000)
SIZE = len(CONTENT)
KNOWN = hashlib.sha256(CONTENT).hexdigest()
OTHER = random.Random(1).randbytes(SIZE)


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


def fetch(home, path, known=KNOWN, **options):
    options = {"timeout": 5.0, "pause": 0.0, "advice": "or set some.key", **options}
    return download.fetch(f"{home.url}{home.path}", path, SIZE, known, **options)


def names(path):
    return sorted(one.name for one in path.parent.iterdir())


def refused(home, path, match, **options):
    """It ends with one line, and nothing has the file's name."""
    with pytest.raises(InputError, match=match) as caught:
        fetch(home, path, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert home.url in line
    assert line.endswith("or set some.key")
    assert not path.exists()
    assert not checksums.record_path(path).exists()
    return line


# --- faults: each changes one answer --------------------------------------------------------


def cut(at, reset=False):
    def fault(answer, _):
        answer.stop, answer.reset = at, reset

    return fault


def flip(at):
    def fault(answer, _):
        body = bytearray(answer.body)
        body[at % len(body)] ^= 8
        answer.body = bytes(body)

    return fault


def lie(by):
    """Announce more or fewer bytes than there are; what is beyond the announcement is cut off."""

    def fault(answer, _):
        answer.headers["Content-Length"] = told = max(0, len(answer.body) + by)
        answer.stop = min(told, len(answer.body))

    return fault


def no_length(answer, _):
    del answer.headers["Content-Length"]


def whole(_, request):
    """Ignore the range."""
    return Home(CONTENT).honest(request, ranges=False)


def header(**values):
    def fault(answer, _):
        answer.headers.update({key.replace("_", "-"): value for key, value in values.items()})

    return fault


def status(code, **headers):
    def fault(*_):
        told = {key.replace("_", "-"): value for key, value in headers.items()}
        return Answer(code, {"Content-Length": 0, **told}, b"")

    return fault


def stall(event, at):
    def fault(answer, _):
        answer.stop, answer.at_stop = at, lambda: event.wait(30)

    return fault


def chunked(answer, _):
    """Without a length, in pieces, and cut off before the last."""
    del answer.headers["Content-Length"]
    answer.headers["Transfer-Encoding"] = "chunked"
    half = answer.body[: len(answer.body) // 2]
    answer.body = b"%x\r\n%s\r\n" % (len(half), half)


def both(*faults):
    def fault(answer, request):
        for one in faults:
            answer = one(answer, request) or answer
        return answer

    return fault


# --- a good line ----------------------------------------------------------------------------


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


# --- bad lines that end well ----------------------------------------------------------------

RECOVERED = {
    "cut": ([cut(1000), cut(50_000, reset=True), cut(0)], ["1000", "51000", "51000"]),
    "cut_without_length": ([both(no_length, cut(1000))], ["1000"]),
    "cut_chunks": ([chunked], ["150000"]),
    "too_long": ([lie(+5000)], []),
    "too_short": ([lie(-5000)], ["295000"]),
    "too_short_twice": ([lie(-5000), lie(-1000)], ["295000", "299000"]),
    "flipped": ([flip(7)], [None]),
    "flipped_differently": ([flip(7), flip(8)], [None, None]),
    "flipped_then_cut": ([both(flip(7), cut(1000))], ["1000", None]),
    "range_ignored": ([cut(1000), whole], ["1000"]),
    "range_ignored_and_cut": ([cut(1000), both(whole, cut(500))], ["1000", "500"]),
    "range_wrong": ([cut(1000), header(Content_Range="bytes 0-298999/300000")], ["1000", None]),
    "range_nonsense": ([cut(1000), header(Content_Range="some")], ["1000", None]),
    "range_of_another_size": (
        [cut(1000), header(Content_Range="bytes 1000-299999/300001")],
        ["1000", None],
    ),
    "range_of_another_piece": (
        [cut(1000), lambda a, r: replace(a, body=CONTENT[: SIZE - 1000])],
        ["1000", None],
    ),
    "range_sends_all": (
        [
            cut(1000),
            lambda a, r: replace(a, body=CONTENT, headers={**a.headers, "Content-Length": SIZE}),
        ],
        ["1000", None],
    ),
    "range_answered_with_a_page": (
        [cut(1000), lambda a, r: Answer(200, {"Content-Length": 4}, b"<p/>")],
        ["1000", "1000"],
    ),
    "range_refused": ([cut(1000), status(416)], ["1000", None]),
    "partial_unasked": ([lambda a, r: replace(a, status=206)], [None]),
    "other_state": ([cut(1000), header(ETag='"two"')], ["1000", None]),
    "no_content": ([status(204)], [None]),
    "busy": ([status(503, Retry_After="0"), status(429), status(500), status(408)], [None] * 4),
    "compressed": ([header(Content_Encoding="gzip")], [None]),
    "hung_up": ([lambda a, r: r.connection.shutdown(socket.SHUT_RDWR)], [None]),
}


@pytest.mark.parametrize("case", RECOVERED)
def test_a_bad_line_that_ends_well(home, path, case):
    home.faults, ranges = RECOVERED[case]
    home.faults = list(home.faults)
    assert fetch(home, path) == KNOWN
    assert path.read_bytes() == CONTENT
    assert names(path) == ["file.raw", "file.raw.download.json"]
    asked = [None, *(start and f"bytes={start}-" for start in ranges)]
    assert home.ranges == asked


def test_a_line_that_is_cut_often_but_brings_something(home, path):
    home.faults = [cut(10_000) for _ in range(20)]
    fetch(home, path, attempts=2)
    assert home.ranges[-1] == "bytes=200000-"


def test_redirects_keep_the_range(home, path):
    def away(*_):
        return Answer(302, {"Location": "/file.raw", "Content-Length": 0}, b"")

    home.faults = [away, cut(1000), away]
    fetch(home, path)
    assert home.ranges == [None, None, "bytes=1000-", "bytes=1000-"]


def test_a_stalled_line_is_given_up(home, path):
    never = threading.Event()
    home.faults = [stall(never, 1000), stall(never, SIZE)]
    fetch(home, path, timeout=0.3)
    never.set()
    assert path.read_bytes() == CONTENT
    assert home.ranges == [None, "bytes=1000-"]


def test_more_is_announced_than_comes_and_the_line_stays_open(home, path):
    never = threading.Event()
    home.faults = [both(lie(+10), stall(never, SIZE))]
    fetch(home, path, timeout=0.3)
    never.set()
    assert path.read_bytes() == CONTENT
    assert home.ranges == [None]


def test_a_trickle_is_no_line(home, path):
    enough = threading.Event()

    def trickle(answer, request):
        def drip():
            for byte in answer.body[1000:1500]:
                if enough.wait(0.02):
                    return
                request.wfile.write(bytes([byte]))

        answer.stop, answer.at_stop = 1000, drip

    def honest(*_):
        enough.set()

    home.faults = [trickle, honest]
    fetch(home, path, timeout=0.5)
    assert path.read_bytes() == CONTENT
    start = int(home.ranges[1].removeprefix("bytes=").removesuffix("-"))
    assert 1000 < start < 1500


# --- what cannot be mended ------------------------------------------------------------------


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


# --- parts of an earlier process ------------------------------------------------------------


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


# --- other processes ------------------------------------------------------------------------

CODE = """
import sys
from focusbench.data import download
download.fetch(sys.argv[1], sys.argv[2], int(sys.argv[3]), None, timeout=60, pause=0)
"""


def start(home, path):
    command = [sys.executable, "-c", CODE, f"{home.url}/file.raw", str(path), str(SIZE)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def until(condition, process):
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_download_is_continued(home, path, signum):
    gone = threading.Event()
    home.faults = [stall(gone, 100_000)]
    part = path.parent / "file.raw.part"
    process = start(home, path)
    until(lambda: part.exists() and part.stat().st_size == 100_000, process)
    process.send_signal(signum)
    process.communicate()
    gone.set()
    assert process.returncode != 0
    assert not path.exists()
    fetch(home, path, None)
    assert path.read_bytes() == CONTENT
    assert home.ranges == [None, "bytes=100000-"]
    assert names(path) == ["file.raw", "file.raw.download.json"]


@pytest.mark.parametrize("killed", [False, True])
def test_two_processes_download_once(home, path, killed):
    going = threading.Event()
    home.faults = [stall(going, 100_000)]
    if not killed:
        home.faults = [lambda a, r: _pause(a, r, going)]
    part = path.parent / "file.raw.part"
    first = start(home, path)
    until(lambda: part.exists() and part.stat().st_size == 100_000, first)
    others = [start(home, path) for _ in range(2)]
    for other in others:
        assert "waiting" in other.stderr.readline()
    if killed:
        first.kill()
    going.set()
    for process in (first, *others):
        process.communicate(timeout=60)
    assert [process.returncode for process in others] == [0, 0]
    assert (first.returncode == 0) != killed
    assert path.read_bytes() == CONTENT
    assert home.ranges == [None, *(["bytes=100000-"] if killed else [])]
    assert names(path) == ["file.raw", "file.raw.download.json"]


def _pause(answer, request, event):
    """Send a part, wait, and send the rest."""
    rest = answer.body[100_000:]
    answer.stop = 100_000
    answer.at_stop = lambda: (event.wait(30), request.wfile.write(rest))


# --- bounds, and everything at once ---------------------------------------------------------


def test_memory_does_not_grow_with_the_file(tmp_path):
    content = bytes(40_000_000)
    with running(Home(content)) as home:
        tracemalloc.start()
        try:
            held = tracemalloc.get_traced_memory()[0]
            download.fetch(f"{home.url}/file.raw", tmp_path / "file.raw", len(content), pause=0)
            peak = tracemalloc.get_traced_memory()[1] - held
        finally:
            tracemalloc.stop()
    assert peak < 8_000_000  # of 40 MB; what the server holds to send is among it


@pytest.mark.parametrize("known", [KNOWN, None])
@pytest.mark.parametrize("seed", range(40))
def test_faults_by_chance_never_leave_a_wrong_file(home, path, seed, known):
    chance = random.Random(seed)

    def at():
        return chance.randrange(SIZE)

    kinds = [
        lambda: cut(at()),
        lambda: cut(at(), reset=True),
        lambda: lie(-at()),
        lambda: lie(at()),
        lambda: no_length,
        lambda: both(no_length, cut(at())),
        lambda: whole,
        lambda: both(whole, cut(at())),
        lambda: header(Content_Range=f"bytes {at()}-{SIZE - 1}/{SIZE}"),
        lambda: header(ETag=f'"{at()}"'),
        lambda: status(chance.choice([404, 416, 500, 503, 204])),
        lambda: lambda a, r: replace(a, body=a.body + b"more", headers={}),
        lambda: chunked,
    ]
    if known:  # what else would tell
        kinds += [
            lambda: flip(at()),
            lambda: lambda a, r: replace(a, body=OTHER[: len(a.body)]),
        ]
    for _ in range(6):
        home.faults = [chance.choice(kinds)() for _ in range(chance.randrange(12))]
        try:
            assert fetch(home, path, known) == KNOWN
            break
        except InputError:
            assert not path.exists()
    else:
        home.faults = []
        fetch(home, path, known)
    assert path.read_bytes() == CONTENT
    assert names(path) == ["file.raw", "file.raw.download.json"]
