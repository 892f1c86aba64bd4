"""What every script of the workflow shares: its log, and one line for an error."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, TextIO

from focusbench import job_record
from focusbench.errors import InputError

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 143  # what was asked to stop has saved its state and stops
PARENT_SECONDS = 1.0  # between two looks at whether the runner is still there
MARK = "focusbench: error: "  # begins the one line that says what went wrong


class _Both:
    """Writes to the log and to standard error; no terminal, so that progress comes in lines."""

    def __init__(self, log: TextIO, stream: TextIO) -> None:
        self._log, self._stream = log, stream

    def write(self, text: str) -> int:
        with suppress(OSError):  # a full disk: the terminal is to tell of it
            self._log.write(text)
            self._log.flush()
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False


@contextmanager
def job(
    log: str | Path, reads: Iterable[str | Path] = (), writes: Iterable[str | Path] = ()
) -> Iterator[None]:
    """Run a script's body: standard error goes to `log` as well, an error is one line.

    What is wrong with the input, or with the disk, is told in one line; anything else is a fault of
    the program: the line names the log, which holds the traceback. Files of `reads` are held
    against what their writers recorded; those of `writes` are recorded (`focusbench.job_record`).
    A job whose runner was killed is sent SIGTERM: nobody waits for it, and the next run would do
    it once more, beside it.
    """
    clock, stream = job_record.Clock(), sys.stderr
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        file = open(log, "w", encoding="utf-8")  # noqa: SIM115 closed below, whatever the disk says
    except OSError as error:
        _tell(line(error))
        sys.exit(1)
    sys.stderr = _Both(file, stream)
    logging.basicConfig(format="focusbench: %(message)s", force=True)
    try:
        with _leaving_with_the_parent():
            file.write(job_record.first_line())
            file.flush()
            job_record.check(reads)
            yield
            file.write(job_record.line(writes, clock.cost()))
            file.flush()
    except (InputError, OSError, FloatingPointError) as error:
        _tell(line(error))
        sys.exit(1)
    except SystemExit as error:
        if error.code in (TERMINATED, INTERRUPTED):
            raise
        _tell(f"the method ended the process (status {error.code})")
        sys.exit(1)
    except KeyboardInterrupt:  # while nothing listened that could save
        _tell("interrupted")
        sys.exit(INTERRUPTED)
    except Exception as error:
        with suppress(OSError):
            file.write(traceback.format_exc())
        _tell(
            f"{type(error).__name__}: {line(error)} (a fault of the program: the traceback is "
            f"in {log})"
        )
        sys.exit(1)
    finally:
        sys.stderr = stream
        with suppress(OSError):
            file.close()


class OneLine:
    """A module or object whose functions end the process with one line where they refuse something.

    For a workflow's own process: an exception that a rule's function raises is printed with frames.
    """

    def __init__(self, module: object) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if not callable(found):
            return found

        @wraps(found)
        def told(*given: Any, **more: Any) -> Any:
            try:
                return found(*given, **more)
            except InputError as error:
                sys.stdout.flush()
                _tell(line(error))
                os._exit(1)  # SystemExit would be caught, and shown with frames

        return told


def pin_threads(threads: int) -> None:
    """Let what is loaded from now on compute with `threads` threads: BLAS asks when it is loaded.

    Raises
    ------
    RuntimeError
        NumPy is loaded already.
    """
    if "numpy" in sys.modules:
        raise RuntimeError("pin_threads: numpy is loaded already, and its threads are set")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


@contextmanager
def _leaving_with_the_parent() -> Iterator[None]:
    """Send this process SIGTERM when the one that started it is gone."""
    parent, over = os.getppid(), threading.Event()

    def watch() -> None:
        while not over.wait(PARENT_SECONDS):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _tell(text: str) -> None:
    """Print an error in one piece: `print` would let another job's come before the line's end."""
    sys.stderr.write(f"{MARK}{text}\n")


def line(error: BaseException) -> str:
    """Message of an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__


def errors_in(logs: list[Path]) -> list[str]:
    """Error lines that scripts left in their logs."""
    return [
        text
        for log in logs
        for text in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if text.startswith(MARK)
    ]
