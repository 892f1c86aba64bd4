"""Point-spread functions against closed forms, plain quadrature and published widths."""

import numpy as np
import pytest
from scipy.special import j0, j1, jv, roots_legendre

from focusbench.errors import InputError
from focusbench.optics import bessel_beams, psf, pupils

# Wavelength, aperture, index; shape and voxel size (z, y, x).
SETTINGS = [
    ((0.5, 1.4, 1.5), (15, 31, 31), (0.1, 0.1, 0.1)),
    ((0.451, 0.5, 1.0), (12, 20, 20), (2.0, 0.65, 0.65)),
    ((0.61, 1.2, 1.33), (18, 24, 17), (0.25, 0.1, 0.13)),
    ((0.7, 1.49, 1.515), (9, 33, 32), (0.3, 0.07, 0.07)),
    ((0.52, 0.1, 1.0), (7, 15, 16), (40.0, 1.0, 1.2)),
]
MODELS = [psf.born_wolf, psf.debye, psf.richards_wolf]


def axes(shape, voxel_size):
    """Coordinates of voxels, um, from the centre."""
    pairs = zip(shape, voxel_size, strict=True)
    return [(np.arange(n) - (n - 1) / 2) * step for n, step in pairs]


def nodes_400(first, last):
    node, weight = np.polynomial.legendre.leggauss(400)
    half = (last - first) / 2
    return first + half * (node + 1), weight * half


def plain(model, optics, shape, voxel_size):
    """The model's integral as its paper writes it: 400 nodes, every voxel, one plane at a time."""
    wavelength, aperture, index = optics
    z, y, x = axes(shape, voxel_size)
    radius = np.hypot(y[:, None], x)
    if model is psf.born_wolf:
        k = 2 * np.pi / wavelength
        rho, weight = nodes_400(0, 1)
        bessel = j0(k * aperture * radius[..., None] * rho)
        planes = []
        for depth in z:
            wave = weight * rho * np.exp(-0.5j * k * aperture**2 / index * rho**2 * depth)
            planes.append(np.abs(bessel @ wave) ** 2)
    else:
        k = 2 * np.pi * index / wavelength
        theta, weight = nodes_400(0, np.arcsin(aperture / index))
        sine, cosine = np.sin(theta), np.cos(theta)
        argument = k * radius[..., None] * sine
        if model is psf.debye:
            terms = [(1, j0(argument), np.ones_like(sine))]
        else:
            root = np.sqrt(cosine)
            terms = [
                (1, j0(argument), root * (1 + cosine)),
                (2, j1(argument), root * sine),
                (1, jv(2, argument), root * (1 - cosine)),
            ]
        planes = []
        for depth in z:
            wave = weight * sine * np.exp(1j * k * cosine * depth)
            planes.append(sum(s * np.abs(b @ (wave * g)) ** 2 for s, b, g in terms))
    volume = np.stack(planes)
    return volume / volume.sum()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("optics", "shape", "voxel_size"), SETTINGS)
def test_models_equal_their_integral_by_400_nodes(model, optics, shape, voxel_size):
    made = model(shape, voxel_size, *optics)
    expected = plain(model, optics, shape, voxel_size)
    assert made.dtype == np.float64
    assert made.shape == shape
    assert np.abs(made - expected).max() < 1e-9 * expected.max()


@pytest.mark.parametrize(("optics", "shape", "voxel_size"), SETTINGS)
def test_born_wolf_in_focus_is_the_airy_pattern(optics, shape, voxel_size):
    wavelength, aperture, _ = optics
    _, y, x = axes(shape, voxel_size)
    v = 2 * np.pi / wavelength * aperture * np.hypot(y[:, None], x)
    airy = (2 * j1(v) / np.where(v == 0, 1, v)) ** 2
    airy[v == 0] = 1
    airy /= airy.sum()
    made = psf.born_wolf(shape[1:], voxel_size[1:], *optics)
    assert np.abs(made - airy).max() < 1e-9 * airy.max()


