"""Synthetic cytology: what a field depends on, its slides, its camera, its focus and colours."""

import importlib.util

import numpy as np
import pytest
from scipy import ndimage

from focusbench.data import cytology, cytology_layout, cytology_names, cytology_slides
from focusbench.data.cytology_brush import Body, Brush
from focusbench.data.cytology_rendering import Slices
from focusbench.data.cytology_texture import Textures
from focusbench.errors import InputError

TEXTURES = Textures(5, 0.243)
SMALL = {"shape": [48, 40], "planes": 1}


@pytest.fixture(scope="module")
def scene():
    return cytology.draw("cytology_s2_f1", {"shape": (224, 224), "camera_noise": True})


def test_a_stack():
    found = cytology.stack("cytology_s1_f1", {"shape": [64, 48], "planes": 3})
    assert found.shape == (3, 64, 48, 3)
    assert found.dtype == np.uint8


def test_a_stack_depends_on_its_id_and_settings_alone():
    first = cytology.stack("cytology_s1_f1", SMALL)
    np.random.default_rng(0).normal()
    others = [cytology.stack(name, SMALL) for name in ("cytology_s1_f2", "cytology_s2_f1")]
    assert not np.array_equal(first, others[0])
    assert not np.array_equal(*others)
    whole = {**cytology.RECIPE, **SMALL}
    np.testing.assert_array_equal(first, cytology.draw("cytology_s1_f1", whole).stack)


def test_planes_and_colours_may_be_another_number_and_the_scene_stays():
    settings = {"shape": [64, 48], "camera_noise": False}
    three = cytology.draw("cytology_s1_f1", {**settings, "planes": 3, "z_step": 2.7})
    one = cytology.stack("cytology_s1_f1", {**settings, "planes": 1})
    np.testing.assert_array_equal(three.stack[1], one[0])
    np.testing.assert_array_equal(three.stack, np.rint(three.clean))


def test_slides_are_split_and_differ():
    numbers = [slide for slides in cytology_names.SPLIT.values() for slide in slides]
    assert len(set(numbers)) == len(numbers) == 6
    assert [len(cytology_names.SPLIT[use]) for use in ("train", "test")] == [3, 2]
    styles = [cytology_slides.style(slide) for slide in numbers]
    for style in styles:
        assert sum(style.mix.values()) == pytest.approx(1)
        assert np.abs(style.background - 240).max() < 5
    greens = np.array([style.stains["green"] for style in styles])
    assert (greens.std(axis=0) / greens.mean(axis=0) > 0.02).all()
    assert len({round(style.cover, 3) for style in styles}) == 6


def test_ids():
    assert cytology_names.parse(cytology_names.name(3, 12)) == (3, 12)
    for wrong in ("cytology_s0_f1", "cytology_s1", "cytology_s1_f01", "nuclei_test1", "x"):
        with pytest.raises(InputError, match="cytology_s1_f1"):
            cytology.stack(wrong, SMALL)


def test_camera_noise_is_that_of_photons_and_of_the_reading(scene):
    """Variance = grey value x 255 / electrons + reading^2 + 1/12 of rounding."""
    excess = scene.stack - scene.clean.astype(np.float64)
    for low, high in ((90, 160), (190, 225), (230, 246)):
        here = (scene.clean >= low) & (scene.clean < high)
        assert here.sum() > 10_000
        wanted = scene.clean[here].mean() * 255 / 40_000 + 0.5**2 + 1 / 12
        assert np.mean(excess[here] ** 2) == pytest.approx(wanted, rel=0.05)


def test_bodies_come_into_focus_at_planes_of_their_own(scene):
    grey = scene.clean.mean(axis=-1)
    energy = np.stack([ndimage.gaussian_laplace(plane, 1.2) ** 2 for plane in grey])
    blocks = energy.reshape(11, 7, 32, 7, 32).mean(axis=(2, 4)).reshape(11, -1)
    sharp = blocks.max(axis=0) > 4 * np.median(blocks, axis=0)
    best = blocks.argmax(axis=0)[sharp]
    assert sharp.sum() > 15
    assert len(set(best.tolist())) >= 3  # not one focus for all
    assert ((best >= 3) & (best <= 7)).mean() > 0.9
    assert blocks[0].mean() < 0.1 * blocks[5].mean()  # 13.5 um away all is blurred


