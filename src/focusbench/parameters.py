"""Checks of arguments, and of the fields of a method's dataclass.

What is wrong is one line: it names the parameter, quotes its value and says what is accepted. Where
a method is built by its id, `methods.build` puts that before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from focusbench.errors import InputError


def check_whole(name: str, value: Any, least: int) -> None:
    """Raise InputError unless `value` is a whole number from `least` up."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}; a whole number from {least} up is accepted")


def check_positive(name: str, value: Any) -> None:
    """Raise InputError unless `value` is a finite number above 0."""
    if not (_is_number(value) and 0 < value < math.inf):
        raise InputError(f"{name} is {value!r}; a number above 0 is accepted")


def check_positive_or_0(name: str, value: Any) -> None:
    """Raise InputError unless `value` is a finite number, 0 or above."""
    if not (_is_number(value) and 0 <= value < math.inf):
        raise InputError(f"{name} is {value!r}; 0 or a number above is accepted")


def check_parameters(
    method: object,
    *,
    counts: Iterable[str] = (),
    counts_or_0: Iterable[str] = (),
    positive: Iterable[str] = (),
    positive_or_0: Iterable[str] = (),
) -> None:
    """Check the fields of `method` that bear the given names.

    Raises
    ------
    InputError
        One of `counts` is no whole number from 1 up, one of `counts_or_0` none from 0 up; one of
        `positive` no finite number above 0, one of `positive_or_0` none from 0 up.
    """
    for name in counts:
        check_whole(name, getattr(method, name), 1)
    for name in counts_or_0:
        check_whole(name, getattr(method, name), 0)
    for name in positive:
        check_positive(name, getattr(method, name))
    for name in positive_or_0:
        check_positive_or_0(name, getattr(method, name))


def check_switches(method: object, *names: str) -> None:
    """Raise InputError unless these fields of `method` are True or False."""
    for name in names:
        value = getattr(method, name)
        if not isinstance(value, bool):
            raise InputError(f"{name} is {value!r}; true or false is accepted")


def check_choice(method: object, name: str, words: Iterable[str], null: str) -> None:
    """Raise InputError unless a field of `method` is one of `words`, or None.

    `null` says what None stands for; in a configuration, and in the message, it is written so.
    """
    value, words = getattr(method, name), tuple(words)
    if value is not None and value not in words:
        raise InputError(f"{name} is {value!r}; accepted: {', '.join(words)}, null ({null})")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