@pytest.mark.parametrize(("optics", "shape", "voxel_size"), SETTINGS)
def test_born_wolf_on_the_axis_is_a_squared_sinc(optics, shape, voxel_size):
    wavelength, aperture, index = optics
    n_planes, step = 10 * shape[0], voxel_size[0]
    (z,) = axes((n_planes,), (step,))
    u = 2 * np.pi / wavelength * aperture**2 / index * z
    axis = np.sinc(u / 4 / np.pi) ** 2  # numpy's sinc(t) is sin(pi t) / (pi t)
    axis /= axis.sum()
    made = psf.born_wolf((n_planes, 1, 1), (step, 1, 1), *optics)
    assert np.abs(made[:, 0, 0] - axis).max() < 1e-9 * axis.max()


WIDTHS = [  # nm, lateral and axial: at 1.4, 1.5, 500 nm, and at 0.5, 1, 451 nm
    (psf.born_wolf, {}, (183.75, 677.98), (464.08, 3196.30)),
    (psf.born_wolf, {"convention": "printed"}, (275.62, 1016.97), (464.08, 3196.30)),
    (psf.debye, {}, (170.20, 460.69), (458.31, 2982.19)),
    (psf.richards_wolf, {}, (202.15, 476.34), (473.16, 2984.81)),
]


@pytest.mark.parametrize(("model", "options", "high", "low"), WIDTHS)
def test_full_widths_at_half_maximum(model, options, high, low):
    for optics, expected in (((0.5, 1.4, 1.5), high), ((0.451, 0.5, 1.0), low)):
        for axis, width in zip((2, 0), expected, strict=True):
            step = width / 1000 / 50
            shape = [1, 1, 1]
            shape[axis] = 151
            profile = model(shape, (step,) * 3, *optics, **options).ravel()
            assert 1000 * psf.fwhm(profile, step) == pytest.approx(width, rel=1e-4)


def test_full_widths_of_born_wolf_follow_the_closed_forms():
    wavelength, aperture, index = 0.6, 0.9, 1.33
    lateral = psf.born_wolf((1, 201), (1, 0.004), wavelength, aperture, index)
    axial = psf.born_wolf((201, 1, 1), (0.02, 1, 1), wavelength, aperture, index)
    assert psf.fwhm(lateral[0], 0.004) == pytest.approx(0.51450 * wavelength / aperture, rel=2e-5)
    expected = 1.77179 * index * wavelength / aperture**2
    assert psf.fwhm(axial[:, 0, 0], 0.02) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("profile", [[2, 1, 0, 0, 0], [[0, 1, 0, 0]], [0, np.nan, 1, 0], [1, 2]])
def test_a_profile_without_two_flanks_is_refused(profile):
    with pytest.raises(InputError, match="FWHM"):
        psf.fwhm(profile, 0.1)


def test_printed_convention_is_the_standard_one_n_times_wider():
    shape, index = (11, 16, 16), 1.5
    printed = psf.born_wolf(shape, (0.15, 0.15, 0.15), 0.5, 1.4, index, "printed")
    assert np.allclose(printed, psf.born_wolf(shape, (0.1,) * 3, 0.5, 1.4, index), rtol=1e-9)
    # With the wave number of the medium in place of that in vacuum, it is the standard one.
    medium = psf.born_wolf(shape, (0.1,) * 3, 0.5 / index, 1.4, index, "printed")
    assert np.allclose(medium, psf.born_wolf(shape, (0.1,) * 3, 0.5, 1.4, index), rtol=1e-9)


def test_every_plane_of_born_wolf_carries_the_same_light():
    """lambda^2 / (pi NA^2) for a peak of 1; beyond v the share 2 / (pi v) is still to come."""
    wavelength, aperture, index = 0.5, 1.4, 1.5
    reach = 100.0
    node, weight = roots_legendre(2500)
    radius, weight = reach * (node + 1) / 2, reach * weight / 2
    pupil = pupils.born_wolf(wavelength, aperture, index, "standard")
    beams = bessel_beams.discretise(pupil, reach, 3.0)
    planes = bessel_beams.intensity(beams, radius, np.array([0.0, 0.5, 1.5, 3.0]))
    light = planes @ (2 * np.pi * radius * weight)
    total = wavelength**2 / (np.pi * aperture**2)
    rest = 2 / (np.pi * (2 * np.pi / wavelength) * aperture * reach)
    assert light / total == pytest.approx(1 - rest, abs=2e-6)


