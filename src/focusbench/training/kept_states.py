"""Resume states of trainings that are finished but may be asked for again.

Where several trainings share an allocation of a cluster, one that fails takes the others' files
with it: the runner deletes what all of them made. So a finished one keeps its state, beside a note
of the file that it made, and asked again it has only to write the file. Once the whole run is
through, the states go.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

NOTE = "finished.txt"


def keep(folder: str | Path, made: str | Path) -> None:
    """Note beside a state that its training is finished: it made the file `made`.

    What was learned in one go has left no state: there is nothing to keep.
    """
    if Path(folder).is_dir():
        Path(folder, NOTE).write_text(str(made), encoding="utf-8")


def sweep(states: str | Path) -> None:
    """Remove the states under a folder whose trainings are finished and whose files are there.

    The folder goes too if it is then empty.
    """
    for note in Path(states).glob(f"*/{NOTE}"):
        if Path(note.read_text(encoding="utf-8")).exists():
            shutil.rmtree(note.parent)
    with suppress(OSError):  # there is none, or a state of a run that was cut off
        Path(states).rmdir()
