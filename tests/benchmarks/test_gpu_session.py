"""The benchmarks of the deep image prior, run whole on the CPU at tiny sizes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from focusbench.images import write_volume
from focusbench.optics.rays import Geometry, render

SHAPE = (3, 14, 14)
# What a GPU machine may lack. An entry None makes an import fail.
MISSING = ["snakemake", "jsonschema", "pandas", "matplotlib", "rich", "imagecodecs"]
RUN = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({MISSING}))
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(root, script, *arguments):
    result = subprocess.run(
        [sys.executable, "-c", RUN, str(root / "benchmarks" / script), *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def inputs(tmp_path):
    random = np.random.default_rng(0)
    geometry = Geometry(n_slices=SHAPE[0], aperture_grid=3)
    for sample in ("one", "two"):
        truth = random.uniform(0.7, 1, SHAPE).astype(np.float32)
        for path, volume in (
            (f"truth/{sample}.ome.tif", truth),
            (f"observed/{sample}/clean.ome.tif", render(truth, geometry)),
        ):
            path = tmp_path / "inputs" / path
            path.parent.mkdir(parents=True, exist_ok=True)
            write_volume(path, volume, voxel_size=(1.0, 0.92, 0.92))
    return tmp_path / "inputs"


def test_checks_times_and_restores_in_several_runs(root, inputs, tmp_path):
    from safetensors.numpy import load_file

    sizes = ["--size", 14, "--slices", 3, "--aperture-grid", 3, "--width", 4, "--scales", 1]
    steps = ["--steps", 40, "--constant-steps", 3, "--precision-steps", 4, "--repeats", 1]
    fixed = ["--inputs", inputs, *sizes, *steps, "--threads", 1, "--device", "cpu"]
    first = ["--work", tmp_path / "work", "--output", tmp_path / "first"]
    text = run(root, "gpu_session.py", *fixed, *first, "--samples", "one")
    assert "nothing is left" in text
    record = json.loads((tmp_path / "first" / "record.json").read_text())
    assert [row["passed"] for row in record["check"]] == [True] * 3
    assert set(record["rays"]) == {"plain torch", "in use"}
    assert set(record["dip"]) == {"float32", "tf32"}
    for result in record["dip"].values():
        assert sum(result["parts"].values()) + result["rest"] == pytest.approx(result["step"])
    assert record["dip"]["float32"]["ratio of the rays"] > 0
    runs = record["precision"]["runs"]
    assert runs["float32"]["moved"] == 0  # and on the CPU runs repeat
    assert runs["float32 again"]["apart"] == runs["tf32"]["apart"] == 0
    assert runs["bfloat16"]["moved"] != 0
    assert set(record["restore"]) == {"one"}
    assert record["restore"]["one"]["iterations"] == 40

    # another machine: what was finished is taken over, and only the rest is done
    second = ["--work", tmp_path / "other", "--output", tmp_path / "second"]
    earlier = ["--earlier", tmp_path / "first"]
    text = run(root, "gpu_session.py", *fixed, *second, *earlier)
    assert text.startswith("restore:")
    again = json.loads((tmp_path / "second" / "record.json").read_text())
    assert again["restore"]["one"] == record["restore"]["one"]
    assert again["restore"]["two"]["iterations"] == 40
    assert {k: v for k, v in again.items() if k != "restore"} == {
        k: v for k, v in record.items() if k != "restore"
    }
    estimates = load_file(tmp_path / "second" / "estimates.safetensors")
    assert {name: value.shape for name, value in estimates.items()} == {"one": SHAPE, "two": SHAPE}
    page = (tmp_path / "second" / "record.md").read_text()
    for heading in ("Rays against float64", "A step of the deep image prior", "Restored"):
        assert heading in page


def test_is_cut_off_and_goes_on(root, inputs, tmp_path):
    fixed = ["--inputs", inputs, "--stages", "restore", "--samples", "one", "--aperture-grid", 3]
    fixed += ["--slices", 3, "--width", 4, "--scales", 1, "--precision", "float32"]
    fixed += ["--constant-steps", 0, "--threads", 1, "--margin", 0.2, "--device", "cpu"]
    folders = ["--work", tmp_path / "work", "--output", tmp_path / "output"]
    text = run(root, "gpu_session.py", *fixed, *folders, "--steps", 10**6, "--minutes", 0.2)
    assert "run it again" in text
    state = tmp_path / "work" / "state" / "one" / "state.safetensors"
    assert state.exists()
    assert not json.loads((tmp_path / "output" / "record.json").read_text())["restore"]
    from safetensors import safe_open

    with safe_open(state, framework="np") as file:
        done = json.loads(json.loads(file.metadata()["focusbench"])["scalars"])["step"]
    assert 0 < done < 10**6
    run(root, "gpu_session.py", *fixed, *folders, "--steps", 10**6, "--minutes", 0.2)
    with safe_open(state, framework="np") as file:
        assert json.loads(json.loads(file.metadata()["focusbench"])["scalars"])["step"] > done


def test_split_of_a_step(root):
    sizes = ["--size", 12, "--slices", 3, "--aperture-grid", 3, "--width", 4, "--scales", 1]
    text = run(root, "dip.py", *sizes, "--graph", "--repeats", 2, "--device", "cpu")
    for part in ("network forward", "rays backward", "optimiser", "rest", "ratio of the rays"):
        assert f"| {part}" in text
    assert "replayed" not in text
