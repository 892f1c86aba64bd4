"""`python -m focusbench restore`: a method without the workflow."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from focusbench.__main__ import main
from focusbench.images import read_volume

GEOMETRY = ["--pixel-size", "0.92", "--z-step", "1", "--aperture-grid", "7", "--background", "255"]


@pytest.fixture
def stack(tmp_path):
    """A focal stack of 5 images with a dark spot."""
    images = np.full((5, 14, 13), 255, np.uint8)
    images[2, 5:9, 5:9] = 200
    images[1:4, 6:8, 6:8] = 180
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, images)
    return path


def test_a_stack_is_restored(stack, tmp_path):
    output = tmp_path / "out.ome.tif"
    arguments = ["restore", str(stack), "-o", str(output), "--method", "lbfgs", *GEOMETRY]
    assert main([*arguments, "--set", "max_evaluations=12"]) == 0
    volume = read_volume(output)
    assert volume.array.shape == (5, 14, 13)
    assert volume.voxel_size == pytest.approx((1.0, 0.92, 0.92))
    assert volume.array.min() < 0.95
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["parameters"]["max_evaluations"] == 12
    assert record["parameters"]["memory"] == 8  # defaults too
    assert record["method"] == "lbfgs"
    assert record["stack"]["background"] == 255
    assert record["evaluations"] <= 12
    assert (tmp_path / "out.trace.csv").read_text().startswith("step,loss,psnr\n1,")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.json",
        "out.ome.tif",
        "out.trace.csv",
        "stack.tif",
    ]


BLOCKED = (
    "snakemake",
    "jsonschema",
    "yaml",
    "pandas",
    "rich",
    "matplotlib",
    "imagecodecs",
)


def test_it_needs_none_of_the_workflows_packages(stack, tmp_path):
    blocker = tmp_path / "site" / "sitecustomize.py"
    blocker.parent.mkdir()
    blocker.write_text(f"import sys\nfor name in {BLOCKED!r}:\n    sys.modules[name] = None\n")
    command = [sys.executable, "-m", "focusbench", "restore", stack, "-o", tmp_path / "o.ome.tif"]
    command += [
        "--method",
        "dip",
        "--set",
        "steps=2",
        "--set",
        "width=4",
        "--set",
        "constant_steps=1",
        *GEOMETRY,
    ]
    environment = {**os.environ, "PYTHONPATH": str(blocker.parent)}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.ome.tif").exists()


WRONG = [
    (["--method", "nothing"], "unknown method 'nothing'; known: transparent"),
    (["--method", "lbfgs", "--set", "memory"], "KEY=VALUE"),
    (["--method", "lbfgs", "--set", "memroy=3"], "memroy"),
    (["--method", "lbfgs", "--set", "memory=-3"], "memory"),
    (["--method", "lbfgs", "--threads", "0"], "--threads: 0"),
    (["--method", "lbfgs", "--numerical-aperture", "1.2"], "numerical"),
    (["--method", "lbfgs", "--noise-sigma", "-1"], "--noise-sigma: -1.0"),
    (["--method", "lbfgs", "--budget-seconds", "0"], "--budget-seconds: 0.0"),
    (["--method", "dip_pretrain_2"], "--weights"),
    (["--method", "dip_pretrain_2", "--weights", "none.safetensors"], "none.safetensors: no such"),
    (["--method", "no.such:Thing"], "no module"),
    (["--method", "lbfgs", "--seed", "-1"], "--seed: -1"),
    (["--method", "iterative", "--set", "learning_rate=x"], "learning_rate is 'x'; accepted: a"),
    (["--method", "lbfgs", "--aperture-grid", "5000"], "201 at most"),
    (["--method", "start", "--background", "3"], "no grey value lies below it"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_mistake_is_one_line(stack, tmp_path, capsys, arguments, message):
    output = tmp_path / "o.ome.tif"
    base = ["restore", str(stack), "-o", str(output), *GEOMETRY]
    assert main([*base, *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("focusbench: error: ")
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["stack.tif"]


def test_the_outputs_name_says_what_it_is(stack, tmp_path, capsys):
    assert main(["restore", str(stack), "-o", str(tmp_path / "o.png"), "--method", "start"]) == 1
    assert "a name that ends in .ome.tif" in capsys.readouterr().err


@pytest.mark.parametrize("inside", [False, True])
def test_the_recording_is_never_overwritten(stack, tmp_path, capsys, inside):
    own = tmp_path / "own"
    own.mkdir()
    path = own / "rec.ome.tif"
    path.write_bytes(stack.read_bytes())
    given, output = (own, own / "new.ome.tif") if inside else (path, path)
    before = path.read_bytes()
    arguments = ["restore", str(given), "-o", str(output), "--method", "start", *GEOMETRY]
    assert main(arguments) == 1
    assert "would overwrite or join" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert [one.name for one in own.iterdir()] == ["rec.ome.tif"]


BROKEN = """
import numpy as np
from focusbench.problem import Restoration
class Nan:
    def restore(self, problem, run, weights=None):
        return Restoration(np.full(problem.observed.shape, np.nan))