def test_share_of_light_in_31_pixels():
    wavelength, aperture = 0.5, 1.4
    volume = psf.born_wolf((31,) * 3, (0.1,) * 3, wavelength, aperture, 1.5)
    share = volume.sum(axis=(1, 2)) / volume.max() * 0.1**2 * np.pi * aperture**2 / wavelength**2
    assert share[15] == pytest.approx(0.979, abs=5e-4)
    assert share[[0, 30]] == pytest.approx(0.944, abs=5e-4)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", [(5, 6, 7), (4, 7, 8), (1, 1, 2)])
def test_volumes_have_unit_sum_and_are_centred(model, shape):
    volume = model(shape, (0.2, 0.1, 0.12), 0.5, 1.4, 1.5, subsamples=2)
    assert volume.sum() == pytest.approx(1, abs=1e-12)
    assert (volume >= 0).all()
    for axis in range(3):
        assert np.array_equal(volume, np.flip(volume, axis))
    highest = np.argwhere(volume == volume.max()).mean(axis=0)
    assert np.array_equal(highest, (np.array(shape) - 1) / 2)


@pytest.mark.parametrize("model", MODELS)
def test_two_axes_give_the_plane_in_focus(model):
    plane = model((9, 10), (0.1, 0.12), 0.5, 1.4, 1.5, subsamples=3)
    volume = model((3, 9, 10), (0.5, 0.1, 0.12), 0.5, 1.4, 1.5, subsamples=3)
    assert np.allclose(plane, volume[1] / volume[1].sum(), rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("pixel", "lateral"), [((0.1, 0.1), (9, 12)), ((0.1, 0.16), (6, 7))])
