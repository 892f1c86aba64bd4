"""The layered model: matched layers, plain quadrature of the path, and an independent file."""

from itertools import pairwise

import numpy as np
import pytest
import tifffile
from scipy.special import j0, j1

from focusbench.errors import InputError
from focusbench.optics import bessel_beams, gibson_lanni, psf

MATCHED = {
    "sample_index": 1.5,
    "immersion_index": 1.5,
    "immersion_index_design": 1.5,
    "coverslip_index": 1.5,
    "coverslip_index_design": 1.5,
    "immersion_thickness_design": 150.0,
    "coverslip_thickness": 170.0,
    "coverslip_thickness_design": 170.0,
    "particle_depth": 0.0,
}
MEDIUM = {name: 1.33 for name in MATCHED if "index" in name}
GLYCEROL = MATCHED | {"sample_index": 1.45, "particle_depth": 8.0}
WATER = MATCHED | {"sample_index": 1.33, "particle_depth": 1.0}
OFF_DESIGN = {
    "sample_index": 1.38,
    "immersion_index": 1.518,
    "immersion_index_design": 1.515,
    "coverslip_index": 1.523,
    "coverslip_index_design": 1.525,
    "immersion_thickness_design": 120.0,
    "coverslip_thickness": 173.0,
    "coverslip_thickness_design": 170.0,
    "particle_depth": 3.0,
}


def axes(shape, voxel_size):
    pairs = zip(shape, voxel_size, strict=True)
    return [(np.arange(n) - (n - 1) / 2) * step for n, step in pairs]


def rising_nodes(first, last, count):
    """Nodes that crowd at both ends, so that a root at either end does not matter."""
    node, weight = np.polynomial.legendre.leggauss(count)
    node, weight = (node + 1) / 2, weight / 2
    place = first + (last - first) * node**2 * (3 - 2 * node)
    return place, weight * 6 * node * (1 - node) * (last - first)


def plain(shape, voxel_size, wavelength, aperture, layers, focus_shift=0.0, count=400):
    """Gibson and Lanni's integral over rho as they write it, every voxel on its own.

    The stage is where thickness over index adds up to the design's, and moves with z.
    """
    k = 2 * np.pi / wavelength
    n_s, n_i, n_g = (layers[f"{name}_index"] for name in ("sample", "immersion", "coverslip"))
    n_i0, n_g0 = (layers[f"{name}_index_design"] for name in ("immersion", "coverslip"))
    t_i0, t_g0 = (layers[f"{name}_thickness_design"] for name in ("immersion", "coverslip"))
    t_g, depth = layers["coverslip_thickness"], layers["particle_depth"]
    edges = sorted({0.0, min(1.0, n_s / aperture), 1.0})
    parts = [rising_nodes(*ends, count) for ends in pairwise(edges)]
    rho, weight = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    def root(n):
        return np.sqrt(n**2 - (aperture * rho) ** 2 + 0j)

    z, y, x = axes(shape, voxel_size)
    bessel = j0(k * aperture * np.hypot(y[:, None], x)[..., None] * rho)
    planes = []
    for move in z + focus_shift:
        t_i = n_i * (t_i0 / n_i0 + t_g0 / n_g0 - t_g / n_g - depth / n_s) - move
        path = depth * root(n_s) + t_i * root(n_i) - t_i0 * root(n_i0)
        path += t_g * root(n_g) - t_g0 * root(n_g0)
        planes.append(np.abs(bessel @ (weight * rho * np.exp(1j * k * path))) ** 2)
    volume = np.stack(planes)
    return volume / volume.sum()


MATCHED_CASES = [
    ((31, 31, 31), (0.1, 0.1, 0.1), 0.5, 1.4, MATCHED),
    ((18, 24, 17), (0.25, 0.1, 0.13), 0.61, 1.2, MATCHED | MEDIUM | {"particle_depth": 4.0}),
    ((12, 20, 20), (2.0, 0.65, 0.65), 0.451, 0.5, MATCHED),
]