def test_the_slide_has_its_stains_colours(scene):
    """Cyan and pink cytoplasm, dark bluish nuclei, an empty background near 240."""
    plane = scene.clean[5].reshape(-1, 3).astype(float)
    absorbed = -np.log(plane / scene.style.background)
    nuclei = absorbed[:, 0] > 1.0
    assert 0.005 < nuclei.mean() < 0.25
    red, _, blue = np.median(plane[nuclei], axis=0)
    assert blue > red
    pale = (absorbed.sum(axis=1) > 0.2) & ~nuclei
    shares = np.bincount(absorbed[pale].argmax(axis=1), minlength=3) / len(plane)
    assert shares[0] > 0.03  # cyan
    assert shares[1] > 0.03  # pink
    empty = np.abs(absorbed).sum(axis=1) < 0.01
    assert empty.mean() > 0.02


def test_keratin_is_orange():
    style = cytology_slides.style(1)._replace(orange=1.0)
    slices = Slices((180, 180), 0.243, 0.9)
    body = Body("superficial", 21.0, 21.0, 0.0, 18.0, 3)
    cytology.DRAWN["superficial"](Brush(slices, style, TEXTURES), body)
    red, green, blue = sum(slices.matter.values())[:3, 60:140, 60:140].mean(axis=(1, 2))
    assert red < green < blue


@pytest.mark.parametrize("kind", list(cytology.DRAWN))
def test_every_kind_of_body_is_drawn_from_its_seed_and_within_its_reach(kind):
    drawn = []
    for place in (15.0, 15.0 + 20 * 0.243):
        slices = Slices((120, 120), 0.243, 0.9)
        brush = Brush(slices, cytology_slides.style(2), TEXTURES)
        radius = cytology_layout.RADII.get(kind, (3.0, 0))[0]
        body = Body(kind, place, place, 0.3, radius, 11)
        cytology.DRAWN[kind](brush, body)
        whole = sum(slices.matter.values())
        assert np.isfinite(whole).all()
        assert whole[:3].max() > 0.02
        assert whole.min() >= 0
        y, x = np.nonzero(whole[0])
        middle = place / 0.243 + slices.margin
        assert np.hypot(y - middle, x - middle).max() < cytology_layout.reach(body) / 0.243 + 2
        drawn.append(whole)
    # the same body, 20 pixels on: parts of a large field meet
    np.testing.assert_allclose(drawn[1][:, 90:160, 90:160], drawn[0][:, 70:140, 70:140], atol=1e-4)


def test_parts_of_a_large_field_meet(monkeypatch):
    settings = {"shape": [96, 96], "planes": 1, "camera_noise": False}
    whole = cytology.draw("cytology_s2_f3", settings).clean
    monkeypatch.setattr(cytology, "TILE", 48)
    parts = cytology.draw("cytology_s2_f3", settings).clean
    assert np.abs(whole - parts).max() < 1.0  # grey values; the noise is 1.3


def test_the_first_cell_lies_near_the_middle():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        first = cytology_layout.bodies(rng, cytology_slides.style(1), (62.0, 50.0))[0]
        assert first.kind in cytology_slides.MIX
        assert 0.3 * 62 < first.y < 0.7 * 62
        assert 0.3 * 50 < first.x < 0.7 * 50


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shape", [64]),
        ("shape", [64, 16]),
        ("shape", [64, 48.0]),
        ("planes", 10),
        ("planes", 0),
        ("planes", True),
        ("z_step", 0),
        ("pixel_size", "0.243"),
        ("numerical_aperture", 1.4),
        ("condenser_aperture", 0),
        ("wavelengths", [0.6, 0.5]),
        ("axial_colour", [0, 0, float("nan")]),
        ("electrons", -1),
        ("camera_noise", 1),
    ],
)
def test_a_setting_that_is_none_is_refused(key, value):
    with pytest.raises(InputError, match=f"cytology: {key} is"):
        cytology.stack("cytology_s1_f1", {**SMALL, key: value})


def test_the_benchmark_measures_what_it_says(root):
    spec = importlib.util.spec_from_file_location("bench", root / "benchmarks/cytology.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    rng = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(384)], indexing="ij"))
    frequency[0, 0] = 1
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(384, 384))) * frequency**-1.5).real
    assert bench.slope(np.repeat(noise[..., None], 3, -1)) == pytest.approx(-3, abs=0.3)
    image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert (
        bench.enlarged(np.full((4, 4, 3), 7, np.uint8)).tolist() == np.full((8, 8, 3), 7).tolist()
    )
    assert bench.psnr(image, image + 1.0) == pytest.approx(48.13, abs=0.01)
