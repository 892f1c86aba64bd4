"""Running a Python file in a process that is forked from this one.

The child begins with all modules that the parent has loaded, and what it loads of `SHARED` the
parent loads after it, so that many short pieces of work pay for their imports once. Each has memory
of its own: what one leaves behind, or its end, concerns no other.
"""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import sys
import tempfile
import threading
import traceback
import weakref
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

SHARED = ("focusbench", "imagecodecs", "matplotlib", "numpy", "pandas", "safetensors", "scipy")
SHARED += ("skimage", "tifffile", "torch", "yaml")
"""Packages whose import starts no thread, which a fork would lose. Others may compute in theirs."""
STOPS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)  # of a cluster, of a terminal


def run(script: str | Path, names: Mapping[str, Any]) -> int:
    """Run a file to its end, with `names` as its first global names; give its exit status.

    A signal of `STOPS` is passed on to the child, which has its time to save what it saves; this
    process then ends as the child did. A child that a signal killed has the status 128 + signal.
    """
    # no pipe: what the child starts may outlive it, and would hold its end open
    with tempfile.TemporaryFile("w+", encoding="utf-8") as told:
        status = _run(script, names, told)
        told.seek(0)
        for module in told.read().split():
            with suppress(Exception):  # made up by the child itself: the next does it again
                import_module(module)
    return status


def _run(script: str | Path, names: Mapping[str, Any], told: IO[str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_the_child(script, names, told)
    asked: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        asked.append(number)
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(child, number)

    before = {stop: signal.signal(stop, pass_on) for stop in STOPS}
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)
    status = 128 - status if status < 0 else status
    if asked:
        sys.exit(status or 128 + asked[0])
    return status


def _be_the_child(script: str | Path, names: Mapping[str, Any], told: IO[str]) -> None:
    """Never returns: whatever happens, the parent's own work is not done twice."""
    status, before = 1, set(sys.modules)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for one in list(weakref.finalize._registry):  # nothing public lists them
            one.atexit = False  # the parent's: to remove its folders is not the child's business
        runpy.run_path(str(script), init_globals=dict(names), run_name="__main__")
        status = 0
        new = (name for name in sys.modules if name not in before)
        with suppress(OSError):  # a full disk: the next child imports them itself
            told.write("\n".join(name for name in new if name.partition(".")[0] in SHARED))
            told.flush()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        _end(status)


def _end(status: int) -> None:
    """End as a program does: threads and pools of processes are waited for, exit handlers run.

    The interpreter calls these two at its end, and offers no other way to them: it would first
    unwind the parent's stack, and so end the parent's work in the child as well.
    """
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)
