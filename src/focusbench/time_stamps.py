"""Files of a run that are dated in the future: written where a clock was ahead of this one.

What is made from them now would be older than they are. Snakemake takes that for a fault and throws
the work away.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from focusbench.manifest import present

STEP = 1000  # ns between two time stamps that differed


def straighten(folder: str | Path) -> tuple[int, float]:
    """Date files of a results folder that lie in the future just before now, in their order.

    Returns
    -------
    tuple
        How many, and by how many seconds they were ahead at most.
    """
    now = time.time_ns()
    ahead: dict[int, list[Path]] = {}
    for path in (Path(folder, one) for one in present(folder)):
        with suppress(FileNotFoundError):  # a link that leads nowhere: what reads it names it
            stamp = path.stat().st_mtime_ns
            if stamp > now:
                ahead.setdefault(stamp, []).append(path)
    for rank, stamp in enumerate(sorted(ahead, reverse=True)):
        for path in ahead[stamp]:
            os.utime(path, ns=(now, now - rank * STEP))
    return sum(map(len, ahead.values())), (max(ahead, default=now) - now) / 1e9
