"""What a GPU session does for the refocus track, run whole on the CPU at tiny sizes."""

import argparse
import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

# What a GPU machine may lack. An entry None makes an import fail.
MISSING = ["snakemake", "jsonschema", "pandas", "matplotlib", "rich", "imagecodecs"]
SIDE = 32
TINY = [
    *("--track", "refocus", "--device", "cpu", "--threads", "1", "--repeats", "1"),
    *("--side", "16", "--runs", "1", "--warm-up", "0", "--network-width", "4", "--patch", "16"),
    *("--field", f"{SIDE}", "--train-fields", "1", "--test-fields", "1", "--processes", "1"),
]


@pytest.fixture
def work(tmp_path):
    """A working folder with all fields."""
    random = np.random.default_rng(0)
    folder = tmp_path / "work" / "fields"
    folder.mkdir(parents=True)
    for slide in range(1, 7):
        stack = random.integers(90, 250, (11, SIDE, SIDE, 3), dtype=np.uint8)
        np.save(folder / f"cytology_s{slide}_f1-{SIDE}.npy", stack)
    return tmp_path / "work"


@pytest.fixture
def parts(root, monkeypatch):
    """Modules of the session, by name."""
    monkeypatch.syspath_prepend(root / "benchmarks")
    names = ("refocus", "refocus_fields", "refocus_page", "session")
    main = importlib.import_module("gpu_session").main
    return {"main": main, **{name: importlib.import_module(f"gpu.{name}") for name in names}}


def test_trains_and_judges(parts, work, tmp_path, monkeypatch, capsys):
    for name in MISSING:
        monkeypatch.setitem(sys.modules, name, None)
    for name, value in (("EPOCHS", 2), ("WARM_UP", 1)):
        monkeypatch.setattr(parts["refocus"], name, value)
    output = tmp_path / "output"
    given = ["--stages", "steps", "training", "--work", str(work), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["", *TINY, *given, "--seconds", "0.2"])

    class Over:
        def __init__(self, seconds):
            raise parts["session"].TimeUp

    with monkeypatch.context() as patched:
        patched.setattr(parts["refocus"], "Alarm", Over)
        parts["main"]()
    assert "run it again" in capsys.readouterr().out
    first = json.loads((output / "record.json").read_text())
    assert set(first) == {"settings", "steps", "training, planned"}
    parts["main"]()
    text = capsys.readouterr().out
    assert text.startswith("training: ")  # and no steps again
    assert "nothing is left" in text
    record = json.loads((output / "record.json").read_text())
    assert set(record) == {"settings", "steps", "training"}
    assert record["steps"] == first["steps"]
    assert record["training"]["steps"] == first["training, planned"]["patches"]  # 2 epochs, pairs
    assert set(record["steps"]) == {"float32", "tf32", "bfloat16"}
    found = record["training"]
    assert found["steps"] % 2 == 0  # epochs
    assert found["fields"] == 3
    assert 0 <= found["loading share"] < 1
    assert found["parameters"]["generator"] > 1000
    assert found["trace"][-1][0] == found["steps"]
    assert found["trace"][-1][2] > 0  # PSNR of the watched field
    assert found["PSNR"]["fields"] == 2  # slides 4 and 5
    by_method = found["PSNR"]["methods"]
    assert set(by_method) == {"bicubic", "linear_per_plane", "mfpinet"}
    assert {len(planes) for planes in by_method.values()} == {11}
    assert (output / "mfpinet.safetensors").exists()
    assert not (work / "state").exists() or not list((work / "state").rglob("*.safetensors"))
    page = (output / "record.md").read_text()
    assert page.startswith("# Refocus on ")
    assert "slides that were not seen" in page


