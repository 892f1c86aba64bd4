"""Child processes that follow this one, and outlive it in no case.

Started like `multiprocessing`'s "spawn", but without importing the main module once more: a
workflow's script has no guard and would run again. What a child is told comes through its standard
input, pickled; the end of that input is the end of the child, so that not even a killed parent
leaves one behind.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from focusbench.errors import InputError

MARK = "focusbench: error: "
"""As `focusbench.jobs` has it, which no training should depend on."""

GRACE = 10.0
"""Seconds that this process has to end by itself after a follower failed, or a follower when it was
told to."""

Work = Callable[..., None]
"""Called as `work(receive, *arguments)`; `receive()` waits for what the followers are told next."""


class Followers:
    """Some child processes that run the same function.

    Attributes
    ----------
    processes : list of subprocess.Popen
    folder : Path
        A temporary one, for what the processes share; gone when all have ended.
    """

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen] = []
        self.folder = Path(tempfile.mkdtemp(prefix="focusbench-"))
        self._ending = threading.Event()
        self._failed = threading.Event()
        self._failure: Exception | None = None

    def start(
        self, work: Work, arguments: Sequence[tuple], environment: dict[str, str] | None = None
    ) -> None:
        """Start a process for each of `arguments`.

        Parameters
        ----------
        work
            A function of a module, not of the main one.
        arguments
            One tuple for each process, pickled.
        environment
            Variables of the processes beside those of this one.
        """
        # before any starts: what cannot be pickled leaves nobody behind
        messages = [pickle.dumps((work, tuple(given))) for given in arguments]
        places = [place or os.getcwd() for place in sys.path]
        variables = {**os.environ, **(environment or {}), "PYTHONPATH": os.pathsep.join(places)}
        script = f"from {__name__} import main; main()"
        for number, message in enumerate(messages, start=1):
            with open(self._file(number, "log"), "wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-c", script, str(self._file(number, "ready"))],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=variables,
                )
            self.processes.append(process)
            threading.Thread(target=self._watch, args=(number, process), daemon=True).start()
            self._send(process, message)

    def tell(self, message: Any) -> None:
        """Let every `receive` return `message`, in the order of the calls.

        Raises
        ------
        InputError, RuntimeError, ChildProcessError
            See `check`.
        """
        self.check()
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        for process in self.processes:
            self._send(process, data)

    def wait_until_ready(self) -> None:
        """Return when every follower has taken in its arguments, and imported what they need.

        Raises
        ------
        InputError, RuntimeError, ChildProcessError
            See `check`.
        """
        for number, _ in enumerate(self.processes, start=1):
            while not self._file(number, "ready").exists():
                self.check(patience=0.02)

    def check(self, patience: float = 0.0) -> None:
        """Raise, in one line, if a follower has failed; give one `patience` seconds to be noticed.

        Raises
        ------
        InputError
            A follower ended with one.
        RuntimeError
            It ended with another exception; its traceback is a note of this one.
        ChildProcessError
            It was killed.
        """
        if self._failed.wait(patience) and self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Wait until all have ended, which whoever called has told them; kill who does not."""
        self._ending.set()
        until = time.monotonic() + GRACE
        for process in self.processes:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(OSError):  # what it was not told any more
                process.stdin.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """End all at once."""
        self._ending.set()
        for process in self.processes:
            process.kill()
        self.end()

    def _file(self, number: int, ending: str) -> Path:
        return self.folder / f"{number}.{ending}"

    def _send(self, process: subprocess.Popen, data: bytes) -> None:
        try:
            process.stdin.write(data)
            process.stdin.flush()
        except BrokenPipeError:
            self.check(GRACE)
            raise

    def _watch(self, number: int, process: subprocess.Popen) -> None:
        status = process.wait()
        if status == 0 or self._ending.is_set() or self._failed.is_set():
            return
        self._failure = self._why(number, status)
        self._failed.set()
        # The main thread may wait for the lost one where no exception can reach it.
        if not self._ending.wait(GRACE):
            sys.stderr.write(f"{MARK}{self._failure}\n")
            sys.stderr.flush()
            for other in self.processes:
                other.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
            os._exit(1)

    def _why(self, number: int, status: int) -> Exception:
        who = f"process {number + 1} of {len(self.processes) + 1} of this training"
        if status < 0:
            return ChildProcessError(f"{who} was ended by signal {-status}")
        log = self._file(number, "log").read_text(encoding="utf-8", errors="replace").strip()
        last = log.splitlines()[-1] if log else f"status {status}"
        kind, _, text = last.partition(": ")
        if kind == InputError.__name__:
            return InputError(text)
        error = RuntimeError(f"{who} failed: {last}")
        error.add_note(log)
        return error


def main() -> None:
    """Be a follower: run what standard input names, tell it what comes after."""
    # meant for the leader, who brings us to an end
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    messages: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(messages.put,), daemon=True).start()
    try:
        work, arguments = messages.get()
        Path(sys.argv[1]).touch()
        work(messages.get, *arguments)
    except BaseException as error:
        _fail(error)
    os._exit(0)  # the thread that listens would keep a normal end waiting


def _listen(put: Callable[[Any], None]) -> None:
    """Pass on what comes; end this process at the end of the input, whatever it does."""
    with open(0, "rb", closefd=False) as source:
        try:
            while True:
                put(pickle.load(source))
        except EOFError:  # the leader is gone, and cannot tidy up
            shutil.rmtree(Path(sys.argv[1]).parent, ignore_errors=True)
            os._exit(1)
        except BaseException as error:
            _fail(error)


def _fail(error: BaseException) -> None:
    """End this process; the last line of its log says why."""
    import traceback

    traceback.print_exception(error)
    print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
    os._exit(1)
