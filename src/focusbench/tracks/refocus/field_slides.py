"""Which slide a field is of: fields of one look alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from focusbench.data import cytology_names
from focusbench.errors import InputError

MOST_TOLD = 6  # slides that a sentence names


def slide(sample: str, settings: Mapping[str, Any]) -> str:
    """Return the slide of a field, in words; of fields that nothing is known of, their own id.

    `settings`: may hold `slides` (sample -> name of its slide).
    """
    known = (settings.get("slides") or {}).get(sample)
    if known is not None:
        return str(known)
    try:
        return f"slide {cytology_names.parse(sample)[0]}"
    except InputError:
        return sample


def by_slide(samples: Sequence[str], settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Slide -> its fields, both in the order of `samples`."""
    found: dict[str, list[str]] = {}
    for sample in samples:
        found.setdefault(slide(sample, settings), []).append(sample)
    return found


def means_by_slide(values: Mapping[str, float], settings: Mapping[str, Any]) -> dict[str, float]:
    """Slide -> mean of its fields' values (by sample); empty where they are of one, or of many."""
    groups = by_slide(list(values), settings)
    if not 1 < len(groups) <= MOST_TOLD:
        return {}
    return {name: mean(values[one] for one in some) for name, some in groups.items()}
