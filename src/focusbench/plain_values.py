"""What a configuration may be made of at all, before anything is asked of its keys.

YAML knows more than text, numbers, lists and maps: dates, sets, whole numbers without end, maps
that hold themselves, and a page of text that stands for more values than memory holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from focusbench.errors import InputError

DEEPEST = 40  # maps and lists in each other
MOST = 200_000  # values in all
LARGEST = 2**63  # whole numbers lie below


def check(value: Any) -> None:
    """Refuse what is no plain value.

    Raises
    ------
    InputError
        A key that is no text; another type than text, number, true, false, null, list or map; a
        whole number from 2^63 on; more than `DEEPEST` levels or `MOST` values (one that stands in
        several places counts in each).
    """
    _check(value, (), count(1))


def shown(value: Any) -> str:
    """A value for a message, 80 characters at most."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _check(value: Any, at: tuple[str, ...], seen: count[int]) -> None:
    place = f"config: {'.'.join(at)}" if at else "config"
    if next(seen) > MOST:
        raise InputError(f"{place}: is beyond the {MOST} values that are accepted in all")
    if len(at) > DEEPEST:
        raise InputError(f"config: {'.'.join(at[:3])}...: {DEEPEST} levels are accepted")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if type(key) is not str:
                shown_key = shown(key) if _is_small(key) else "a number without end"
                raise InputError(f"{place}.{shown_key}: a key is text; put {shown_key} in quotes")
            _check(inner, (*at, key), seen)
    elif type(value) is list:
        for index, inner in enumerate(value):
            _check(inner, (*at, str(index)), seen)
    elif type(value) not in (str, int, float, bool, type(None)):
        raise InputError(
            f"{place}: is of type {type(value).__name__}; text (in quotes), a number, true, false, "
            "null, a list or a map is accepted"
        )
    elif not _is_small(value):
        raise InputError(f"{place}: a whole number from 2^63 on is not accepted")


def _is_small(value: Any) -> bool:
    return not isinstance(value, int) or abs(value) < LARGEST