@pytest.mark.parametrize(("shape", "voxel_size", "wavelength", "aperture", "layers"), MATCHED_CASES)
def test_matched_layers_are_one_medium(shape, voxel_size, wavelength, aperture, layers):
    """400 nodes of rho J_0 exp(i k0 z sqrt(n^2 - NA^2 rho^2))."""
    index, k = layers["sample_index"], 2 * np.pi / wavelength
    node, weight = np.polynomial.legendre.leggauss(400)
    rho, weight = (node + 1) / 2, weight / 2
    z, y, x = axes(shape, voxel_size)
    bessel = j0(k * aperture * np.hypot(y[:, None], x)[..., None] * rho)
    phase = k * np.sqrt(index**2 - (aperture * rho) ** 2)
    expected = np.stack([np.abs(bessel @ (weight * rho * np.exp(1j * phase * d))) ** 2 for d in z])
    expected /= expected.sum()
    made = psf.gibson_lanni(shape, voxel_size, wavelength, aperture, **layers)
    assert made.dtype == np.float64
    assert np.abs(made - expected).max() < 1e-9 * expected.max()


@pytest.mark.parametrize(("shape", "voxel_size", "wavelength", "aperture", "layers"), MATCHED_CASES)
def test_matched_layers_in_focus_are_born_wolf(shape, voxel_size, wavelength, aperture, layers):
    plane = psf.gibson_lanni(shape[1:], voxel_size[1:], wavelength, aperture, **layers)
    _, y, x = axes(shape, voxel_size)
    v = np.maximum(2 * np.pi / wavelength * aperture * np.hypot(y[:, None], x), 1e-12)
    airy = (2 * j1(v) / v) ** 2
    assert np.abs(plane - airy / airy.sum()).max() < 1e-9 * plane.max()
    index = layers["sample_index"]
    paraxial = psf.born_wolf(shape[1:], voxel_size[1:], wavelength, aperture, index)
    assert np.abs(plane - paraxial).max() < 1e-9 * plane.max()


def test_matched_layers_approach_born_wolf_as_the_aperture_vanishes():
    """At the same optical coordinates the two differ like NA^2."""
    apart = []
    for aperture in (0.4, 0.2, 0.1, 0.05):
        voxel_size = (0.15 / aperture**2, 0.1 / aperture, 0.1 / aperture)
        layers = MATCHED | {"immersion_thickness_design": 2000.0}
        made = psf.gibson_lanni((21, 15, 15), voxel_size, 0.5, aperture, **layers)
        paraxial = psf.born_wolf((21, 15, 15), voxel_size, 0.5, aperture, 1.5)
        apart.append(np.abs(made - paraxial).max() / paraxial.max())
    ratios = np.divide(apart[:-1], apart[1:])
    assert ratios == pytest.approx(4, rel=0.1)
    assert apart[-1] < 1e-3


@pytest.mark.parametrize(
    ("aperture", "layers", "focus_shift"),
    [
        (1.4, GLYCEROL, 0.336),
        (1.4, WATER, 0.0),
        (1.4, OFF_DESIGN, -0.2),
        (1.2, OFF_DESIGN, 0.1),
        (1.379, OFF_DESIGN, 0.0),
        (1.3801, OFF_DESIGN, 0.0),
        (1.4, MATCHED | {"immersion_index": 1.495, "coverslip_thickness": 160.0}, 0.0),
    ],
)
def test_layers_equal_their_integral_by_400_nodes(aperture, layers, focus_shift):
    settings = ((15, 14, 17), (0.2, 0.1, 0.13), 0.5, aperture)
    made = psf.gibson_lanni(*settings, **layers, focus_shift=focus_shift)
    expected = plain(*settings, layers, focus_shift)
    assert np.abs(made - expected).max() < 1e-9 * expected.max()


