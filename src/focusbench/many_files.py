"""Reading many small files."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

READERS, CHUNK = 8, 64  # threads that read, and files that each takes at a time
Result = TypeVar("Result")


def each(read: Callable[[str], Result], paths: Sequence[str]) -> Iterator[Result]:
    """Call `read` with each path; results in order.

    Some at a time: a file server takes longer to answer than the reading does.
    """
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    with ThreadPoolExecutor(READERS) as readers:
        for results in readers.map(lambda chunk: [read(path) for path in chunk], chunks):
            yield from results