def test_subsamples_average_a_finer_grid_over_y_and_x_only(model, pixel, lateral):
    parts = 3
    coarse = model((3, *lateral), (0.3, *pixel), 0.5, 1.4, 1.5, subsamples=parts)
    fine_shape = (3, *(parts * n for n in lateral))
    fine = model(fine_shape, (0.3, *(size / parts for size in pixel)), 0.5, 1.4, 1.5)
    summed = fine.reshape(3, lateral[0], parts, lateral[1], parts).sum(axis=(2, 4))
    assert np.allclose(coarse, summed, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("model", [psf.born_wolf, psf.richards_wolf])
def test_pixel_integration_matters(model):
    point, pixel = (
        model((31,) * 3, (0.1,) * 3, 0.5, 1.4, 1.5, subsamples=parts) for parts in (1, 3)
    )
    # Both with a peak of 1; with a sum of 1 the peak itself falls by a tenth.
    assert 0.034 < np.abs(point / point.max() - pixel / pixel.max()).max() < 0.040
    assert pixel.max() / point.max() == pytest.approx(0.9, abs=0.02)


def test_large_pixels_need_subsamples():
    settings = ((51, 51), 0.65, (0.0, 10.0), 0.451, 0.5, 1.0)
    truth = psf.born_wolf_series(*settings, subsamples=25)
    point, five = (
        np.abs(psf.born_wolf_series(*settings, subsamples=parts) - truth).sum(axis=(1, 2))
        for parts in (1, 5)
    )
    assert point == pytest.approx([0.33, 0.10], abs=0.005)
    assert five == pytest.approx([0.024, 0.002], abs=0.001)


def test_series_over_defocus():
    optics = (0.451, 0.5, 1.0)
    defocus = [0.0, 2.0, -2.0, 20.0]
    series = psf.born_wolf_series((21, 20), 0.65, defocus, *optics, subsamples=2)
    assert series.shape == (4, 21, 20)
    assert series.sum(axis=(1, 2)) == pytest.approx(1, abs=1e-12)
    assert np.array_equal(series[1], series[2])
    volume = psf.born_wolf((21, 21, 20), (2.0, 0.65, 0.65), *optics, subsamples=2)
    for plane, z in ((series[0], 10), (series[1], 11), (series[2], 9), (series[3], 20)):
        assert np.allclose(plane, volume[z] / volume[z].sum(), rtol=1e-9, atol=1e-15)
    anisotropic = psf.born_wolf_series((21, 20), (0.65, 0.65), defocus, *optics, subsamples=2)
    assert np.array_equal(anisotropic, series)
    printed = psf.born_wolf_series((9, 9), 0.1, [0.3], 0.5, 1.4, 1.5, convention="printed")
    other = psf.born_wolf_series((9, 9), 0.1 / 1.5, [0.2], 0.5, 1.4, 1.5)
    assert np.allclose(printed, other, rtol=1e-9)


def test_same_bytes_twice():
    settings = ((8, 31, 31), (0.1,) * 3, 0.5, 1.4, 1.5)
    for model in MODELS:
        assert model(*settings).tobytes() == model(*settings).tobytes()


GOOD = {
    "shape": (5, 5, 5),
    "voxel_size": (0.1, 0.1, 0.1),
    "wavelength": 0.5,
    "numerical_aperture": 1.4,
    "refractive_index": 1.5,
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"numerical_aperture": 1.5}, "numerical_aperture is 1.5 and refractive_index 1.5"),
        ({"numerical_aperture": 1.6}, "numerical_aperture is 1.6 and refractive_index 1.5"),
        ({"numerical_aperture": 0}, "numerical_aperture is 0"),
        ({"numerical_aperture": np.nan}, "numerical_aperture is nan"),
        ({"refractive_index": 0.9}, "refractive_index is 0.9"),
        ({"refractive_index": np.inf}, "refractive_index is inf"),
        ({"wavelength": -0.5}, "wavelength is -0.5"),
        ({"wavelength": np.nan}, "wavelength is nan"),
        ({"wavelength": "0.5"}, "wavelength is '0.5'"),
        ({"voxel_size": (0.1, 0.0, 0.1)}, "voxel_size is 0.0"),
        ({"voxel_size": (np.nan, 0.1, 0.1)}, "voxel_size is nan"),
        ({"voxel_size": (0.1, 0.1)}, "voxel_size is (0.1, 0.1) and shape (5, 5, 5)"),
        ({"voxel_size": 0.1}, "voxel_size is 0.1"),
        ({"shape": (5, 0, 5)}, "shape is (5, 0, 5)"),
        ({"shape": (5, 5.5, 5)}, "shape is (5, 5.5, 5)"),
        ({"shape": (5,)}, "shape is (5,)"),
        ({"shape": 5}, "shape is 5"),
        ({"subsamples": 0}, "subsamples is 0"),
        ({"subsamples": 1.5}, "subsamples is 1.5"),
        ({"subsamples": True}, "subsamples is True"),
        ({"voxel_size": (1e5, 0.1, 0.1)}, "quadrature nodes"),
    ],
)
def test_bad_input_is_refused_in_one_line(model, change, words):
    with pytest.raises(InputError) as caught:
        model(**GOOD | change)
    line = str(caught.value)
    assert words in line
    assert line.startswith("PSF: ")
    assert "\n" not in line


def test_other_bad_input_of_born_wolf():
    with pytest.raises(InputError, match="'standard' and 'printed'"):
        psf.born_wolf(**GOOD, convention="vacuum")
    with pytest.raises(InputError, match="defocus is nan"):
        psf.born_wolf_series((5, 5), 0.1, [0.0, np.nan], 0.5, 1.4, 1.5)
    for single in (1.0, np.float64(1.0), np.array(1.0), None):
        with pytest.raises(InputError, match="defocus is .*; accepted is a sequence of finite"):
            psf.born_wolf_series((5, 5), 0.1, single, 0.5, 1.4, 1.5)
    with pytest.raises(InputError, match="defocus is 'a'"):
        psf.born_wolf_series((5, 5), 0.1, "a", 0.5, 1.4, 1.5)
    with pytest.raises(InputError, match="defocus is empty"):
        psf.born_wolf_series((5, 5), 0.1, [], 0.5, 1.4, 1.5)
    with pytest.raises(InputError, match=r"takes \(y, x\)"):
        psf.born_wolf_series((5, 5, 5), (0.1,) * 3, [0.0], 0.5, 1.4, 1.5)


def test_numbers_of_numpy_and_lists_are_taken():
    made = psf.born_wolf(
        np.array([5, 5, 5]), [np.float32(0.5)] * 3, np.float64(0.5), np.float32(0.5), np.int64(1)
    )
    assert np.array_equal(made, psf.born_wolf((5, 5, 5), (0.5,) * 3, 0.5, 0.5, 1))
