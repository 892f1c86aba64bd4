"""The refocus track's input: OpenCV's own values, borders, aliasing, JPEG."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.optics import refocus_degradation as degradation

# Of cv2 5.0 on `noise()`: first channel of resize(fx=0.5, fy=0.5, INTER_CUBIC), and of
# GaussianBlur((5, 5), 3) after it.
HALVED = [
    [163, 86, 224, 11, 165, 152],
    [40, 145, 112, 156, 204, 169],
    [157, 133, 78, 36, 180, 67],
    [126, 157, 144, 150, 110, 178],
]
BLURRED = [
    [122, 115, 124, 129, 141, 136],
    [127, 121, 128, 137, 145, 141],
    [129, 120, 125, 126, 133, 128],
    [121, 120, 125, 130, 137, 139],
]


def noise(shape=(8, 12, 3)):
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def test_values_are_those_of_opencv():
    np.testing.assert_array_equal(degradation.half(noise())[..., 0], HALVED)
    np.testing.assert_array_equal(degradation.degrade(noise())[..., 0], BLURRED)


def test_planes_are_degraded_each_on_its_own():
    planes = noise((3, 8, 12, 3))
    together = degradation.degrade(planes)
    assert together.shape == (3, 4, 6, 3)
    for one, plane in zip(together, planes, strict=True):
        np.testing.assert_array_equal(one, degradation.degrade(plane))


def test_an_even_image_stays_and_values_beyond_the_range_are_cut():
    for grey in (0, 241, 255):
        even = np.full((8, 8, 3), grey, np.uint8)
        assert (degradation.degrade(even) == grey).all()
    edge = np.zeros((8, 8, 3), np.uint8)
    edge[:, 4:] = 255  # the cubic overshoots on both sides
    halved = degradation.half(edge)
    assert halved[0, :, 0].tolist() == [0, 0, 255, 255]


def test_weights_are_a_cubic_and_a_gaussian():
    a, x = -0.75, 0.5
    near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (1.5**3 - 5 * 1.5**2 + 8 * 1.5 - 4)
    np.testing.assert_array_equal(np.array(degradation.CUBIC) / 2048, [far, near, near, far])
    gaussian = np.exp(-(np.arange(-2, 3) ** 2) / 18)
    assert sum(degradation.BLUR) == 256
    np.testing.assert_allclose(degradation.BLUR, 256 * gaussian / gaussian.sum(), atol=1)


def test_fine_stripes_are_folded_not_smoothed():
    stripes = np.full((8, 24, 3), 100, np.uint8)
    stripes[:, ::3] = 200  # a third of a cycle a pixel: two thirds after halving, beyond its limit
    seen = degradation.half(stripes)[2, 2:-2, 0].astype(float)
    assert seen.max() - seen.min() > 60


def test_the_middle_of_an_odd_stack_is_the_input():
    planes = noise((3, 8, 12, 3))
    np.testing.assert_array_equal(degradation.middle(planes), planes[1])
    with pytest.raises(InputError, match="odd"):
        degradation.middle(planes[:2])
    with pytest.raises(InputError, match="odd"):
        degradation.middle(planes[0])


def test_jpeg_changes_little_and_each_plane_alone():
    y, x = np.mgrid[:16, :24]
    smooth = np.stack([100 + 4 * y, 90 + 3 * x, 80 + 2 * y + x], axis=-1).astype(np.uint8)
    planes = np.stack([smooth, smooth[::-1]])
    best, worst = (degradation.jpeg_round_trip(planes, quality) for quality in (95, 5))
    assert best.shape == planes.shape
    assert best.dtype == np.uint8
    errors = [np.abs(one.astype(int) - planes).mean() for one in (best, worst)]
    assert 0 < errors[0] < 2 < errors[1]
    np.testing.assert_array_equal(best[1], degradation.jpeg_round_trip(planes[1]))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((8, 8, 3)), "uint8"),
        (np.zeros((8, 8), np.uint8), "uint8"),
        (np.zeros((8, 8, 4), np.uint8), "uint8"),
        (np.zeros((7, 8, 3), np.uint8), "even"),
        (np.zeros((4, 8, 3), np.uint8), "at least 6"),
        ([[1]], "uint8"),
    ],
)
def test_what_cannot_be_degraded_is_refused(image, message):
    with pytest.raises(InputError, match=message):
        degradation.degrade(image)


@pytest.mark.parametrize("quality", [0, 101, 95.0, True])
def test_a_quality_that_is_none_is_refused(quality):
    with pytest.raises(InputError, match="quality"):
        degradation.jpeg_round_trip(noise(), quality)
