"""A GPU for each process: jobs of one machine share its GPUs out among themselves.

A process that takes a GPU locks a file that bears the GPU's UUID. The kernel gives the lock free
when the process ends, however it ends. Only processes of one user that see the same folder of locks
know of each other, and only those that ask here: another user's, or another program's, do not.

Which GPUs a process may use, in which order, is the driver's to say: it knows all spellings of
CUDA_VISIBLE_DEVICES, parts of GPUs (MIG), and the groups that a batch system puts a job in. It is
asked in a process of its own, since CUDA looks at that variable but once.
"""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from focusbench.errors import InputError

VISIBLE = "CUDA_VISIBLE_DEVICES"
FOLDER = "FOCUSBENCH_LOCKS"
POLL_SECONDS = 0.5
ASK_SECONDS = 60.0
_ASK = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
count = ctypes.c_int()
if cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0:
    uuid_of = getattr(cuda, "cuDeviceGetUuid_v2", None) or cuda.cuDeviceGetUuid
    for ordinal in range(count.value):
        device, uuid = ctypes.c_int(), (ctypes.c_ubyte * 16)()
        if cuda.cuDeviceGet(ctypes.byref(device), ordinal) or uuid_of(uuid, device):
            break
        print(bytes(uuid).hex())
"""
_log = logging.getLogger(__name__)
_held: dict[str, int] = {}  # name of a GPU -> the open lock


def claim(
    count: int = 1,
    *,
    wait: bool = False,
    visible: Callable[[], Mapping[str, str]] | None = None,
) -> bool:
    """Take free GPUs for this process, until it ends; CUDA will see no others.

    Neither will a program that it starts. To be called before anything asks CUDA for its devices.
    What was taken before is kept: a second call takes no more.

    Parameters
    ----------
    count
        GPUs that are wanted; where fewer are free, those are taken.
    wait
        Where none is free: wait for one, and say so. False: take none.
    visible
        Gives the GPUs to choose from, as the function `visible` does, which is the default.

    Returns
    -------
    bool
        False: there are GPUs, and other processes have them all. True also where there are none.

    Raises
    ------
    InputError
        The folder of the locks is not this user's own.
    """
    if _held:
        return True
    there = (visible or globals()["visible"])()
    if not there:
        return True
    folder = _folder()
    _take(there, count, folder)
    if wait and not _held:
        _log.warning("device: other jobs have the %d GPUs of this process; waiting", len(there))
        while not _held:
            time.sleep(POLL_SECONDS)
            _take(there, count, folder)
    os.environ[VISIBLE] = ",".join(_held)
    return bool(_held)


def visible() -> dict[str, str]:
    """GPUs that CUDA would show this process: how CUDA_VISIBLE_DEVICES names each -> its UUID.

    Empty where the driver is missing or shows none.
    """
    command = [sys.executable, "-I", "-S", "-c", _ASK]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    uuids = told.stdout.split()
    given = os.environ.get(VISIBLE)
    # CUDA takes them in the order given, up to the first that it does not know.
    names = map(str, range(len(uuids))) if given is None else map(str.strip, given.split(","))
    return dict(zip(names, uuids, strict=False))


def release() -> None:
    """Give back what this process has taken; only where it has done nothing with it yet."""
    while _held:
        os.close(_held.popitem()[1])


def _take(there: Mapping[str, str], count: int, folder: Path) -> None:
    for name, uuid in there.items():
        if len(_held) < count:
            lock = _locked(folder / uuid)
            if lock is not None:
                _held[name] = lock


def _locked(path: Path) -> int | None:
    """Open and lock a file; None: another process has it."""
    import fcntl

    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), os.lstat(path)):
                os.utime(path)  # what clears old files away looks at that
                return lock
        os.close(lock)  # cleared away between the two: it locks nothing any more


def _folder() -> Path:
    """Folder of the locks, made when first needed.

    Neither TMPDIR nor XDG_RUNTIME_DIR name it: they differ between a login and a batch job.
    """
    path = Path(os.environ.get(FOLDER) or f"/tmp/focusbench-gpus-{os.getuid()}")
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    writable = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & writable:
        raise InputError(
            f"{path}: is for the locks of this user's GPUs; a folder that belongs to the user, and "
            f"that no one else may write to, is accepted (another place: {FOLDER})"
        )
    return path
