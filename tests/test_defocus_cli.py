"""`focusbench restore` and `focusbench levels` on a defocused image, without the workflow."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from focusbench import config as configuration
from focusbench import methods, running
from focusbench.__main__ import main
from focusbench.images import read_volume, write_volume
from focusbench.tracks.defocus import levels, recording
from focusbench.training.patches import LevelFields
from focusbench.training.splits import Image, Split
from focusbench.training.weights import load_weights, save_weights

TRACK = ["--track", "defocus", "--method"]
LENS = {**recording.NOMINAL, "pixel_size": 0.65}
SMALL = ["--patch", "32", "--pixel-size", "0.65", "--subsamples", "1"]
BLOCKED = ("snakemake", "jsonschema", "yaml", "pandas", "rich", "matplotlib", "imagecodecs")


def counts(shape=(50, 60), seed=0):
    """A field with one soft nucleus on a camera's offset."""
    y, x = np.indices(shape)
    spot = 2000 * np.exp(-((y - 20) ** 2 + (x - 25) ** 2) / 90)
    return np.random.default_rng(seed).poisson(100 + spot).astype(np.uint16)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, counts(), photometric="minisblack")
    return path


def untrained(path, lens=LENS, **parameters):
    """Write weights of a predictor of 11 levels and background that has learned nothing."""
    given = {"width": 0.0625, "side": 32, "per_image": 1, "epochs": 0, **parameters}
    fields = {"one": np.stack([counts((32, 32), seed) for seed in range(11)])}
    data = LevelFields(fields, Split((Image("one", 3),), (), ()), 0, lens)
    how = {"device": "cpu", "threads": 1, "budget_seconds": None}
    save_weights(path, methods.build("delpnet", given).fit(data, running.make_run(how, 0)))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return untrained(tmp_path_factory.mktemp("weights") / "model.safetensors")


def written(folder):
    return sorted(path.name for path in folder.iterdir())


def run(image, output, *arguments, small=SMALL):
    return main(["restore", str(image), "-o", str(output), *small, *TRACK, *arguments])


def test_the_nominal_optics_are_those_of_the_quick_preset():
    section = configuration.preset("quick")["tracks"]["defocus"]
    optics = {key: value for key, value in section["optics"].items() if key != "pixel_size"}
    assert optics == recording.NOMINAL
    assert section["patch"] == recording.PATCH


def test_a_level_of_ones_own_needs_no_weights(image, tmp_path):
    output = tmp_path / "out.ome.tif"
    assert run(image, output, "depth_variant_field", "--set", "level=4") == 0
    restored = read_volume(output, "YX")
    assert (restored.array.shape, restored.voxel_size) == ((50, 60), (0.65, 0.65))
    assert restored.array.max() > counts().max()  # sharper than what was recorded
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["parameters"]["level"] == 4
    assert record["stack"]["pixel_size"] == 0.65
    assert (record["numerical_aperture"], record["step"], record["patch"]) == (0.5, 2.0, 32)
    assert written(tmp_path) == ["image.tif", "out.json", "out.ome.tif", "out.trace.csv"]


