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

from focusbench.files import beginning, is_file, write_text

NOTE = "finished.txt"
LONGEST = 2**16  # bytes of a note


def keep(folder: str | Path, made: str | Path) -> None:
    """Note beside a state that its training is finished: it made the file `made`.

    What was learned in one go has left no state: there is nothing to keep.
    """
    if Path(folder).is_dir():
        write_text(Path(folder, NOTE), str(made))


def sweep(states: str | Path) -> None:
    """Remove the states under a folder whose trainings are finished and whose files are there.

    The folder goes too if it is then empty. A state whose note is damaged stays, and so does what
    cannot be removed: that costs room, and the run has done its work.
    """
    for note in Path(states).glob(f"*/{NOTE}"):
        with suppress(OSError, UnicodeDecodeError):
            if is_file(beginning(note, LONGEST).decode()):
                shutil.rmtree(note.parent)
    with suppress(OSError):  # there is none, or a state of a run that was cut off
        Path(states).rmdir()
