"""Run a program; at its end, or this one's, or its parent's, end all that it started.

    python tests/cluster/kept.py PROGRAM [ARGUMENT ...]

A node's jobs leave the daemon that starts them, so that they outlive it. Here whatever becomes an
orphan below this process becomes its child, and goes last.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

SET_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>


def end_with_parent(how: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel end this process with the one that started it, whatever ends that."""
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, how)


def children() -> list[int]:
    """Processes whose parent is this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.append(int(stat.parent.name))
    return found


def main() -> None:
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1)
    program = subprocess.Popen(sys.argv[1:], preexec_fn=end_with_parent)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(program.pid, signal.SIGTERM))
    while (ended := os.wait())[0] != program.pid:
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while left := children():  # the next round meets the children of these
        for child in left:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(ended[1]) and 1)


if __name__ == "__main__":
    main()
