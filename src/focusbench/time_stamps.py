"""Files of a run that are dated in the future: written where a clock was ahead of this one.

What is made from them now would be older than they are. Snakemake takes that for a fault and throws
the work away.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from focusbench import job_record, paths
from focusbench.manifest import log_of, present

STEP = 1000  # ns between two time stamps that differed


def straighten(folder: str | Path) -> tuple[int, float]:
    """Date files of a results folder that lie in the future just before now, in their order.

    Files that no job has made stay as they are; links may lead to such files of others.

    Returns
    -------
    tuple
        How many, and by how many seconds they were ahead at most.
    """
    now = time.time_ns()
    ahead: dict[int, list[Path]] = {}
    for one in present(folder):
        path = Path(folder, one)
        with suppress(FileNotFoundError):  # a link that leads nowhere: what reads it names it
            stamp = path.stat().st_mtime_ns
            if stamp > now and _made(folder, one):
                ahead.setdefault(stamp, []).append(path)
    for rank, stamp in enumerate(sorted(ahead, reverse=True)):
        for path in ahead[stamp]:
            os.utime(path, ns=(now, now - rank * STEP))
    return sum(map(len, ahead.values())), (max(ahead, default=now) - now) / 1e9


def _made(folder: str | Path, path: str) -> bool:
    """Whether a job made a file of a results folder; by its name and place, if it left no record.

    A job that was killed leaves none, and logs may have been deleted.
    """
    log = log_of(folder, path)
    if log is None:
        return False
    record = job_record.read(log)
    if record is not None:
        return f"{paths.RESULTS}/{path}" in record["wrote"]
    return Path(folder, path).resolve().is_relative_to(Path(folder).resolve())