class Shape:
    def restore(self, problem, run, weights=None):
        return Restoration(np.ones(3))
class Nothing:
    def restore(self, problem, run, weights=None):
        return None
class Raises:
    def restore(self, problem, run, weights=None):
        raise KeyError("inner")
class NoRestore:
    pass
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Nan", "not finite"),
        ("Shape", "shape (3,); accepted: (5, 14, 13)"),
        ("Nothing", "gave a NoneType"),
        ("Raises", "KeyError: 'inner'"),
        ("NoRestore", "has no function restore"),
    ],
)
def test_a_broken_method_of_ones_own_is_one_line(
    stack, tmp_path, capsys, monkeypatch, name, message
):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "broken_methods.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(folder))
    output = tmp_path / "o.ome.tif"
    arguments = ["restore", str(stack), "-o", str(output), "--method", f"broken_methods:{name}"]
    assert main([*arguments, *GEOMETRY]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not output.exists()


@pytest.fixture
def fluorescence(tmp_path):
    """A bright spot of 12 x 14 x 15 voxels, blurred, with shot noise on an offset."""
    z, y, x = np.indices((12, 14, 15))
    spot = np.exp(-((z - 6) ** 2 / 18 + (y - 7) ** 2 / 6 + (x - 7) ** 2 / 6))
    counts = 100 + np.random.default_rng(0).poisson(200 * spot)
    path = tmp_path / "spot.tif"
    tifffile.imwrite(path, counts.astype(np.uint16))
    return path


LENS = [
    *("--pixel-size", "0.1", "--z-step", "0.2", "--numerical-aperture", "1.2"),
    *("--refractive-index", "1.33", "--wavelength", "0.5"),
]
DECONVOLVE = ["--track", "deconvolution", "--method", "richardson_lucy"]


def test_a_fluorescence_stack_is_deconvolved(fluorescence, tmp_path):
    output = tmp_path / "out.ome.tif"
    arguments = ["restore", str(fluorescence), "-o", str(output), *DECONVOLVE, *LENS]
    assert main([*arguments, "--offset", "100", "--photons-per-count", "1"]) == 0
    volume = read_volume(output)
    assert volume.array.shape == (12, 14, 15)
    assert volume.array.max() > 220  # sharper than what was recorded
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["numerical_aperture"] == 1.2
    assert record["noise"]["photons"] == 1
    assert record["stack"]["offset"] == 100


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["--numerical-aperture", "1.4"],
            "error: --numerical-aperture: 1.4 is not accepted; below the refractive index 1.33",
        ),
        (["--psf", "none.tif"], "error: --numerical-aperture: is not accepted beside --psf; one"),
        (["--read-noise", "2"], "error: --read-noise: is accepted beside --photons-per-count"),
        (["--background", "3"], "--background: is an option of track multifocus"),
        (["--photons-per-count", "0"], "--photons-per-count: 0 is not accepted"),
        (["--wavelength", "nan"], "--wavelength: nan is not accepted"),
        (["--offset", "1000"], "no grey value lies above the offset 1000"),
    ],
)
def test_a_mistake_about_a_fluorescence_stack_is_one_line(
    fluorescence, tmp_path, capsys, given, said
):
    output = tmp_path / "out.ome.tif"
    assert main(["restore", str(fluorescence), "-o", str(output), *DECONVOLVE, *LENS, *given]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not output.exists()


def test_a_missing_number_of_the_lens_is_named_as_an_option(fluorescence, tmp_path, capsys):
    output = tmp_path / "out.ome.tif"
    known = LENS[: LENS.index("--wavelength")]
    assert main(["restore", str(fluorescence), "-o", str(output), *DECONVOLVE, *known]) == 1
    assert capsys.readouterr().err == (
        "focusbench: error: --wavelength: is missing; a recording's PSF comes from --psf (a file) "
        "or from --numerical-aperture, --refractive-index, --wavelength together\n"
    )
    assert not output.exists()


def test_one_plane_is_no_fluorescence_stack(tmp_path, capsys):
    path, output = tmp_path / "plane.tif", tmp_path / "out.ome.tif"
    tifffile.imwrite(path, np.ones((14, 15), np.uint16))
    assert main(["restore", str(path), "-o", str(output), *DECONVOLVE, *LENS]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("holds one image; a fluorescence stack of at least two is wanted")
    assert not output.exists()
