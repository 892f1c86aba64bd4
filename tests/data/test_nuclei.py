"""Synthetic nuclei: what a field depends on, its camera, its nuclei, and the real fields."""

import importlib.util

import numpy as np
import pytest
from scipy import ndimage

from focusbench.data import bbbc006, nuclear_layout, nuclear_shapes, nuclei
from focusbench.errors import InputError

SMALL = {"shape": [120, 150], "nuclei": [60, 90]}


@pytest.fixture(scope="module")
def scenes():
    return [nuclei.draw(f"nuclei_{i}", {}) for i in range(1, 13)]


def test_a_field():
    image = nuclei.field("nuclei_1", {})
    assert image.shape == (520, 696)
    assert image.dtype == np.uint16
    assert image.min() > 80
    assert image.max() <= 4095
    assert nuclei.field("nuclei_1", SMALL).shape == (120, 150)


def test_a_field_depends_on_its_id_and_settings_alone():
    first = nuclei.field("nuclei_1", SMALL)
    np.random.default_rng(0).normal()
    others = [nuclei.field(name, SMALL) for name in ("nuclei_2", "nuclei_train1")]
    np.testing.assert_array_equal(first, nuclei.field("nuclei_1", SMALL))
    assert not np.array_equal(first, others[0])
    assert not np.array_equal(*others)
    np.testing.assert_array_equal(first, nuclei.field("nuclei_1", {**nuclei.RECIPE, **SMALL}))


def test_the_recipe_is_accepted_and_not_changed():
    before = dict(nuclei.RECIPE)
    nuclei.check(nuclei.RECIPE)
    nuclei.field("nuclei_1", SMALL)
    assert before == nuclei.RECIPE


def test_camera_noise_is_that_of_photons_and_of_the_reading():
    """Variance = gain x (counts - offset) + read noise^2 + 1/12 of rounding."""
    scene = nuclei.draw("nuclei_5", {"gain": 0.5, "read_noise": 2.0})
    excess = scene.image - scene.clean.astype(float)
    for low, high in ((0, 40), (300, 500), (600, 900)):
        light = scene.clean - 100.0
        here = (light >= low) & (light < high)
        assert here.sum() > 2000
        wanted = 0.5 * light[here].mean() + 2.0**2 + 1 / 12
        assert np.mean(excess[here] ** 2) == pytest.approx(wanted, rel=0.08)
        assert abs(excess[here].mean()) < 5 * np.sqrt(wanted / here.sum())


def test_without_camera_noise_counts_are_rounded_and_cut():
    scene = nuclei.draw("nuclei_5", {"camera_noise": False})
    expected = np.clip(np.rint(scene.clean), 0, 4095)
    assert np.abs(scene.image - expected).max() <= 1  # float32 on the edge of rounding
    assert (scene.image == expected).mean() > 0.999
    noisy = nuclei.draw("nuclei_5", {})
    np.testing.assert_array_equal(noisy.clean, scene.clean)


def test_an_empty_field_is_offset_background_and_lamp():
    settings = {"nuclei": [0, 0], "camera_noise": False, "illumination": 0.1, "background": 2000}
    means = []
    for name in "abcdefgh":
        scene = nuclei.draw(name, settings)
        assert len(scene.centres) == 0
        lamp = np.median(scene.clean - 100.0)  # over clumps and debris
        means.append(lamp)
        corners = [scene.clean[y, x] - 100 for y in (0, -1) for x in (0, -1)]
        # the slopes cancel: the mean of the corners has lost 0.1 (2 - 2/3), the middle won 0.1 2/3
        assert np.mean(corners) / 2000 == pytest.approx(1 - 0.1 * 4 / 3, abs=0.03)
    assert np.mean(means) == pytest.approx(2000, rel=0.02)


def test_the_light_of_a_nucleus_is_its_dna():
    def total(brightness):
        settings = {"brightness": brightness, "camera_noise": False, "background": 0}
        return float((nuclei.draw("nuclei_2", settings).clean - 100.0).sum())

    assert total(620e3) / total(310e3) == pytest.approx(2, rel=0.06)  # the glow does not follow


def test_number_and_places(scenes):
    counts = [len(scene.centres) for scene in scenes]
    assert min(counts) < 60
    assert max(counts) > 110
    for scene in scenes:
        assert (scene.centres >= 0).all()
        assert (scene.centres < scene.image.shape).all()
        if len(scene.centres) == 0:
            continue
        rows, columns = np.rint(scene.centres).astype(int).T.clip(0, [[519], [695]])
        lit = ndimage.uniform_filter(scene.clean, 3)[rows, columns] > 250
        assert lit.mean() > 0.95
    # as many for the area
    half = [len(nuclei.draw(f"n{i}", {"shape": [260, 696], "nuclei": [80, 80]}).centres)
            for i in range(6)]  # fmt: skip
    assert np.mean(half) == pytest.approx(40, rel=0.25)


