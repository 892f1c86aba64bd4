"""`focusbench refocus`, and `focusbench restore --track refocus`, without the workflow."""

import json

import numpy as np
import pytest
import tifffile

from focusbench import methods, running
from focusbench.__main__ import main
from focusbench.images import read_volume
from focusbench.training.focal_fields import FocalFields
from focusbench.training.weights import load_weights, save_weights

HOW = {"device": "cpu", "threads": 1, "budget_seconds": None}
TINY = {"width": 2, "epochs": 0, "patch": 16, "adversarial_weight": 0}


def image(shape=(40, 56, 3), dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 256, shape).astype(dtype)


def untrained(path, method="mfpinet", **parameters):
    """Write weights for three planes that have learned nothing."""
    stack = image((3, 32, 32, 3))
    scale = 1 if method in ("deep_z", "mfpinet_hr_input") else 2
    data = FocalFields({"one": stack}, scale=scale, z_step=2.7, pixel_size=0.25)
    given = {**TINY, **parameters}
    save_weights(path, methods.build(method, given).fit(data, running.make_run(HOW, 0)))
    return path


@pytest.fixture
def place(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", image(), photometric="rgb")
    untrained(tmp_path / "model.safetensors")
    return tmp_path


def refocus(place, *arguments, image="image.tif", weights="model.safetensors", output="o.ome.tif"):
    known = ["refocus", str(place / image), "-o", str(place / output), "--quiet"]
    return main([*known, "--weights", str(place / weights), *arguments])


def said(capsys):
    return capsys.readouterr().err.strip().splitlines()


def test_the_stack_has_the_planes_and_the_size_that_the_weights_make(place, capsys):
    assert refocus(place, "--pixel-size", "0.5") == 0
    assert "3 planes of 112 x 80 pixels" in capsys.readouterr().out
    with tifffile.TiffFile(place / "o.ome.tif") as file:
        assert file.series[0].shape == (3, 80, 112, 3)
        text = file.ome_metadata
    assert 'PhysicalSizeZ="2.7"' in text
    assert 'PhysicalSizeX="0.25"' in text
    assert sorted(one.name for one in place.iterdir()) == [
        "image.tif",
        "model.safetensors",
        "o.ome.tif",
    ]


def test_it_makes_what_restore_makes(place):
    assert refocus(place) == 0
    arguments = ["restore", str(place / "image.tif"), "-o", str(place / "r.ome.tif")]
    arguments += ["--track", "refocus", "--method", "mfpinet"]  # as wide as the weights are
    assert main([*arguments, "--weights", str(place / "model.safetensors")]) == 0
    restored = read_volume(place / "r.ome.tif", "ZYXC").array
    with tifffile.TiffFile(place / "o.ome.tif") as file:
        made = file.series[0].asarray()
    assert np.array_equal(made, restored)
    assert json.loads((place / "r.json").read_text())["stack_made"] == {"planes": 3, "scale": 2}


@pytest.mark.parametrize(
    ("method", "parameters", "shape"),
    [("srgan", {"blocks": 1}, (80, 112, 3)), ("deep_z", {"width": 4}, (3, 40, 56, 3))],
)
def test_weights_of_every_learner_are_taken(place, method, parameters, shape):
    untrained(place / "other.safetensors", method, **parameters)
    assert refocus(place, weights="other.safetensors") == 0
    with tifffile.TiffFile(place / "o.ome.tif") as file:
        assert np.squeeze(file.series[0].asarray()).shape == shape


def test_other_pixels_than_those_learned_with_are_told(place, caplog):
    assert refocus(place, "--pixel-size", "0.3") == 0
    assert "pixels of 0.15 um, the weights learned with 0.25 um" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (image((40, 56)), "grey"),
        (image((40, 56, 4)), "RGB"),
        (image(dtype=np.uint16), "16"),
        (image((8, 8, 3)), "sides from 16 up"),
    ],
)
def test_grey_transparent_16_bit_and_tiny_images_are_refused_in_one_line(
    place, capsys, wrong, words
):
    kind = "rgb" if wrong.ndim == 3 else "minisblack"
    extra = {"extrasamples": ["unassalpha"]} if wrong.shape[-1] == 4 else {}
    tifffile.imwrite(place / "wrong.tif", wrong, photometric=kind, **extra)
    assert refocus(place, image="wrong.tif") == 1
    lines = said(capsys)
    assert len(lines) == 1
    assert "wrong.tif" in lines[0]
    assert words in lines[0]
    assert not list(place.glob("o.ome.tif*"))


def test_weights_of_something_else_are_refused_in_one_line(place, capsys):
    weights = load_weights(place / "model.safetensors")
    other = {**weights.description, "method": "delpnet"}
    save_weights(place / "delpnet.safetensors", type(weights)(weights.tensors, other))
    assert refocus(place, weights="delpnet.safetensors") == 1
    wider = {**weights.description, "width": 3}
    save_weights(place / "wider.safetensors", type(weights)(weights.tensors, wider))
    assert refocus(place, weights="wider.safetensors") == 1
    assert refocus(place, weights="image.tif") == 1
    lines = said(capsys)
    assert len(lines) == 3
    assert "belongs to 'delpnet'; accepted: weights of" in lines[0]
    assert "tensors are not those of" in lines[1]
    assert "safetensors file of FocusBench's own" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--block", "100"], "block is 100; a multiple of"),
        (["--pixel-size", "-1"], "pixel_size"),
        (["--threads", "0"], "--threads: 0 is not accepted"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(place, capsys, arguments, words):
    assert refocus(place, *arguments) == 1
    lines = said(capsys)
    assert len(lines) == 1
    assert words in lines[0]


def test_the_image_is_not_written_over(place, capsys):
    before = (place / "image.tif").read_bytes()
    (place / "image.ome.tif").write_bytes(before)
    assert refocus(place, image="image.ome.tif", output="image.ome.tif") == 1
    assert (place / "image.ome.tif").read_bytes() == before
    assert "would overwrite" in said(capsys)[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--focal-planes", "4"], "--focal-planes: 4 is not accepted; an odd number"),
        (["--focal-planes", "5"], "--focal-planes: 5 is not accepted; the weights say 3"),
        (["--scale", "3"], "--scale: 3 is not accepted; a number from 1 to 2"),
        (["--set", "width=3"], "the weights belong to the network"),
    ],
)
def test_restore_refuses_what_the_weights_cannot_do(place, capsys, arguments, words):
    known = ["restore", str(place / "image.tif"), "-o", str(place / "r.ome.tif")]
    known += ["--track", "refocus", "--method", "mfpinet"]
    known += ["--weights", str(place / "model.safetensors")]
    assert main([*known, *arguments]) == 1
    lines = said(capsys)
    assert len(lines) == 1
    assert words in lines[0]
    assert not (place / "r.ome.tif").exists()


def test_bicubic_needs_no_weights(place):
    arguments = ["restore", str(place / "image.tif"), "-o", str(place / "r.ome.tif")]
    arguments += ["--track", "refocus", "--method", "bicubic", "--focal-planes", "5"]
    assert main([*arguments, "--pixel-size", "0.5", "--z-step", "2"]) == 0
    made = read_volume(place / "r.ome.tif", "ZYXC")
    assert made.array.shape == (5, 80, 112, 3)
    assert made.voxel_size == pytest.approx((2.0, 0.25, 0.25))
