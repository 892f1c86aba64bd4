import json
import sys

import pytest

from focusbench.__main__ import main
from focusbench.check_verb import ABSENT


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# each map merges the one before ten times: 10^9 entries
MERGES = "m0: &m0 {a: 1}\n" + "".join(
    f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 10)}]}}\n" for i in range(1, 10)
)


def check(tmp_path, content, *more):
    if isinstance(content, bytes):
        (tmp_path / "a.yaml").write_bytes(content)
    else:
        (tmp_path / "a.yaml").write_text(content)
    return main(["check", "a.yaml", *more])


def test_what_is_asked_for_and_whose_code_would_run(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("preset: test\n")
    own = {"a": {"command": "cp {observed} {estimate}"}, "b": {"module": "os:system"}}
    own["c"] = {"uses": "lbfgs", "memory": 3}
    section = {"samples": ["cell"], "degradations": ["clean"], "methods": ["c"]}
    text = json.dumps({"tracks": {"multifocus": section}, "methods": {"multifocus": own}})
    assert check(tmp_path, text) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "accepted: config.yaml, a.yaml (preset test)"
    assert "multifocus: 3 restorations (1 samples, 3 methods) and their scores in 6 jobs" in said
    assert said[-2:] == [
        "methods.multifocus.a runs the program 'cp {observed} {estimate}'",
        "methods.multifocus.b runs the Python module 'os:system'",
    ]


def test_modules_are_looked_for_and_not_imported(tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a/b").mkdir(parents=True)  # without __init__.py
    for name in ("top.py", "a/b/c.py"):
        (tmp_path / name).write_text("open('ran', 'w')")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("open('ran', 'w')")
    targets = ("top:X", "a.b.c:X", "pack:X", "pack.gone:X", "no_such_mod:y", "math:sqrt")
    own = {f"m{i}": {"module": one} for i, one in enumerate(targets)}
    assert check(tmp_path, json.dumps({"methods": {"multifocus": own}})) == 0
    said = capsys.readouterr().out.splitlines()
    lines = [f"methods.multifocus.m{i} runs the Python module {targets[i]!r}" for i in range(6)]
    assert said[-6:] == [*lines[:3], *(f"{one}{ABSENT}" for one in lines[3:])]
    assert not (tmp_path / "ran").exists()
    assert not {"top", "a", "pack"} & set(sys.modules)


def test_the_package_alone(tmp_path, capsys):
    assert check(tmp_path, "# nothing\n") == 0
    assert capsys.readouterr().out.endswith("runs no program or module of others\n")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("__use_yte__: true\n?open('ran', 'w'): 1\n", "Snakemake would run Python expressions"),
        ("a: !!python/object/apply:os.system ['touch ran']", "no YAML of plain values"),
        ("seed: !!python/name:os.system", "no YAML of plain values"),
        ("seed: 2020-01-01", "seed: is of type date"),
        ("[" * 1200, "without end"),
        ("a: &a {b: *a}", "levels"),
        ("- 1", "holds a list"),
        (b"\xff\xfe\0", "no YAML of plain values"),
        ("sede: 1", "config: sede: unknown key"),
        ("a: b: c", "no YAML of plain values"),
        ("preset: test\nseed: 1\npreset: paper\n", "the key 'preset' stands there twice"),
        (MERGES, "merges of more than 200000 entries"),
        ("a: &a {<<: *a}", "without end"),
    ],
)
def test_what_is_refused_is_one_line_and_runs_nothing(tmp_path, capsys, content, line):
    assert check(tmp_path, content) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert line in said.err
    assert not (tmp_path / "ran").exists()


def test_missing_file(tmp_path, capsys):
    assert main(["check", "no.yaml"]) == 1
    assert "no.yaml: cannot be read: No such file" in capsys.readouterr().err


def test_a_key_that_overrides_a_merged_one(tmp_path, capsys):
    text = "tracks: {refocus: &a {seeds: [1]}, defocus: {<<: *a, seeds: [2]}}\npreset: test\n"
    assert check(tmp_path, text) == 0
    assert "(preset test)" in capsys.readouterr().out
