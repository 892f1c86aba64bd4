"""Where a run keeps what it needs to go on after a kill."""

from __future__ import annotations

import json
import logging
import os
import shutil
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusbench import environment
from focusbench.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

FILE_NAME = "state.safetensors"
PREVIOUS_NAME = "previous.safetensors"
MOST_GIB = 8.0
"""Size of a state above which it is not kept; the environment's FOCUSBENCH_STATE_GIB stands above
it. A folder holds two states, and for the time of a save a third."""
_FORMAT = 2
_GONE = "is not there"
_log = logging.getLogger(__name__)


class NoState:
    """Keeps nothing: a run that is killed starts anew."""

    def load(self) -> None:
        """Nothing was saved."""

    def save(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Do nothing."""

    def remove(self) -> None:
        """Do nothing."""


class FileState:
    """Two safetensors files in a folder of their own: the last state, and the one before.

    The second is there for the case that the first turns out damaged: torn by a full disk or a
    machine that lost its power, or with a bit that flipped. The scalars stand as JSON in the file's
    metadata: Python writes the shortest decimal that reads back as the same double, so they return
    exactly. A file that was written under another `fingerprint` counts as none.

    Parameters
    ----------
    directory
        Folder of the files, made when first needed.
    fingerprint
        Whatever the result depends on (parameters, inputs, code) as one string. A saved state is
        taken up only by a run with the same one.
    """

    def __init__(self, directory: str | Path, fingerprint: str) -> None:
        self.path = Path(directory) / FILE_NAME
        self.previous = Path(directory) / PREVIOUS_NAME
        self.fingerprint = fingerprint
        self._told_of_size = False

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the last saved (tensors on the CPU, scalars) that is whole, or None.

        One line of warning if it is not the last one. What is damaged is deleted, so that the next
        save does not put it in the place of the one before.
        """
        self._sweep()
        wrong = {}  # path -> what is wrong with it
        found = None
        for path in (self.path, self.previous):
            try:
                found = self._read(path)
                if found is not None:
                    break
                wrong[path] = "was saved with other parameters, code or data"
            except FileNotFoundError:
                wrong[path] = _GONE
            except _damages():
                wrong[path] = "is damaged"
                with suppress(OSError):
                    _delete(path)
        there = {path: what for path, what in wrong.items() if found or what != _GONE}
        for path, what in list(there.items())[:1]:
            then = "going on from the one before" if found else "starting from the beginning"
            _log.warning("resume state: %s %s; %s", path, what, then)
        return found

    def save(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Put a state in the place of the last one, which takes the place of the one before.

        At any moment a whole state is there. One above `MOST_GIB` is not kept, which is told once;
        what was saved before stays.

        Raises
        ------
        InputError
            FOCUSBENCH_STATE_GIB is no number from 0 up.
        """
        from safetensors.torch import save

        text = json.dumps(dict(scalars))
        size = len(text) + sum(value.numel() * value.element_size() for value in tensors.values())
        if self._too_large(size):
            return
        kept = {
            name: value.detach().to("cpu", copy=True).contiguous()
            for name, value in tensors.items()
        }
        note = {
            "format": _FORMAT,
            "fingerprint": self.fingerprint,
            "checksum": _checksum(kept, text),
            "scalars": text,
        }
        with replacing(self.path) as temporary:
            # Not save_file: it writes a temporary file of its own, which a kill would leave.
            temporary.write_bytes(save(kept, metadata={"focusbench": json.dumps(note)}))
            if self.previous.is_dir():  # a file cannot take its place
                _delete(self.previous)
            with suppress(FileNotFoundError):  # the first save
                os.replace(self.path, self.previous)

    def remove(self) -> None:
        """Delete the files, what a killed write left beside them, and the folder if then empty."""
        self._sweep()
        _delete(self.path)
        _delete(self.previous)
        with suppress(OSError):  # there is none, or it holds files of others
            self.path.parent.rmdir()

    def _read(self, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Read one file; None: of another fingerprint. Raises one of `_damages()`."""
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            note = json.loads((file.metadata() or {})["focusbench"])
            if note["format"] != _FORMAT or note["fingerprint"] != self.fingerprint:
                return None
            # Copied: a mapped tensor is not aligned as a fresh one is, and sums may differ.
            names = list(file.keys())
            tensors = {name: file.get_tensor(name).clone() for name in names}
        if _checksum(tensors, note["scalars"]) != note["checksum"]:
            raise ValueError("checksum")
        return tensors, json.loads(note["scalars"])

    def _too_large(self, size: int) -> bool:
        most = environment.number("FOCUSBENCH_STATE_GIB", MOST_GIB)
        if size <= most * 2**30:
            return False
        if not self._told_of_size:
            _log.warning(
                "the state of this run takes %.3g GiB and is not kept: killed, it will start from "
                "the beginning, or from what was saved before (FOCUSBENCH_STATE_GIB is %g)",
                size / 2**30,
                most,
            )
        self._told_of_size = True
        return True

    def _sweep(self) -> None:
        """Delete what killed writes left."""
        for path in self.path.parent.glob(f".part*-{FILE_NAME}"):
            path.unlink(missing_ok=True)


def _delete(path: Path) -> None:
    """Delete a file, or the folder that a damaged file system or a mistake left in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _damages() -> tuple[type[Exception], ...]:
    """What reading a file raises that is not as it was written."""
    from safetensors import SafetensorError

    shape = (AttributeError, KeyError, TypeError, ValueError)  # JSON of another one
    return (SafetensorError, OSError, RecursionError, *shape)


def _checksum(tensors: Mapping[str, Tensor], text: str) -> int:
    """CRC-32 of everything saved: safetensors itself checks lengths only."""
    import torch

    value = zlib.crc32(text.encode())
    for name in sorted(tensors):
        one = tensors[name]
        value = zlib.crc32(f"{name} {one.dtype} {tuple(one.shape)}".encode(), value)
        if one.numel():
            data = one.reshape(-1).view(torch.uint8).numpy()
            value = zlib.crc32(memoryview(data), value)
    return value