def test_a_long_working_distance_loses_no_digits():
    """A dry objective above 0.2 mm of water, 20 mm away, through a coverslip 10 um too thick."""
    layers = MATCHED | {
        "sample_index": 1.33,
        "particle_depth": 200.0,
        "immersion_index": 1.0,
        "immersion_index_design": 1.0,
        "immersion_thickness_design": 20000.0,
        "coverslip_index": 1.52,
        "coverslip_index_design": 1.52,
        "coverslip_thickness": 180.0,
    }
    settings = ((9, 11, 11), (1.0, 0.4, 0.4), 0.5, 0.5)
    shift = psf.brightest_focus(0.5, 0.5, **layers)
    made = psf.gibson_lanni(*settings, **layers, focus_shift=shift)
    expected = plain(*settings, layers, shift)
    assert np.abs(made - expected).max() < 1e-9 * expected.max()
    assert np.unravel_index(made.argmax(), made.shape) == (4, 5, 5)


def test_many_layers_by_twice_the_nodes():
    """Indices close to the aperture are the hard ones."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        aperture = rng.uniform(0.3, 1.45)
        near = aperture * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-4, -1))
        other = max(aperture * (1 + 10 ** rng.uniform(-4, -1)), 1.0)
        layers = gibson_lanni.Layers(
            sample_index=max(rng.choice([near, aperture]), 1.0),
            immersion_index=max(other, rng.uniform(1.3, 1.5)),
            immersion_index_design=max(other, 1.5),
            coverslip_index=max(other, 1.52),
            coverslip_index_design=max(other, 1.52),
            immersion_thickness_design=150.0,
            coverslip_thickness=rng.uniform(165, 175),
            coverslip_thickness_design=170.0,
            particle_depth=10 ** rng.uniform(-2, 1),
        )
        z = np.linspace(-1, 1, 9) * 10 ** rng.uniform(-1, 0.7)
        radius = np.linspace(0, 1, 30) * 10 ** rng.uniform(-1, 1)
        beams = gibson_lanni.field(layers, 0.5, aperture, radius[-1], z)
        parts = [
            bessel_beams.discretise(pupil, 20.0, 20.0, factor=4)
            for pupil in layers.pupils(0.5, aperture)
        ]
        made = bessel_beams.intensity(beams, radius, z)
        assert np.abs(made - bessel_beams.intensity(bessel_beams.join(parts), radius, z)).max() < (
            1e-11
        )


def test_focus_lies_between_those_of_the_axis_and_of_the_margin():
    """A ray of slope t in oil has slope t' in the sample and focuses depth (t'/t - n/n') deeper.

    So looking from oil into glycerol or water the objective must come closer than the rays near
    the axis tell, and light spreads to that side.
    """
    for layers, depths in ((GLYCEROL, (4.0, 8.0)), (WATER, (0.5, 1.0))):
        for depth in depths:
            index = layers["sample_index"]
            sine = np.array([1e-6, 0.9 * index])
            slopes = [sine / np.sqrt(n**2 - sine**2) for n in (index, 1.5)]
            axis, margin = depth * slopes[0] / slopes[1] - depth * 1.5 / index
            assert axis == pytest.approx(0, abs=1e-6)
            given = layers | {"particle_depth": depth}
            shift = psf.brightest_focus(0.5, 1.4, **given)
            assert 0.1 < shift < margin
            line = psf.gibson_lanni((81, 1, 1), (0.05, 1, 1), 0.5, 1.4, **given, focus_shift=shift)
            assert line.argmax() == 40
        line = psf.gibson_lanni((401, 1, 1), (0.1, 1, 1), 0.5, 1.4, **layers)[:, 0, 0]
        assert line[211:].sum() > 3 * line[:190].sum()  # more than 1 um deeper, or less deep


def test_brightest_focus_is_the_highest_place_of_the_axis():
    shift = psf.brightest_focus(0.5, 1.4, **GLYCEROL)
    fine = psf.gibson_lanni((2001, 1, 1), (1e-3, 1, 1), 0.5, 1.4, **GLYCEROL, focus_shift=shift)
    assert fine.argmax() == 1000
    assert psf.brightest_focus(0.5, 1.4, **MATCHED) == pytest.approx(0, abs=1e-5)
    # A small aperture has no aberration: its focus is the paraxial one, up to the waves' depth.
    low = MATCHED | {"sample_index": 1.33, "particle_depth": 20.0}
    assert abs(psf.brightest_focus(0.5, 0.2, **low)) < 0.01 * 0.5 * 1.5 / 0.2**2


def test_focus_shift_moves_along_z():
    moved = psf.gibson_lanni((21, 9, 9), (0.1,) * 3, 0.5, 1.4, **GLYCEROL, focus_shift=0.3)
    still = psf.gibson_lanni((21, 9, 9), (0.1,) * 3, 0.5, 1.4, **GLYCEROL)
    assert np.allclose(moved[:-3] / moved[10, 4, 4], still[3:] / still[13, 4, 4], rtol=1e-8)


def test_waves_beyond_the_sample_index_die_out_with_depth():
    settings = ((9, 15, 15), (0.2, 0.1, 0.1), 0.5, 1.4)
    touching = psf.gibson_lanni(*settings, **WATER | {"particle_depth": 0.0})
    whole = psf.gibson_lanni(*settings, **MATCHED)  # all light of the aperture, no path in water
    assert np.allclose(touching, whole, rtol=1e-9)

    def beyond(depth):
        """Share of light beyond the sample's index in the pupil."""
        layers = gibson_lanni.Layers(**WATER | {"particle_depth": depth})
        *_, evanescent = layers.pupils(0.5, 1.4)
        beams = bessel_beams.discretise(evanescent, 1.0, 1.0)
        return np.sum(beams.amplitude[0] * np.exp(-2 * beams.phase.imag))

    assert beyond(0.0) == pytest.approx(1 - (1.33 / 1.4) ** 2, rel=1e-12)
    # int 2 t exp(-a t) dt over the unit interval, with a twice the decay at the margin.
    decay = 2 * 2 * np.pi / 0.5 * 0.7 * np.sqrt(1.4**2 - 1.33**2)
    expected = 2 * (1 - (1 + decay) * np.exp(-decay)) / decay**2 * beyond(0.0)
    assert beyond(0.7) == pytest.approx(expected, rel=1e-9)
    assert beyond(5.0) < 1e-4


