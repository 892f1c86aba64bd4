"""Which restorations the pictures of this track show, in which order, and their looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from focusbench.report.figures import COLOURS, MARKERS, TRIVIAL_COLOUR, TRIVIAL_DASHES, Style
from focusbench.report.results import Results

BICUBIC, MFPINET, HR_INPUT, DEEP_Z = "bicubic", "mfpinet", "mfpinet_hr_input", "deep_z"
LINEAR, NAF, SRGAN = "linear_per_plane", "refocus_naf", "srgan"
LOWRES, HIGHRES = "lowres", "highres"
# bases in the order of figures, each with its colour and mark; their variants have other dashes
LOOKS = {
    BICUBIC: (TRIVIAL_COLOUR, ""),
    LINEAR: ("#E69F00", "X"),
    SRGAN: ("#CC79A7", "D"),
    DEEP_Z: ("#D55E00", "s"),
    MFPINET: ("#0072B2", "o"),
    HR_INPUT: ("#56B4E9", "P"),
    NAF: ("#009E73", "^"),
}
BUDGET = {  # parameters that say how much a network learned, as captions call them
    "batch_size": "batches of {}",
    "patch": "patches of {} pixels a side",
    "width": "width {}",
    "blocks": "{} blocks",
}
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))


def base(method: str) -> str:
    """Longest id of this package that a method's id is, or begins with; of others, their own."""
    found = [one for one in LOOKS if method == one or method.startswith(f"{one}_")]
    return max(found, default=method, key=len)


def ordered(methods: Sequence[str]) -> list[str]:
    """Put methods in the order of `LOOKS`, variants behind what they vary, a user's own last."""
    places = list(LOOKS)

    def rank(method: str) -> tuple[int, bool]:
        kind = base(method)
        return places.index(kind) if kind in places else len(places), method != kind

    return sorted(dict.fromkeys(methods), key=rank)


def styles(methods: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Style]:
    """Return a style for each method: a base has one colour and mark, its variants other dashes.

    What a method looks like depends on the configuration's variants, not on which are shown.
    """
    every = ordered([*LOOKS, *(settings.get("variants") or ()), *methods])
    looks: dict[str, tuple[str, str]] = dict(LOOKS)
    free = [one for one in COLOURS if one not in {colour for colour, _ in looks.values()}]
    marks = [one for one in MARKERS if one not in {mark for _, mark in looks.values()}]
    used: dict[str, int] = {}
    found = {}
    for method in every:
        kind = base(method)
        if kind not in looks:
            own = len(looks) - len(LOOKS)
            looks[kind] = (free[own % len(free)], marks[own % len(marks)])
        turn = used.get(kind, 0)
        used[kind] = turn + 1
        dashes = (TRIVIAL_DASHES if kind == BICUBIC else _DASHES)[turn % 3]
        found[method] = Style(*looks[kind], dashes)
    return {method: found[method] for method in methods}


def heading(method: str, most: int = 16) -> str:
    """Break a long id at underscores, into lines of at most so many letters where they can be."""
    lines = [""]
    for word in method.replace("_", "_ ").split():
        if lines[-1] and len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def listed(words: Sequence[str]) -> str:
    """Join as a sentence does: "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def not_run(methods: Sequence[str], wanted: Sequence[str]) -> str:
    """Say which of those that a figure wants were not run; nothing where none is missing."""
    missing = [one for one in wanted if one not in methods]
    return f" Not run: {listed(missing)}." if missing else ""


def not_shown(results: Results, kept: Sequence[str]) -> str:
    """Say which methods were run and are not shown; nothing where all are."""
    missing = [one for one in ordered(results.methods) if one not in kept]
    return f" Not shown: {listed(missing)} (see the tables)." if missing else ""


def training_told(results: Results, methods: Sequence[str]) -> str:
    """Say for how long the shown methods were trained; nothing where none was."""
    table = results.trainings()
    told = []
    for method in methods:
        rows = table[table["method"] == method] if len(table) else table
        if not len(rows):
            continue
        row = rows.iloc[0]
        if not row.get("steps"):
            continue  # solved at once
        given = row.get("parameters") or {}
        sizes = [words.format(given[key]) for key, words in BUDGET.items() if key in given]
        steps = f"{method} {int(row['steps'])} steps" if row["steps"] > 1 else f"{method} at once"
        told.append(steps + (f" ({', '.join(sizes)})" if sizes else ""))
    return f" Trained for: {'; '.join(told)}." if told else ""


def made_with(settings: Mapping[str, Any], *, trained: bool = True) -> str:
    """Say, at the end of a caption, which seeds and which preset.

    `trained`: whether what is shown hangs on a network that was trained.
    """
    seeds = (settings.get("track") or {}).get("seeds") or [0]
    smaller = "fields, networks, epochs" if trained else "fields"
    reduced = (
        ""
        if settings["preset"] == "paper"
        else f": smaller than the paper's experiment ({smaller}), so its numbers are not to be set "
        "beside the paper's"
    )
    first = f" The first seed of each method ({seeds[0]})." if trained else ""
    return f"{first} Preset {settings['preset']}{reduced}."