def test_most_nuclei_do_not_overlap(monkeypatch):
    """Each mask adds its own share of what was taken before: little, unless it may overlap."""
    taken = []
    take = nuclear_layout._Canvas.take

    def counted(self, y, x, mask):
        taken.append(self.covered(y, x, mask))
        take(self, y, x, mask)

    monkeypatch.setattr(nuclear_layout._Canvas, "take", counted)
    nuclei.field("nuclei_7", {"nuclei": [150, 150]})
    assert len(taken) > 150
    assert np.mean(np.array(taken) <= 0.01) > 0.8
    assert max(taken) > 0.02


@pytest.mark.parametrize(("ratio", "angle"), [(1.0, 0.0), (2.0, 0.0), (2.0, np.pi / 2), (1.5, 0.7)])
def test_an_outline_without_waves_is_an_ellipse(monkeypatch, ratio, angle):
    monkeypatch.setattr(nuclear_shapes, "BLUNT", (2.0, 2.0))
    shape = nuclear_shapes.outline(np.random.default_rng(0), 900.0, ratio, angle, 0.0)
    inside = nuclear_shapes.radius(shape) < 1
    assert inside.sum() == pytest.approx(900, rel=0.02)
    y, x = np.nonzero(inside)
    y, x = y - y.mean(), x - x.mean()
    along = np.cos(angle) * x + np.sin(angle) * y
    assert along.var() == pytest.approx(shape.major**2 / 4, rel=0.03)
    assert not inside[[0, -1]].any()
    assert not inside[:, [0, -1]].any()


def test_grain_and_blur_keep_the_light():
    rng = np.random.default_rng(1)
    factor = nuclear_shapes.grain(rng, 400, 0.12)
    assert factor.mean() == pytest.approx(1, abs=0.002)
    assert factor.std() == pytest.approx(0.12, rel=0.01)
    patch = nuclear_shapes.blob(4.0, 2.0, 0.3)
    wide = nuclear_shapes.blurred(patch, 1.5)
    assert wide.sum() == pytest.approx(patch.sum(), rel=1e-3)
    assert wide.max() < patch.max()


def test_enlarging_is_linear_between_the_middles_of_blocks():
    small = np.add.outer(2.0 * np.arange(5), np.arange(6))
    large = nuclear_layout.enlarged(small, 8, (40, 48))
    places = (np.arange(48) + 0.5) / 8 - 0.5
    inner = (places >= 0) & (places <= 5)
    np.testing.assert_allclose(large[20, inner] - large[20, 4], (places - places[4])[inner])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("shape", [520], "two whole numbers"),
        ("shape", [520, 31], "two whole numbers from 32"),
        ("shape", [520, 696.0], "two whole numbers"),
        ("nuclei", [5, 3], "least and most"),
        ("nuclei", [-1, 3], "least and most"),
        ("nuclei", 40, "least and most"),
        ("nuclei", [1, float("nan")], "least and most"),
        ("brightness", -1, "counts"),
        ("brightness", None, "counts"),
        ("offset", 5000, "counts from 0 to 4095"),
        ("background", "20", "counts"),
        ("illumination", 0.5, "0 to 0.4"),
        ("gain", 0, "counts an electron"),
        ("read_noise", float("inf"), "0 or more"),
        ("camera_noise", 1, "true or false"),
    ],
)
def test_settings_that_are_refused(key, value, message):
    with pytest.raises(InputError, match=f"^nuclei: {key} is .*accepted: .*{message}"):
        nuclei.field("one", {key: value})


def test_it_looks_like_the_real_fields(real_data, root, scenes):
    """Medians over nine real and twelve synthetic fields; more in benchmarks/nuclei.py."""
    path = root / "benchmarks" / "nuclei.py"
    spec = importlib.util.spec_from_file_location("benchmark_nuclei", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    real = benchmark.statistics([bbbc006.read(f) for f in bbbc006.fields(real_data / "bbbc006")])
    mine = benchmark.statistics([scene.image for scene in scenes])
    middle = {name: (real[name][0][2], mine[name][0][2]) for name in real}
    for name, within in {
        "nuclei a field": 0.35,
        "cover %": 0.35,
        "background": 0.06,
        "std of a field": 0.2,
        "area px": 0.08,
        "axis ratio": 0.06,
        "solidity": 0.01,
        "brightness": 0.1,
        "light / 1000": 0.1,
        "contrast": 0.12,
        "fine": 0.12,
    }.items():
        assert middle[name][1] == pytest.approx(middle[name][0], rel=within), name
    np.testing.assert_allclose(mine["rim 1 .. 7 px"][0], real["rim 1 .. 7 px"][0], atol=0.06)
    np.testing.assert_allclose(mine["halo 1 .. 50 px"][0], real["halo 1 .. 50 px"][0], atol=15)
    np.testing.assert_allclose(mine["log10 power"][0], real["log10 power"][0], atol=0.5)
    np.testing.assert_allclose(mine["log10 power"][0][3:], real["log10 power"][0][3:], atol=0.3)