def test_levels_are_predicted_in_the_same_call_without_the_workflows_packages(
    image, weights, tmp_path
):
    blocker = tmp_path / "site" / "sitecustomize.py"
    blocker.parent.mkdir()
    blocker.write_text(f"import sys\nfor name in {BLOCKED!r}:\n    sys.modules[name] = None\n")
    command = [sys.executable, "-m", "focusbench", "restore", image, "-o", tmp_path / "o.ome.tif"]
    tifffile.imwrite(image, counts((90, 100)), photometric="minisblack")  # patches of 84
    command += [*TRACK, "depth_variant_field", "--weights", weights, *SMALL[2:]]
    place = os.pathsep.join([str(blocker.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": place.rstrip(os.pathsep)}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "o.json").read_text())
    told = levels.read(tmp_path / "o.levels.csv")
    assert record["predictor"] == "delpnet"
    assert record["levels"] == recording.summary(told)
    assert sum(record["levels"].values()) == len(told.levels) == 2 * 2
    assert str(weights) in record["inputs_sha256"]
    assert "o.ome.tif" in written(tmp_path)


def test_a_predictor_alone(image, weights, tmp_path, capsys):
    output = tmp_path / "levels.csv"
    given = [str(image), "-o", str(output), "--weights", str(weights), "--patch", "32"]
    assert main(["levels", *given]) == 0
    told = levels.read(output)
    assert (told.shape, told.side, told.probabilities.shape) == ((50, 60), 32, (9, 12))
    np.testing.assert_allclose(told.probabilities.sum(axis=1), 1, atol=1e-4)
    found = recording.summary(told)
    assert capsys.readouterr().out == ", ".join(f"level {a}: {b}" for a, b in found.items()) + "\n"
    assert main(["levels", *given[:2], str(tmp_path / "levels.txt"), *given[3:]]) == 1
    assert "a name that ends in .csv" in capsys.readouterr().err
    assert written(tmp_path) == ["image.tif", "levels.csv"]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_weights_need_not_tell_their_dropout(image, tmp_path, dropout):
    model = untrained(tmp_path.parent / f"dropout{dropout}.safetensors", dropout=dropout)
    told = tmp_path / "levels.csv"
    mine = ["--weights", str(model)]
    assert main(["levels", str(image), "-o", str(told), *mine, "--patch", "32"]) == 0
    few = ["--set", "iterations=1"]
    assert run(image, tmp_path / "o.ome.tif", "depth_variant_field", *mine, *few) == 0
    assert (tmp_path / "o.levels.csv").read_text() == told.read_text()


OTHER_LENS = [
    (["--pixel-size", "0.5"], "--pixel-size: 0.5 is not accepted; delpnet of --weights learned wi"),
    (["--numerical-aperture", "0.4"], "--numerical-aperture: 0.4 is not accepted; delpnet"),
    (["--refractive-index", "1.33"], "--refractive-index: 1.33 is not accepted; delpnet"),
    (["--wavelength", "0.6"], "learned with 0.451 and cannot tell the levels of another lens"),
    (["--step", "1"], "--step: 1 is not accepted; delpnet"),
]


@pytest.mark.parametrize(("given", "said"), OTHER_LENS)
def test_a_predictor_knows_no_other_lens(image, weights, tmp_path, capsys, given, said):
    mine = ["depth_variant_field", "--weights", str(weights), *given]
    assert run(image, tmp_path / "o.ome.tif", *mine) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert written(tmp_path) == ["image.tif"]


def test_a_predictor_alone_knows_no_other_pixel(image, weights, tmp_path, capsys):
    large = tmp_path / "large.ome.tif"
    write_volume(large, counts().astype(np.float32), "YX", (0.9, 0.9))
    given = ["-o", str(tmp_path / "levels.csv"), "--weights", str(weights), "--patch", "32"]
    assert main(["levels", str(large), *given]) == 1
    assert "--pixel-size: 0.9 is not accepted; delpnet" in capsys.readouterr().err
    assert main(["levels", str(image), *given, "--pixel-size", "0.5"]) == 1
    assert "--pixel-size: 0.5 is not accepted; delpnet" in capsys.readouterr().err
    assert main(["levels", str(large), *given, "--pixel-size", "0.65"]) == 0  # the file is wrong


def test_of_older_weights_no_lens_is_known(image, tmp_path):
    model = untrained(tmp_path.parent / "older.safetensors", None)
    lens = ["--numerical-aperture", "0.4", "--set", "iterations=1"]
    mine = ["depth_variant_field", "--weights", str(model), *lens]
    assert run(image, tmp_path / "o.ome.tif", *mine) == 0


def test_a_predictor_is_known_by_its_weights(weights):
    name, parameters = recording.predictor_of(load_weights(weights))
    assert name == "delpnet"
    assert {key: parameters[key] for key in ("width", "side", "n_levels", "bg")} == {
        **{"width": 0.0625, "side": 32},
        **{"n_levels": 11, "bg": True},
    }


WRONG = [
    (["depth_variant_field"], "--weights: are missing; the method is told the levels of patches"),
    (["blind"], "or with --set predictor=None takes none for background"),
    (["depth_variant_field", "--weights", "none.safetensors"], "none.safetensors: no such file"),
    (["depth_variant_field", "--set", "predictor=oracle"], "predictor=oracle is not accepted"),
    (["depth_variant_field", "--weights", "{weights}", "--set", "level=3"], "beside --set level"),
    (["depth_variant_field", "--weights", "{foreign}"], "are of wiener; accepted are those of a"),
    (["delpnet", "--weights", "{weights}"], "delpnet restores nothing; `focusbench levels`"),
    (["wiener"], "--method: wiener belongs to another track; accepted: input, depth_"),
    (["input", "--numerical-aperture", "1.0"], "--numerical-aperture: 1.0 is not accepted; below"),
    (["input", "--wavelength", "nan"], "--wavelength: nan is not accepted"),
    (["input", "--patch", "8"], "--patch: 8 is not accepted; a number from 16 to 1024"),
    (["input", "--patch", "51"], "image.tif: is 60 x 50 pixels; at least 51 x 51 are wanted"),
    (["input", "--z-step", "1"], "--z-step: is an option of track multifocus; accepted in defocus"),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_a_mistake_is_one_line_and_no_file(image, weights, tmp_path, capsys, given, said):
    known = load_weights(weights)
    foreign = tmp_path.parent / "foreign.safetensors"
    save_weights(foreign, type(known)(known.tensors, {"method": "wiener"}))
    given = [one.format(weights=weights, foreign=foreign) for one in given]
    assert run(image, tmp_path / "o.ome.tif", *given) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("focusbench: error: ")
    assert said in line
    assert written(tmp_path) == ["image.tif"]


IMAGES = {
    "a 16-bit grey image is wanted": counts().astype(np.uint8),
    "RGB": np.stack([counts().astype(np.uint8)] * 3, axis=-1),
    "is constant": np.full((50, 60), 7, np.uint16),
    "is saturated": np.minimum(counts(), 255),
    "holds 2 images": np.stack([counts(), counts()]),
}


@pytest.mark.parametrize("said", list(IMAGES))
def test_an_image_that_cannot_be_used(image, tmp_path, capsys, said):
    colours = "rgb" if said == "RGB" else "minisblack"
    tifffile.imwrite(image, IMAGES[said], photometric=colours)
    assert run(image, tmp_path / "o.ome.tif", "input") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert written(tmp_path) == ["image.tif"]


def test_a_pixel_size_that_nobody_tells(image, tmp_path, capsys):
    assert run(image, tmp_path / "o.ome.tif", "input", small=["--patch", "32"]) == 1
    assert "does not tell its pixel size; set --pixel-size" in capsys.readouterr().err
