"""Downloads within bounds of memory, and with all faults by chance."""

import random
import tracemalloc
from dataclasses import replace

import pytest
from download_faults import (
    CONTENT,
    KNOWN,
    OTHER,
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
    status,
    whole,
)

from focusbench.data import download
from focusbench.errors import InputError
from home_server import Home, running


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
