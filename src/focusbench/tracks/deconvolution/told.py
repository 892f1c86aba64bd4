"""What each method is told of the PSF, and which differ in that alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from focusbench.tracks.deconvolution import learned
from focusbench.tracks.deconvolution.learned import FEWEST_SEEDS, PAIRS, Training

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


def trained_pairs(
    methods: Sequence[str], degradation: str, trainings: Sequence[Training]
) -> list[tuple[Training, Training]]:
    """Trainings of those `pairs` that both learn; those that restored this degradation."""
    found = []
    for couple in pairs(methods, trainings):
        one, other = (learned.used_for(method, degradation, trainings) for method in couple)
        if one is not None and other is not None:
            found.append((one, other))
    return found


def unsettled(methods: Sequence[str], degradation: str, trainings: Sequence[Training]) -> set[str]:
    """Methods whose rank may be that of their trainings: too few seeds, or a pair's other steps."""
    used = [learned.used_for(method, degradation, trainings) for method in methods]
    found = {one.method for one in used if one is not None and one.seeds < FEWEST_SEEDS}
    for one, other in trained_pairs(methods, degradation, trainings):
        if not learned.alike(one, other):
            found |= {one.method, other.method}
    return found
