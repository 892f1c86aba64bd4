"""Enlarging: OpenCV's own values, where pixels lie, borders, and the way back from halving."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.optics import enlargement
from focusbench.optics.enlargement import enlarged, enlarged_unrounded
from focusbench.optics.refocus_degradation import half

# Of cv2 5.0 on `noise()`: first channel of resize(fx=2, fy=2, INTER_CUBIC).
OPENCV = [
    [132, 175, 251, 198, 46, 0],
    [125, 163, 228, 204, 104, 44],
    [114, 144, 193, 217, 202, 194],
    [65, 90, 132, 178, 205, 221],
    [0, 29, 77, 111, 110, 110],
    [41, 58, 87, 89, 63, 48],
    [166, 162, 157, 127, 88, 64],
    [241, 224, 199, 148, 102, 73],
]


def noise(shape=(4, 3, 3)):
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def test_values_are_those_of_opencv():
    np.testing.assert_array_equal(enlarged(noise())[..., 0], OPENCV)


def test_weights_are_the_cubic_a_quarter_of_a_pixel_off():
    a, x = -0.75, 0.25

    def cubic(x):
        inner = (a + 2) * x**3 - (a + 3) * x**2 + 1
        return inner if x < 1 else a * (x**3 - 5 * x**2 + 8 * x - 4)

    weights = [cubic(2 - x), cubic(1 - x), cubic(x), cubic(1 + x)]
    np.testing.assert_array_equal(np.array(enlargement.CUBIC) / 256, weights)


def test_a_ramp_goes_on_from_pixel_centres():
    # only a = -0.5 keeps a ramp: every value lies 12/256 of a step too far from its pixel
    ramp = np.tile(np.arange(12, dtype=np.uint8)[:, None, None] * 16, (1, 8, 3))
    places = np.repeat(np.arange(12), 2) + np.tile([-1, 1], 12) * (0.25 + 12 / 256)
    for image, axis in ((ramp, 0), (ramp.transpose(1, 0, 2), 1)):
        inside = np.moveaxis(enlarged_unrounded(image), axis, 0)[4:-4]
        wanted = np.broadcast_to(16 * places[4:-4, None, None], inside.shape)
        np.testing.assert_array_equal(inside, wanted)


def test_it_is_no_shift_against_halving():
    y, x = np.mgrid[:48, :48]
    waves = 128 + 60 * np.sin(y / 6.0) + 50 * np.cos(x / 5.0)
    image = np.repeat(np.rint(waves).astype(np.uint8)[..., None], 3, axis=2)
    inside = (slice(6, -6), slice(6, -6))
    away = enlarged(half(image)).astype(int) - image
    assert np.abs(away[inside]).max() <= 3
    shifted = np.roll(enlarged(half(image)), 1, axis=0).astype(int) - image
    assert np.abs(shifted[inside]).max() > 8


def test_even_images_stay_and_whole_values_are_the_others_rounded():
    assert (enlarged(np.full((3, 5, 3), 241, np.uint8)) == 241).all()
    image = np.where(noise() > 128, np.uint8(255), np.uint8(0))
    unrounded = enlarged_unrounded(image)
    assert unrounded.dtype == np.float32
    assert unrounded.min() < 0  # the cubic overshoots
    assert unrounded.max() > 255
    rounded = np.clip(np.floor(unrounded + 0.5), 0, 255)
    np.testing.assert_array_equal(enlarged(image), rounded)


def test_leading_axes_and_a_single_pixel():
    planes = noise((2, 4, 3, 3))
    np.testing.assert_array_equal(enlarged(planes)[1], enlarged(planes[1]))
    np.testing.assert_array_equal(
        enlarged(planes[:1, :1, :1]), np.tile(planes[:1, :1, :1], (1, 2, 2, 1))
    )


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), [1]]
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(InputError, match="uint8 of shape"):
        enlarged(image)
