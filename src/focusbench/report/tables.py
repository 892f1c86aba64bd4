"""Tables for machines (CSV, full precision) and for people (Markdown and LaTeX)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from focusbench import __version__, paths
from focusbench.errors import InputError
from focusbench.files import write_text

if TYPE_CHECKING:
    from pandas import DataFrame

DASH = "–"  # stands for what was not computed
MARK = "†"  # refers to a note


class Part(NamedTuple):
    """Text of a cell, or of one of several values in it."""

    text: str
    bold: bool = False


Cell = tuple[Part, ...]  # several values in one cell are shown as "a / b"


@dataclass(frozen=True)
class Block:
    """One grid of a table, with its own heading. `tail` of its last rows are ruled off."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    tail: int = 0


@dataclass(frozen=True)
class Table:
    """A table: `data` is what the CSV holds; `blocks` show what people want to see of it.

    `summary` says what is shown and what it may be compared with; `notes` say how it was made.
    """

    name: str
    title: str
    summary: str
    notes: tuple[str, ...]
    data: DataFrame
    blocks: tuple[Block, ...]

    @property
    def caption(self) -> str:
        """Summary and notes, in one paragraph."""
        return " ".join([self.summary, *self.notes])


def cell(*texts: str, bold: Sequence[bool] = ()) -> Cell:
    """Make a cell of one or more values."""
    return tuple(
        Part(text, bool(bold[i]) if i < len(bold) else False) for i, text in enumerate(texts)
    )


def fixed(value: float | None, digits: int) -> str:
    """Format with a number of decimals; a dash for None and NaN."""
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:,.{digits}f}".replace("-", "−")


def significant(value: float | None, digits: int = 3) -> str:
    """Format with that many significant digits and no exponent; a dash for None and NaN."""
    if value is None or math.isnan(value) or math.isinf(value) or value == 0:
        return "0" if value == 0 else fixed(value, 0)
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return fixed(round(value, decimals), max(decimals, 0))


def span(values: Sequence[float]) -> str:
    """Format whole numbers as one, or as lowest to highest."""
    low, high = min(values), max(values)
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"


def provenance(settings: Mapping[str, Any]) -> list[str]:
    """Say which version, preset, seeds and changed keys made a table.

    Parameters
    ----------
    settings
        `preset`, `seed`, `differs` (dotted key -> value), and `track` with `seeds`.
    """
    seeds = ", ".join(map(str, settings.get("track", {}).get("seeds", []))) or "none"
    notes = [
        f"FocusBench {__version__}, preset {settings['preset']}; seed of the noise "
        f"{settings['seed']}; seeds of the stochastic methods: {seeds}. Versions, checksums and "
        f"cost of every file of the run: {paths.manifest()}."
    ]
    differs = settings.get("differs") or {}
    if differs:
        listed = "; ".join(f"{key} = {plain(value)}" for key, value in sorted(differs.items()))
        notes.append(f"Keys that differ from the preset: {listed}.")
    else:
        notes.append("No key differs from the preset.")
    return notes


def plain(value: Any) -> str:
    """Write a configuration's value on one line."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def write(table: Table, *paths: str | Path) -> None:
    """Write `table` once per path; the ending (csv, md, tex) says how. Equal tables, equal bytes.

    Raises
    ------
    InputError
        Another ending.
    """
    writers = {".csv": as_csv, ".md": as_markdown, ".tex": as_latex}
    chosen = []
    for path in map(Path, paths):
        if path.suffix not in writers:
            raise InputError(f"{path}: a table ends in one of {', '.join(writers)}")
        chosen.append((path, writers[path.suffix]))
    for path, writer in chosen:
        write_text(path, writer(table))


def as_csv(table: Table) -> str:
    """Return the data, numbers in the fewest digits that read back as the same number."""
    return table.data.to_csv(index=False, lineterminator="\n")


def as_markdown(table: Table) -> str:
    """Return GitHub-flavoured Markdown, columns aligned in the source as well."""
    lines = [f"# {table.title}", "", table.summary, ""]
    for block in table.blocks:
        lines += [f"## {block.title}", ""] if block.title else []
        grid = [[_escape_markdown(text) for text in block.header]]
        grid += [[_markdown_cell(parts) for parts in row] for row in block.rows]
        widths = [max(3, *(len(row[i]) for row in grid)) for i in range(len(block.header))]
        lines.append(_markdown_row(grid[0], widths))
        rules = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        lines.append("| " + " | ".join(rules) + " |")
        lines += [_markdown_row(row, widths) for row in grid[1:]]
        lines.append("")
    lines += [f"- {note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def _markdown_row(texts: Sequence[str], widths: Sequence[int]) -> str:
    padded = [texts[0].ljust(widths[0])]
    padded += [text.rjust(width) for text, width in zip(texts[1:], widths[1:], strict=True)]
    return "| " + " | ".join(padded) + " |"


def _markdown_cell(parts: Cell) -> str:
    texts = [_escape_markdown(part.text) for part in parts]
    bold = [f"**{text}**" if part.bold else text for text, part in zip(texts, parts, strict=True)]
    return " / ".join(bold)


def _escape_markdown(text: str) -> str:
    return text.replace("|", r"\|")


def as_latex(table: Table) -> str:
    """Return one `table` environment per block; the notes follow as a list."""
    lines = [r"% needs \usepackage{booktabs,graphicx}"]
    for i, block in enumerate(table.blocks):
        caption = f"{table.title}. {block.title}." if block.title else f"{table.title}."
        if i == 0:
            caption += f" {table.summary}"
        body = [
            r"\begin{tabular}{l" + "r" * (len(block.header) - 1) + "}",
            r"\toprule",
            _latex_row(map(_escape_latex, block.header)),
            r"\midrule",
        ]
        for r, row in enumerate(block.rows):
            if block.tail and r == len(block.rows) - block.tail:
                body.append(r"\midrule")
            body.append(_latex_row(map(_latex_cell, row)))
        body += [r"\bottomrule", r"\end{tabular}"]
        lines += [
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{_escape_latex(caption)}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            *body,
            "}",
            r"\end{table}",
        ]
    lines += [r"\begin{itemize}"]
    lines += [rf"\item {_escape_latex(note)}" for note in table.notes]
    lines += [r"\end{itemize}"]
    return "\n".join(lines) + "\n"


def _latex_row(texts: Iterable[str]) -> str:
    return " & ".join(texts) + r" \\"


def _latex_cell(parts: Cell) -> str:
    texts = [_escape_latex(part.text) for part in parts]
    bold = [rf"\textbf{{{t}}}" if part.bold else t for t, part in zip(texts, parts, strict=True)]
    return " / ".join(bold)


LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # a row that begins with [ would be read as an option of the line break before it
    "]": "{]}",
    DASH: "--",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "µ": r"$\mu$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
}


def _escape_latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
