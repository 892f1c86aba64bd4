"""A short regular expression that matches given ids and nothing else.

The workflow writes the expression of a wildcard into every pattern that has it and walks through
these patterns for every job: a list of a thousand ids cost more than all else that a plan does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache


def any_of(ids: Iterable[str]) -> str:
    """Expression of the ids, common beginnings and equal ends written once; of none: `(?!)`."""
    words = frozenset(ids)
    return _expression(words) if words else "(?!)"


@cache
def _expression(words: frozenset[str]) -> str:
    """Alternatives in one group, or a single piece."""
    ends: dict[str, set[str]] = {}
    for word in words - {""}:
        ends.setdefault(word[0], set()).add(word[1:])
    same: dict[frozenset[str], list[str]] = {}
    for letter in sorted(ends):
        same.setdefault(frozenset(ends[letter]), []).append(letter)
    pieces = [_letters(letters) + _expression(rest) for rest, letters in same.items()]
    if not pieces:
        return ""
    one = pieces[0] if len(pieces) == 1 else f"(?:{'|'.join(pieces)})"
    if "" not in words:
        return one
    single = len(pieces) == 1 and set(same) == {frozenset({""})}
    return f"{one}?" if single or len(pieces) > 1 else f"(?:{one})?"


def _letters(letters: list[str]) -> str:
    """One of some letters, which are in order."""
    if len(letters) == 1:
        return re.escape(letters[0])
    runs: list[list[str]] = []
    for letter in letters:
        if runs and ord(letter) == ord(runs[-1][-1]) + 1:
            runs[-1].append(letter)
        else:
            runs.append([letter])
    return "[{}]".format(
        "".join(
            "".join(map(re.escape, run))
            if len(run) < 3
            else f"{re.escape(run[0])}-{re.escape(run[-1])}"
            for run in runs
        )
    )