def test_unit_sum_and_shape():
    made = psf.gibson_lanni((6, 7, 8), (0.2, 0.1, 0.12), 0.5, 1.4, **GLYCEROL, subsamples=3)
    assert made.shape == (6, 7, 8)
    assert made.sum() == pytest.approx(1, abs=1e-12)
    assert (made >= 0).all()
    assert np.array_equal(made, made[:, ::-1, ::-1])
    fine = psf.gibson_lanni((6, 21, 24), (0.2, 0.1 / 3, 0.04), 0.5, 1.4, **GLYCEROL)
    assert np.allclose(made, fine.reshape(6, 7, 3, 8, 3).sum(axis=(2, 4)), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"numerical_aperture": 1.5}, "numerical_aperture is 1.5 and immersion_index 1.5"),
        ({"coverslip_index": 1.39}, "numerical_aperture is 1.4 and coverslip_index 1.39"),
        ({"immersion_index_design": 1.4}, "numerical_aperture is 1.4 and immersion_index_design"),
        ({"coverslip_index_design": 1.3}, "numerical_aperture is 1.4 and coverslip_index_design"),
        ({"sample_index": 0.5}, "sample_index is 0.5"),
        ({"sample_index": np.nan}, "sample_index is nan"),
        ({"particle_depth": -1.0}, "particle_depth is -1.0"),
        ({"particle_depth": np.inf}, "particle_depth is inf"),
        ({"particle_depth": 200.0}, "with particle_depth 200 um no immersion is left"),
        ({"immersion_thickness_design": 1e6, "immersion_index": 1.49}, "quadrature nodes"),
        ({"immersion_thickness_design": 0.0}, "immersion_thickness_design is 0.0"),
        ({"immersion_thickness_design": 0.3}, "take a smaller particle_depth"),
        ({"coverslip_thickness": -170.0}, "coverslip_thickness is -170.0"),
        ({"focus_shift": np.nan}, "focus_shift is nan"),
        ({"wavelength": 0.0}, "wavelength is 0.0"),
        ({"voxel_size": (0.1, 0.1)}, "voxel_size is (0.1, 0.1)"),
        ({"shape": (5, 5, -5)}, "shape is (5, 5, -5)"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, words):
    good = {
        "shape": (5, 5, 5),
        "voxel_size": (0.2, 0.1, 0.1),
        "wavelength": 0.5,
        "numerical_aperture": 1.4,
    }
    with pytest.raises(InputError) as caught:
        psf.gibson_lanni(**good | MATCHED | change)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_brightest_focus_refuses_the_same():
    with pytest.raises(InputError, match="immersion_index"):
        psf.brightest_focus(0.5, 1.6, **MATCHED)
    with pytest.raises(InputError, match="no immersion is left"):
        psf.brightest_focus(0.5, 1.4, **MATCHED | {"particle_depth": 200.0})
    with pytest.raises(InputError, match="wavelength"):
        psf.brightest_focus(np.nan, 1.4, **MATCHED)


