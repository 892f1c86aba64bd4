"""Fourier shell correlation against closed forms."""

import math

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.evaluation.fourier_shell import (
    DIRECTIONS,
    ShellCorrelation,
    fourier_shell_correlation,
    resolution,
    threshold_curve,
)

SHAPE = (24, 48, 40)
VOXEL = (0.9, 0.4, 0.5)


def white(seed, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape)


def frequencies(shape=SHAPE, voxel_size=VOXEL):
    """|kz| and lateral frequency of every coefficient of a complex transform."""
    kz, ky, kx = (np.fft.fftfreq(n, d) for n, d in zip(shape, voxel_size, strict=True))
    return np.abs(kz)[:, None, None], np.hypot(ky[:, None], kx)[None]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_identical_volumes_give_one(direction):
    volume = white(0)
    shells = fourier_shell_correlation(volume, 3 * volume + 7, VOXEL, direction=direction)
    assert shells.correlation == pytest.approx(1)
    assert resolution(shells) is None
    assert resolution(shells, "half_bit") is None


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_independent_noise_gives_zero_with_the_stated_error(direction):
    scaled = []
    for seed in range(40):
        shells = fourier_shell_correlation(
            white(seed), white(1000 + seed), VOXEL, direction=direction
        )
        many = shells.coefficients > 5
        assert many.sum() >= 8
        scaled.append((shells.correlation * np.sqrt(2 * shells.coefficients))[many])
    scaled = np.concatenate(scaled)
    # three standard errors of 1 / sqrt(2 n), and all but a stray one within 3 / sqrt(n)
    assert (np.abs(scaled) <= 3).mean() > 0.99
    assert (np.abs(scaled) <= 3 * math.sqrt(2)).mean() > 0.995
    assert abs(scaled.mean()) < 4 / math.sqrt(scaled.size)
    assert scaled.std() == pytest.approx(1, rel=0.1)


def test_signal_and_noise_of_known_ratio():
    shape, voxel_size = (32, 64, 64), (1.0, 0.5, 0.5)
    axial, lateral = frequencies(shape, voxel_size)
    square = axial**2 + lateral**2
    ratio = 4 * np.exp(-square / 0.5**2)  # of powers
    signal = np.fft.ifftn(np.sqrt(ratio) * np.fft.fftn(white(1, shape))).real
    one, two = signal + white(2, shape), signal + white(3, shape)
    shells = fourier_shell_correlation(one, two, voxel_size)
    expected = 4 * np.exp(-(shells.frequency**2) / 0.5**2)
    expected /= 1 + expected
    error = np.abs(shells.correlation - expected) * np.sqrt(2 * shells.coefficients)
    assert error.max() < 5
    assert np.sqrt(np.mean(error**2)) < 1.3
    # SNR = 1/6 where two halves correlate by 1/7
    crossing = 0.5 * math.sqrt(math.log(24))
    assert 1 / resolution(shells) == pytest.approx(crossing, rel=0.05)
    truth = fourier_shell_correlation(one, signal, voxel_size)
    assert truth.correlation == pytest.approx(np.sqrt(expected), abs=0.15)
    # a volume alone with a truth: SNR = 1/3 where they correlate by 1/2
    crossing = 0.5 * math.sqrt(math.log(12))
    assert 1 / resolution(truth, 0.5) == pytest.approx(crossing, rel=0.05)


@pytest.mark.parametrize(
    ("waves", "found_in"),
    [
        ((5, 0, 0), {"all", "axial"}),
        ((0, 7, 0), {"all", "lateral"}),
        ((0, 0, 6), {"all", "lateral"}),
    ],
)
def test_a_plane_wave_lies_in_the_shell_of_its_physical_frequency(waves, found_in):
    extent = [n * d for n, d in zip(SHAPE, VOXEL, strict=True)]
    places = np.meshgrid(*(np.arange(n) / n for n in SHAPE), indexing="ij")
    phase = sum(count * place for count, place in zip(waves, places, strict=True))
    wave = 0.2 * np.cos(2 * np.pi * phase + 0.4)
    frequency = math.hypot(*(count / length for count, length in zip(waves, extent, strict=True)))
    for direction in DIRECTIONS:
        shells = fourier_shell_correlation(
            wave + white(4), wave + white(5), VOXEL, direction=direction
        )
        width = 1 / extent[0] if direction == "axial" else 1 / max(extent[1:])
        own = np.abs(shells.frequency - frequency) <= 0.5001 * width
        if direction in found_in:
            assert own.sum() == 1
            assert shells.correlation[own] > 0.4
            away = np.abs(shells.frequency - frequency) > 2.5 * width
        else:
            away = np.ones(len(own), dtype=bool)
        error = np.abs(shells.correlation) * np.sqrt(2 * shells.coefficients)
        assert error[away].max() < 3.5


