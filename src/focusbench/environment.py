"""Settings that change no result, and therefore stand in the environment, not in a configuration.

A key of the configuration reaches a job through its parameters: another value would run it again.
"""

from __future__ import annotations

import math
import os

from focusbench.errors import InputError


def number(name: str, default: float) -> float:
    """Value of the variable `name`, `default` where it is not set or empty.

    Raises
    ------
    InputError
        It is no finite number from 0 up.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"{name} is {text!r}; a number from 0 up is accepted")
    return value
