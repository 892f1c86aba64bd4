"""Downloads over bad lines that end well."""

import socket
import threading
from dataclasses import replace

import pytest
from download_faults import (
    CONTENT,
    KNOWN,
    SIZE,
    both,
    chunked,
    cut,
    fetch,
    flip,
    header,
    lie,
    names,
    no_length,
    stall,
    status,
    whole,
)

from home_server import Answer

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
