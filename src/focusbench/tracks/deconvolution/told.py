"""What each method is told of the PSF, and which differ in that alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from focusbench.tracks.deconvolution.learned import PAIRS, Training

NOTHING = "not used"
TOLD = "told"
TOLD_IN_TRAINING = "told, in training"
FROM_UNPAIRED = "learned from unpaired volumes"
FROM_OBSERVATION = "found in the observation itself"

CLASSICAL = {
    "zeros": NOTHING,
    "input": NOTHING,
    "affine_input": NOTHING,
    "richardson_lucy": TOLD,
    "richardson_lucy_tv": TOLD,
    "wiener": TOLD,
    "blind_pupil": FROM_OBSERVATION,
}
COUNTERPARTS = {"blind_pupil": "richardson_lucy_tv"}  # blind -> told, otherwise alike


def told(methods: Sequence[str], trainings: Sequence[Training]) -> dict[str, str]:
    """Method -> what it is told of the PSF, of those that are blind or told, and trivial ones.

    Left out are learners from pairs, which are told neither the PSF nor nothing: their pairs were
    made with it; the conventional cycleGAN, which has a network in its place; and methods of one's
    own that do not say.
    """
    how = {one.method: one.blurs_by for one in trainings}
    words = {"kernel": FROM_UNPAIRED, "known": TOLD_IN_TRAINING}
    found = {}
    for method in methods:
        if method in CLASSICAL:
            found[method] = CLASSICAL[method]
        elif how.get(method) in words:
            found[method] = words[str(how[method])]
    return found


def left_out(methods: Sequence[str], trainings: Sequence[Training]) -> list[str]:
    """Say of each method that `told` leaves out why."""
    by_id = {one.method: one for one in trainings}
    texts = []
    for method in methods:
        if method in told([method], trainings):
            continue
        one = by_id.get(method)
        if one is not None and one.blurs_by == "network":
            texts.append(f"{method} (a network stands for the blur)")
        elif one is not None and one.learns_from == PAIRS:
            texts.append(f"{method} (learns from pairs, which were made with the PSF)")
        else:
            texts.append(f"{method} (what it is told is not known)")
    return texts


def pairs(methods: Sequence[str], trainings: Sequence[Training]) -> list[tuple[str, str]]:
    """(told, blind) ids of methods that differ in what they are told of the PSF."""
    known = told(methods, trainings)
    blind = [method for method, words in known.items() if words == FROM_UNPAIRED]
    informed = [method for method, words in known.items() if words == TOLD_IN_TRAINING]
    found = [(one, other) for other, one in product(blind, informed)]
    return found + [
        (other, method) for method, other in COUNTERPARTS.items() if {method, other} <= known.keys()
    ]
