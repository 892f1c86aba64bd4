"""Beads, a ring and three cells."""

import numpy as np
import pytest

from focusbench import data
from focusbench.data import defocus_phantoms as phantoms
from focusbench.data import nuclei, registry
from focusbench.errors import InputError
from focusbench.evaluation.nuclei_count import centres


@pytest.mark.parametrize("sample", ["beads", "ring", "cells"])
def test_a_patch_of_counts(sample):
    image = phantoms.field(sample, {})
    assert image.shape == (84, 84)
    assert image.dtype == np.uint16
    assert image.min() >= 100
    assert 900 < image.max() < 1300
    assert np.array_equal(image, phantoms.field(sample))
    assert registry.get(sample).source == "defocus_phantoms"
    assert data.build("defocus_phantoms") is phantoms


def test_light_of_beads_is_that_of_solid_spheres():
    """Over its middle's, the light of a ball sums to 2 pi r^2 / 3."""
    image = phantoms.field("beads") - 100.0
    expected = sum(2 / 3 * np.pi * radius**2 for *_, radius in phantoms.BEADS)
    assert image.sum() / phantoms.PEAK == pytest.approx(expected, rel=0.01)
    for y, x, radius in phantoms.BEADS:
        near = image[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 3]
        assert near.max() > (850 if radius > 2 else 500)
    assert np.flatnonzero((image == 0).all(axis=1)).size > 0


def test_the_beads_lie_apart_and_inside():
    for y, x, radius in phantoms.BEADS:
        assert min(y, x) - radius > 4
        assert max(y, x) + radius < 79
        for top, left, other in phantoms.BEADS:
            apart = np.hypot(y - top, x - left)
            assert apart == 0 or apart > radius + other + 1


def test_the_ring_is_even_and_as_wide_as_told():
    image = phantoms.field("ring") - 100.0
    _, _, outer, inner = phantoms.RING
    assert image.sum() / phantoms.PEAK == pytest.approx(np.pi * (outer**2 - inner**2), rel=0.005)
    assert np.array_equal(image, image[::-1])
    assert np.array_equal(image, image.T)
    assert image[41, 41] == 0
    assert image[41, 41 + 23] == phantoms.PEAK


def test_three_cells_side_by_side():
    image = phantoms.field("cells")
    found = centres(image)
    assert len(found) == 3
    rim = np.concatenate([image[:3].ravel(), image[-3:].ravel(), image[:, :3].ravel()])
    rim = np.concatenate([rim, image[:, -3:].ravel()])
    assert rim.max() < 160 < np.percentile(image, 75)  # no other cell looks in
    settings = {"shape": phantoms.FIELD_SHAPE, "nuclei": [phantoms.FIELD_NUCLEI] * 2}
    scene = nuclei.draw(phantoms.FIELD, settings)
    inside = scene.centres - phantoms.CORNER
    inside = inside[((inside >= 0) & (inside < 84)).all(axis=1)]
    assert len(inside) == 3
    assert max(np.hypot(*(one - other)) for one in inside for other in inside) < 50
    assert phantoms.FIELD not in registry.names()


def test_others_are_refused():
    with pytest.raises(InputError, match="unknown sample 'star'; known: beads, ring, cells"):
        phantoms.field("star", {})
