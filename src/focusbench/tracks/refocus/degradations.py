"""What the id of a degradation means."""

from __future__ import annotations

import re
from typing import NamedTuple

from focusbench.errors import InputError

LOWRES, HIGHRES, OFFMODEL = "lowres", "highres", "offmodel"
ACCEPTED = (
    "lowres and highres, both also with _up1 or _down1 (planes from the middle, to 9), and "
    "offmodel; all also with _jpeg"
)
_ID = re.compile(
    rf"(?:(?P<kind>{LOWRES}|{HIGHRES})(?:_(?P<way>up|down)(?P<planes>[1-9]))?|{OFFMODEL})"
    r"(?P<jpeg>_jpeg)?"
)


class Degradation(NamedTuple):
    """How the one image that methods see was made of a focal stack."""

    kind: str  # LOWRES, HIGHRES or OFFMODEL
    planes_up: int = 0  # planes from the middle one to that which the image was made of
    jpeg: bool = False  # the stack, and what is compared with it, went through JPEG

    @property
    def scale(self) -> int:
        """Pixels of the stack along a pixel of the image."""
        return 1 if self.kind == HIGHRES else 2


def parse(degradation: str) -> Degradation:
    """Read an id: `lowres`, `highres_up1`, `offmodel_jpeg`.

    Raises
    ------
    InputError
        The id is none of these.
    """
    match = _ID.fullmatch(degradation)
    if not match:
        raise InputError(f"unknown degradation {degradation!r}; accepted: {ACCEPTED}")
    planes = int(match["planes"] or 0) * (-1 if match["way"] == "down" else 1)
    return Degradation(match["kind"] or OFFMODEL, planes, bool(match["jpeg"]))