def test_shells_reach_the_nyquist_frequency_and_count_every_coefficient():
    shape, voxel_size = (10, 20, 20), (1.0, 0.5, 0.5)
    shells = fourier_shell_correlation(white(0, shape), white(1, shape), voxel_size)
    assert shells.frequency == pytest.approx(np.arange(1, 11) / 10)
    axial, lateral = frequencies(shape, voxel_size)
    frequency = np.sqrt(axial**2 + lateral**2)
    inside = (frequency > 0.05) & (frequency < 1.0499)
    assert shells.coefficients.sum() == pytest.approx(inside.sum() / 2)
    axial = fourier_shell_correlation(
        white(0, shape), white(1, shape), voxel_size, direction="axial"
    )
    assert axial.frequency == pytest.approx(np.arange(1, 6) / 10)


def test_lateral_and_axial_cones_share_nothing():
    shells = [
        fourier_shell_correlation(white(0), white(1), (0.5,) * 3, direction=d, cone=c)
        for d, c in (("lateral", 45), ("axial", 44.99))
    ]
    whole = fourier_shell_correlation(white(0), white(1), (0.5,) * 3)
    assert shells[0].coefficients.sum() < whole.coefficients.sum()
    narrow = fourier_shell_correlation(white(0), white(1), (0.5,) * 3, direction="axial", cone=10)
    assert narrow.coefficients.sum() < shells[1].coefficients.sum()


def test_what_both_volumes_lack_is_not_shared():
    flat = np.full(SHAPE, 0.1)
    shells = fourier_shell_correlation(flat, flat, VOXEL)
    assert (shells.correlation == 0).all()
    assert resolution(shells) == math.inf


def test_thresholds():
    shells = ShellCorrelation(np.arange(1, 4) / 10, np.zeros(3), np.array([1.0, 100.0, 1e12]))
    assert threshold_curve(shells, "one_seventh") == pytest.approx(1 / 7)
    half_bit = threshold_curve(shells, "half_bit")
    # printed: (0.2071 + 1.9102 / sqrt(n)) / (1.2071 + 0.9102 / sqrt(n))
    printed = [(0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root) for root in (1, 10, 1e6)]
    assert half_bit == pytest.approx(printed, abs=2e-4)
    assert threshold_curve(shells, 0.5) == pytest.approx(0.5)


def test_resolution_is_where_the_curve_first_falls_below():
    frequency, many = np.arange(1, 6) / 10, np.full(5, 1e9)
    shells = ShellCorrelation(frequency, np.array([1.0, 0.6, 0.4, 0.9, 0.1]), many)
    assert resolution(shells, 0.5) == pytest.approx(1 / 0.25)
    assert resolution(shells, 0.05) is None
    low = ShellCorrelation(frequency, np.array([0.1, 1, 1, 1, 1]), many)
    assert resolution(low, 0.5) == math.inf


def test_shells_of_a_few_coefficients_are_not_judged():
    shells = ShellCorrelation(
        np.arange(1, 5) / 10, np.array([-0.5, 0.9, 0.9, 0.0]), np.array([1.0, 9, 50, 100])
    )
    for threshold in ("one_seventh", "half_bit"):
        assert 1 / 0.4 < resolution(shells, threshold) < 1 / 0.3
    few = shells._replace(coefficients=np.full(4, 1.0))
    assert math.isnan(resolution(few))


def test_a_single_plane_has_lateral_shells_alone():
    plane = white(6, (1, 32, 32))
    shells = fourier_shell_correlation(plane, plane, (1.0, 0.5, 0.5))
    assert shells.correlation == pytest.approx(1)
    axial = fourier_shell_correlation(plane, plane, (1.0, 0.5, 0.5), direction="axial")
    assert len(axial.frequency) == 0
    assert math.isnan(resolution(axial))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"second": np.zeros((2, 3, 4))}, "equal shapes"),
        ({"first": np.zeros((3, 4)), "second": np.zeros((3, 4))}, "equal shapes"),
        ({"first": np.full(SHAPE, np.nan)}, "NaN"),
        ({"voxel_size": (1.0, 0.0, 1.0)}, "voxel size"),
        ({"direction": "x"}, "direction"),
        ({"cone": 90}, "cone"),
    ],
)
def test_bad_input_is_refused(change, words):
    arguments = {"first": np.zeros(SHAPE), "second": np.zeros(SHAPE), "voxel_size": VOXEL} | change
    with pytest.raises(InputError, match=words):
        fourier_shell_correlation(**arguments)


@pytest.mark.parametrize("threshold", ["one_bit", 0.0, 1.0])
def test_unknown_thresholds_are_refused(threshold):
    shells = ShellCorrelation(np.ones(1), np.ones(1), np.ones(1))
    with pytest.raises(InputError, match="threshold"):
        threshold_curve(shells, threshold)
