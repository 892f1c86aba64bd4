from itertools import pairwise

import numpy as np
import pytest

from focusbench.data import phantoms, registry, shapes, strokes
from focusbench.errors import InputError

ALL = registry.PHANTOMS


@pytest.mark.parametrize("sample", ALL)
@pytest.mark.parametrize("size", [32, 50, 128])
def test_structure_in_range(sample, size):
    volume = phantoms.density(sample, size, 11, settings={})
    assert volume.shape == (11, size, size)
    assert volume.dtype == np.float32
    assert volume.min() == 0
    assert 0.9 < volume.max() <= 1
    assert 0.02 < volume.mean() < 0.3
    # real depth: no two of the middle slices are nearly the same, and the rest is not all empty
    for lower, upper in pairwise(volume[3:8]):
        assert np.abs(upper - lower).max() > 0.15
    assert sum(plane.max() > 0.3 for plane in volume) >= 6


@pytest.mark.parametrize("sample", ALL)
def test_refined_phantom_is_the_same_object_on_a_finer_grid(sample):
    coarse = phantoms.density(sample, 32, 11, settings={})
    fine = phantoms.density(sample, 32, 11, refine=2, settings={})
    assert fine.shape == (22, 64, 64)
    np.testing.assert_array_equal(fine, phantoms.density(sample, 64, 22, settings={}))
    thrice = phantoms.density(sample, 32, 11, refine=3, settings={})
    np.testing.assert_allclose(thrice[1::3, 1::3, 1::3], coarse, atol=1e-5)  # the cells' middles


@pytest.mark.parametrize("sample", ALL)
def test_soft_edges_make_a_sample_speak_for_its_voxel(sample, monkeypatch):
    def error():
        """Of a sample at the voxel's middle against the mean over the voxel, at 64 voxels."""
        sampled = phantoms.density(sample, 64, 11, settings={})
        averaged = phantoms.density(sample, 64, 11, refine=3, settings={})
        averaged = averaged.reshape(11, 3, 64, 3, 64, 3).mean(axis=(1, 3, 5))
        return np.sqrt(np.mean((sampled - averaged) ** 2) / np.mean(averaged**2))

    soft, cover = error(), shapes.cover
    monkeypatch.setattr(shapes, "cover", lambda distance, edge=0: cover(distance, 1e-9))
    assert soft < 0.22
    assert soft < 0.5 * error()


@pytest.mark.parametrize("sample", ALL)
def test_seeds(sample):
    first = phantoms.density(sample, 16, 4, settings={})
    np.testing.assert_array_equal(first, phantoms.density(sample, 16, 4, settings={"seed": 0}))
    assert not np.array_equal(first, phantoms.density(sample, 16, 4, settings={"seed": 1}))


def test_options_of_other_sources_have_no_effect():
    plain = phantoms.density("cell", 16, 4, settings={})
    other = phantoms.density("cell", 16, 4, antialias=True, depth="resize", settings={})
    np.testing.assert_array_equal(plain, other)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"sample": "cells"}, "unknown sample 'cells'; known: ellipsoids, vessels, cell"),
        ({"size": 4}, "size: 4 is not accepted"),
        ({"size": 2000}, "size: 2000 is not accepted"),
        ({"refine": 17}, "refine: 17 is not accepted"),
        ({"depth": "some"}, "depth: 'some' is not accepted"),
        ({"settings": {"seed": -1}}, "seed -1 is not accepted"),
        ({"settings": {"seed": "a"}}, "seed 'a' is not accepted"),
    ],
)
def test_bad_requests(arguments, line):
    values = {"sample": "cell", "size": 16, "n_slices": 4, "settings": {}, **arguments}
    with pytest.raises(InputError, match=line):
        phantoms.density(values.pop("sample"), values.pop("size"), values.pop("n_slices"), **values)


def test_a_vessel_divides_its_flow():
    """Murray's law: the cubes of the branches' radii add up to that of their vessel."""
    rng = np.random.default_rng(0)
    tubes = phantoms._branch(rng, np.zeros(3), np.array([0.0, 0.0, 1.0]), 0.08)
    ends = {tuple(points[-1]): radii[-1] for points, radii in tubes}
    branches: dict[tuple, list[float]] = {}
    for points, radii in tubes[1:]:
        branches.setdefault(tuple(points[0]), []).append(radii[0])
    assert len(branches) > 3
    for place, radii in branches.items():
        assert len(radii) == 2
        assert sum(r**3 for r in radii) == pytest.approx(ends[place] ** 3)


def test_sphere_has_its_volume_and_a_soft_edge():
    field = shapes.grid(64, 64)
    volume = np.zeros(field.shape)
    shapes.paint_ellipsoid(volume, field, np.array([0.1, -0.2, 0.3]), np.full(3, 0.5), 1.0)
    assert volume.sum() * (2 / 64) ** 3 == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.005)
    assert ((volume > 0) & (volume < 1)).any()


def test_distance_to_an_ellipsoid():
    semi_axes = np.array([0.2, 0.3, 0.6])
    field = shapes.grid(128, 128)
    distance = shapes.ellipsoid(field, np.zeros(3), semi_axes, turn=np.pi / 2)
    axis = field.y.ravel()
    along = distance[64, :, 64]  # turned: the long axis lies in y
    near = np.abs(np.abs(axis) - 0.6) < 0.03
    np.testing.assert_allclose(along[near], np.abs(axis[near]) - 0.6, atol=2e-3)
    centre = shapes.Grid(*[np.zeros((1, 1, 1))] * 3)
    assert shapes.ellipsoid(centre, np.zeros(3), semi_axes).item() == -0.2


def test_tube_keeps_its_distance_and_taper():
    field = shapes.grid(64, 8)
    distance = np.full(field.shape, np.inf)
    points = np.array([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]])
    shapes.join_tubes(distance, field, [(points, np.array([0.1, 0.2]))], margin=5.0)
    z, y, x = np.broadcast_arrays(*field)
    across = np.hypot(z, y)
    between = np.abs(x) <= 0.5
    expected = across - (0.15 + 0.1 * x)
    np.testing.assert_allclose(distance[between], expected[between], atol=1e-12)
    beyond = x > 0.5
    expected = np.sqrt(across**2 + (x - 0.5) ** 2) - 0.2
    np.testing.assert_allclose(distance[beyond], expected[beyond], atol=1e-12)


def test_shapes_outside_the_grid_are_no_fault():
    field = shapes.grid(16, 4)
    volume = np.zeros(field.shape)
    shapes.paint_ellipsoid(volume, field, np.array([3.0, 0, 0]), np.full(3, 0.5), 1.0)
    assert not volume.any()


@pytest.mark.parametrize("name", [*strokes.LETTERS, " "])
def test_letters_stay_in_their_box(name):
    for stroke in strokes.letter(name):
        assert stroke.shape[1] == 2
        assert len(stroke) >= 2
        assert stroke.min() >= 0
        assert stroke[:, 0].max() <= strokes.WIDTH
        assert stroke[:, 1].max() <= strokes.HEIGHT