def test_table_3_takes_the_time_that_is_left(parts, monkeypatch):
    told = {}
    measure = lambda settings, how: told.update(settings, **how)  # noqa: E731
    monkeypatch.setattr(parts["refocus"].network_times, "measure", measure)
    arguments = SimpleNamespace(side=384, runs=100, warm_up=3)
    session = SimpleNamespace(arguments=arguments, device="cuda", left=500.0, margin=15.0)
    parts["refocus"].networks(session)
    assert (told["side"], told["runs"], told["device"]) == (384, 100, "cuda")
    assert told["budget_seconds"] == 470.0


def test_page_of_table_3(parts):
    networks = {
        f"{name}{end}": {"milliseconds": [ms] * 3, "precision": end[1:] or "float32"}
        for end, share in (("", 1), ("_tf32", 2))
        for name, ms in (("deep_z", 600 / share), ("mfpinet", 20.0))
    }
    page = "\n".join(parts["refocus_page"].page({"networks": {"side": 384, "networks": networks}}))
    assert "384 to 768 px" in page
    assert "| deep_z | tf32 | 3 | 300 | 300 to 300 |" in page
    assert "float32: 30.0 times (paper 24, by operations 31.7)" in page
    assert "tf32: 15.0 times" in page
    assert "bfloat16" not in page


def test_fields_are_drawn_in_processes_of_their_own(parts, tmp_path, monkeypatch):
    fields = parts["refocus_fields"]
    arguments = SimpleNamespace(train_fields=1, test_fields=1, field=SIDE, processes=2)
    session = SimpleNamespace(arguments=arguments, work=tmp_path, left=60.0, margin=1.0)
    quick = "import sys; open(sys.argv[3] + '.part', 'w').write(' '.join(sys.argv[1:3]))"
    monkeypatch.setattr(fields, "SCRIPT", quick)
    fields.draw(session)
    found = {path.name: path.read_text() for path in (tmp_path / "fields").iterdir()}
    assert found == {
        f"cytology_s{slide}_f1-{SIDE}.npy": f"cytology_s{slide}_f1 {SIDE}" for slide in range(1, 7)
    }
    monkeypatch.setattr(fields, "SCRIPT", "raise SystemExit(1)")
    fields.draw(session)  # all are there
    (tmp_path / "fields" / f"cytology_s4_f1-{SIDE}.npy").unlink()
    with pytest.raises(RuntimeError, match="cytology_s4_f1 could not be drawn"):
        fields.draw(session)
    session.left = 0.5
    with pytest.raises(parts["session"].TimeUp):
        fields.draw(session)


def test_the_script_draws_a_field(parts, tmp_path, monkeypatch):
    target = tmp_path / "field.npy"
    monkeypatch.setattr(sys, "argv", ["-c", "cytology_s1_f1", str(SIDE), str(target)])
    exec(parts["refocus_fields"].SCRIPT, {})
    assert np.load(f"{target}.part").shape == (11, SIDE, SIDE, 3)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--patch", "2000"], "--patch is 2000; an even number from 8 to --field, 1024"),
        (["--patch", "33"], "--patch is 33"),
        (["--seconds", "0"], "--seconds is 0.0; above 0"),
        (["--train-fields", "0"], "--train-fields is 0; above 0"),
    ],
)
def test_refuses_sizes_that_cannot_be_used(parts, capsys, wrong, words):
    parser = argparse.ArgumentParser()
    parts["refocus"].add_arguments(parser)
    with pytest.raises(SystemExit):
        parts["refocus"].check_arguments(parser, parser.parse_args(wrong))
    assert words in capsys.readouterr().err


def test_inputs_are_asked_for_where_they_are_needed(parts, tmp_path, monkeypatch, capsys):
    session = importlib.import_module("gpu_session")
    monkeypatch.setattr(sys, "argv", ["gpu_session.py", "--output", str(tmp_path)])
    with pytest.raises(SystemExit):
        parts["main"]()
    assert "--inputs is needed" in capsys.readouterr().err
    assert set(session.STAGES) == {one for ids in session.OF_TRACKS.values() for one in ids}