@pytest.fixture
def file_psf(real_data):
    """18 x 128 x 128, made by Li, Xue and Blu's fast algorithm; its own parameters are below."""
    return tifffile.imread(real_data / "decon3d" / "gibsonlanni_psf.tif").astype(np.float64)


FILE = MATCHED | {"sample_index": 1.33}
FILE_GRID = ((18, 128, 128), (0.25, 0.1, 0.1), 0.61)


def test_independent_file_equals_the_model_with_the_files_shortcuts(file_psf):
    """1e-12 once its three shortcuts are made too.

    It is an intensity, centred at (n - 1) / 2 of all axes, and differs from the model because it
    cuts the pupil at the sample's index (1.33 of 1.4), takes each voxel by linear interpolation
    between radii half a pixel apart, and divides by its brightest radius and plane, not the sum.
    """
    (z,) = ((np.arange(18) - 8.5) * 0.25,)
    radius = np.arange(0, 10, 0.1 / 2)
    beams = gibson_lanni.field(gibson_lanni.Layers(**FILE), 0.61, 1.33, radius[-1], z)
    rings = bessel_beams.intensity(beams, radius, z)
    rings /= rings.max()
    side = (np.arange(128) - 63.5) * 0.1
    distance = np.hypot(side[:, None], side)
    expected = np.stack([np.interp(distance, radius, ring) for ring in rings])
    assert np.abs(file_psf - expected).max() < 1e-12 * file_psf.max()


def test_independent_file_is_two_percent_from_the_model_with_its_aperture(file_psf):
    """Interpolation alone: 1.9 % of the peak, correlation 0.9998, with both of unit sum."""
    file_psf = file_psf / file_psf.sum()
    made = psf.gibson_lanni(*FILE_GRID, 1.33, **FILE)
    assert np.abs(made - file_psf).max() / file_psf.max() == pytest.approx(0.019, abs=0.001)
    assert np.corrcoef(made.ravel(), file_psf.ravel())[0, 1] > 0.9997


def test_independent_file_is_ten_percent_from_the_model_with_the_whole_aperture(file_psf):
    """The light beyond the sample's index, which a particle on the coverslip does send out."""
    file_psf = file_psf / file_psf.sum()
    made = psf.gibson_lanni(*FILE_GRID, 1.4, **FILE)
    assert np.abs(made - file_psf).max() / file_psf.max() == pytest.approx(0.098, abs=0.002)
