"""Bad lines: faults, each of which changes one answer; and downloads over them."""

import hashlib
import random

import pytest

from focusbench.data import checksums, download
from focusbench.errors import InputError
from home_server import Answer, Home

CONTENT = random.Random(0).randbytes(300_000)
SIZE = len(CONTENT)
KNOWN = hashlib.sha256(CONTENT).hexdigest()
OTHER = random.Random(1).randbytes(SIZE)


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
