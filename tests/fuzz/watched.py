"""Doing something with hostile input, and watching what it does.

What must never happen is raised as `Broken`: another error than `InputError`, one of several lines,
a hang, more memory than allowed, a file opened for writing elsewhere, a process, a connection, or a
module that only a hostile string names. Files and processes are seen by an audit hook: of the
interpreter, so what a C library does by itself is not seen, save its memory.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from focusbench.errors import InputError

SECONDS = 20.0  # of one case, at most
MIB = 2**20
PEAK = 64 * MIB  # bytes that one case may hold, at most
CANARY = "fuzz_canary"  # a module that exists in hostile strings alone

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {  # audit events that change files -> how many of their arguments are paths
    **dict.fromkeys(("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink", "shutil.move"), 2),
    **dict.fromkeys(("shutil.rmtree", "shutil.copyfile", "os.utime"), 1),
}
_RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "subprocess.Popen")
_TALKS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request")


class Broken(Exception):
    """What no input may bring about."""


class Hang(BaseException):
    """Too long: no `except Exception` on the way may take it for a damaged file."""


def survives(
    work: Callable[[], Any], folder: Path, *, peak: int = PEAK, traced: bool = True
) -> str:
    """Do `work`; `accepted` or `refused`.

    Parameters
    ----------
    work
        What reads the hostile input.
    folder
        The only place where files may be written.
    peak
        Bytes by which the process may grow and, if `traced`, that may be allocated on the way as
        `tracemalloc` counts them (memory that is asked for and never touched too; slow).
    traced
        See `peak`.

    Raises
    ------
    Broken
        Something else happened.
    """
    _reset_peak()
    before = _resident()
    if traced:
        tracemalloc.start()
    try:
        with _watch(folder) as seen, _limited(SECONDS):
            try:
                work()
                said = "accepted"
            except InputError as error:
                said = "refused"
                if not str(error).isprintable() or not str(error).strip():
                    raise Broken(f"no line of text: {str(error)!r}") from error
                if len(str(error)) > 4000:
                    raise Broken(f"a line of {len(str(error))} characters") from error
        held = tracemalloc.get_traced_memory()[1] if traced else 0
    except (Broken, KeyboardInterrupt):
        raise
    except Hang:
        raise Broken(f"took more than {SECONDS:g} s") from None
    except BaseException as error:
        raise Broken(f"{type(error).__name__}: {str(error)[:300]}") from error
    finally:
        tracemalloc.stop()
    if seen:
        raise Broken("; ".join(dict.fromkeys(seen)))
    grown = _resident() - before
    if max(held, grown) > peak:
        raise Broken(f"held {held / MIB:.0f} MiB, grew by {grown / MIB:.0f} MiB")
    return said


def limit_memory(more: int) -> None:
    """Let this process take so many bytes more than it has, and no more, to its end."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more,) * 2)


# --- what is watched ------------------------------------------------------------------------------

_watching: dict[str, Any] = {"hooked": False, "thread": None, "folder": "", "seen": []}


@contextmanager
def _watch(folder: Path) -> Iterator[list[str]]:
    if not _watching["hooked"]:
        sys.addaudithook(_hook)  # for good: an interpreter gives none back
        _watching["hooked"] = True
    seen: list[str] = []
    _watching.update(thread=threading.get_ident(), folder=str(folder.resolve()), seen=seen)
    try:
        yield seen
    finally:
        _watching["thread"] = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching["thread"] != threading.get_ident():
        return
    if event == "open":
        path, mode, flags = arguments
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if (writes or (isinstance(flags, int) and flags & _WRITES)) and not _allowed(path):
            _watching["seen"].append(f"opened {path!r} for writing")
    elif event in _CHANGES:
        _watching["seen"] += [
            f"{event} {one!r}" for one in arguments[: _CHANGES[event]] if not _allowed(one)
        ]
    elif event in _RUNS or event in _TALKS:
        _watching["seen"].append(f"{event} {str(arguments)[:200]}")
    elif event == "import" and CANARY in str(arguments[0]):
        _watching["seen"].append(f"imported {arguments[0]}")


def _allowed(path: Any) -> bool:
    if isinstance(path, int) or path is None:
        return True
    path = os.path.abspath(os.fsdecode(path))
    inside = path.startswith(_watching["folder"] + os.sep)
    return inside or path == os.devnull or path.endswith(".pyc") or ".pyc." in path


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise `Hang` when time is up; between two steps of the interpreter, not inside a C call."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _reset_peak() -> None:
    """Let the kernel's record of the largest memory begin anew (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _resident() -> int:
    """Largest resident memory since `_reset_peak`, bytes; 0 where the kernel does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0
    )
