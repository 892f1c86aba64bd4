"""Tables as CSV, Markdown and LaTeX."""

import io
import math

import pandas
import pytest

from focusbench import __version__
from focusbench.errors import InputError
from focusbench.report.tables import (
    Block,
    Table,
    as_csv,
    as_latex,
    as_markdown,
    cell,
    fixed,
    provenance,
    significant,
    write,
)

SETTINGS = {"preset": "quick", "seed": 3, "differs": {}, "track": {"seeds": [0, 1]}}


@pytest.fixture
def table() -> Table:
    data = pandas.DataFrame(
        {"sample": ["a_1", "b"], "psnr": [0.1 + 0.2, math.nan], "seed": [0, None]}
    ).astype({"seed": "Int64"})
    rows = (
        (cell("a_1"), cell("40.1", "29.6", bold=[True, False])),
        (cell("[mean]"), cell(fixed(-2.5, 1))),
    )
    block = Block("clean: 5 % of a|b", ("sample", "my_method"), rows, tail=1)
    return Table("t", "A table", "What it shows.", ("Note & more.",), data, (block,))


def test_csv_reads_back_to_the_same_numbers(table):
    text = as_csv(table)
    assert "\r" not in text
    back = pandas.read_csv(io.StringIO(text))
    assert back["psnr"][0] == 0.1 + 0.2
    assert math.isnan(back["psnr"][1])
    assert text.splitlines()[1] == "a_1,0.30000000000000004,0"


def test_markdown_has_a_regular_grid_bold_and_notes(table):
    text = as_markdown(table)
    grid = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(line) for line in grid}) == 1
    assert len({line.count("|") - line.count(r"\|") for line in grid}) == 1
    assert "**40.1** / 29.6" in text
    assert "−2.5" in text
    assert text.index("What it shows.") < text.index("| sample") < text.index("- Note & more.")


def test_latex_escapes_and_balances(table):
    text = as_latex(table)
    assert r"a\_1 & \textbf{40.1} / 29.6 \\" in text
    assert r"{[}mean{]} & $-$2.5 \\" in text
    assert r"my\_method" in text
    assert r"5 \% of a|b" in text
    assert r"Note \& more." in text
    assert text.count("{") - text.count("\\{") == text.count("}") - text.count("\\}")
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 2, 1]


def test_latex_leaves_no_character_that_plain_latex_lacks(table):
    every = "–−±×∞µ†‡"
    block = Block("", ("x",), ((cell(every),),))
    text = as_latex(Table("t", every, every, (every,), table.data, (block,)))
    assert text.isascii()


def test_write_chooses_by_ending_and_repeats_its_bytes(table, tmp_path):
    first = [tmp_path / f"one.{ending}" for ending in ("csv", "md", "tex")]
    second = [tmp_path / "deep" / f"two.{ending}" for ending in ("csv", "md", "tex")]
    write(table, *first)
    write(table, *second)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert len({p.read_bytes() for p in first}) == 3


def test_write_refuses_another_ending_before_it_writes(table, tmp_path):
    with pytest.raises(InputError, match=r"\.csv, \.md, \.tex"):
        write(table, tmp_path / "t.csv", tmp_path / "t.xlsx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (math.nan, "–"), (math.inf, "∞"), (-1.26, "−1.3"), (40.0, "40.0")],
)
def test_fixed(value, text):
    assert fixed(value, 1) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "0"),
        (0.012345, "0.0123"),
        (9.999, "10.00"),
        (1234.6, "1,230"),
        (12.3456, "12.3"),
    ],
)
def test_significant(value, text):
    assert significant(value) == text


def test_provenance_names_version_preset_seeds_and_changes():
    assert provenance(SETTINGS) == [
        f"FocusBench {__version__}, preset quick; seed of the noise 3; seeds of the stochastic "
        "methods: 0, 1. Versions, checksums and cost of every file of the run: "
        "results/manifest.json.",
        "No key differs from the preset.",
    ]
    changed = {**SETTINGS, "differs": {"tracks.multifocus.size": 24, "methods.x.y": [1, "a"]}}
    assert provenance(changed)[1] == (
        'Keys that differ from the preset: methods.x.y = [1, "a"]; tracks.multifocus.size = 24.'
    )


def test_caption_is_summary_and_notes(table):
    assert table.caption == "What it shows. Note & more."
