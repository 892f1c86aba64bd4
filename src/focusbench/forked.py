"""Running a Python file in a process that is forked from this one.

The child begins with all modules that the parent has loaded, and what it loads itself the parent
loads after it, so that many short pieces of work pay for their imports once. Each has memory of its
own: what one leaves behind, or its end, concerns no other.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

STOPS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)  # of a cluster, of a terminal


def run(script: str | Path, names: Mapping[str, Any]) -> int:
    """Run a file to its end, with `names` as its first global names; give its exit status.

    A signal of `STOPS` is passed on to the child, which has its time to save what it saves; this
    process then ends as the child did. A child that a signal killed has the status 128 + signal.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        _be_the_child(script, names, sink)
    os.close(sink)
    asked: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        asked.append(number)
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(child, number)

    before = {stop: signal.signal(stop, pass_on) for stop in STOPS}
    try:
        with open(source, encoding="utf-8") as told:
            loaded = told.read().split()
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
    for module in loaded:
        with suppress(Exception):  # made up by the child itself, say: then the next does it again
            import_module(module)
    return status


def _be_the_child(script: str | Path, names: Mapping[str, Any], sink: int) -> None:
    """Never returns: whatever happens, the parent's own work is not done twice."""
    status, before = 1, set(sys.modules)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        runpy.run_path(str(script), init_globals=dict(names), run_name="__main__")
        status = 0
        with open(sink, "w", encoding="utf-8") as told:
            told.write("\n".join(name for name in sys.modules if name not in before))
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
