"""Where a run keeps what it needs to go on after a kill."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from focusbench.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

FILE_NAME = "state.safetensors"
_FORMAT = 1
_NOT_OURS = (AttributeError, RecursionError)  # JSON of another shape, or lists in each other
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
    """One safetensors file in a folder of its own.

    The scalars stand as JSON in the file's metadata: Python writes the shortest decimal that reads
    back as the same double, so they return exactly. A file that is damaged, or that was written
    under another `fingerprint`, counts as no state.

    Parameters
    ----------
    directory
        Folder of the file, made when first needed.
    fingerprint
        Whatever the result depends on (parameters, inputs, code) as one string. A saved state is
        taken up only by a run with the same one.
    """

    def __init__(self, directory: str | Path, fingerprint: str) -> None:
        self.path = Path(directory) / FILE_NAME
        self.fingerprint = fingerprint

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the last saved (tensors on the CPU, scalars), or None."""
        from safetensors import SafetensorError, safe_open

        self._sweep()
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                note = json.loads((file.metadata() or {})["focusbench"])
                if note["format"] != _FORMAT or note["fingerprint"] != self.fingerprint:
                    return None
                # Copied: a mapped tensor is not aligned as a fresh one is, and sums may differ.
                names = list(file.keys())
                tensors = {name: file.get_tensor(name).clone() for name in names}
            if _checksum(tensors, note["scalars"]) != note["checksum"]:
                raise ValueError("checksum")
            return tensors, json.loads(note["scalars"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, *_NOT_OURS):
            _log.warning("%s is damaged; starting from the beginning", self.path)
            return None

    def save(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Replace the saved state, atomically."""
        from safetensors.torch import save

        kept = {
            name: value.detach().to("cpu", copy=True).contiguous()
            for name, value in tensors.items()
        }
        text = json.dumps(dict(scalars))
        note = {
            "format": _FORMAT,
            "fingerprint": self.fingerprint,
            "checksum": _checksum(kept, text),
            "scalars": text,
        }
        with replacing(self.path) as temporary:
            # Not save_file: it writes a temporary file of its own, which a kill would leave.
            temporary.write_bytes(save(kept, metadata={"focusbench": json.dumps(note)}))

    def remove(self) -> None:
        """Delete the file, what a killed write left beside it, and the folder if then empty."""
        self._sweep()
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # there is none, or it holds files of others
            self.path.parent.rmdir()

    def _sweep(self) -> None:
        """Delete what killed writes left."""
        for path in self.path.parent.glob(f".part*-{FILE_NAME}"):
            path.unlink(missing_ok=True)


def _checksum(tensors: Mapping[str, Tensor], text: str) -> int:
    """CRC-32 of everything saved: safetensors itself checks lengths only."""
    import torch

    value = zlib.crc32(text.encode())
    for name in sorted(tensors):
        value = zlib.crc32(name.encode(), value)
        if tensors[name].numel():
            data = tensors[name].reshape(-1).view(torch.uint8).numpy()
            value = zlib.crc32(memoryview(data), value)
    return value
