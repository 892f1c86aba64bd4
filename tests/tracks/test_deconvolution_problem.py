import numpy as np
import pytest

from focusbench import config as configuration
from focusbench import grids, plan
from focusbench.errors import InputError
from focusbench.images import write_volume
from focusbench.optics import psf
from focusbench.tracks import TABLE
from focusbench.tracks.deconvolution import optics
from focusbench.tracks.deconvolution.degradations import Degradation, parse
from focusbench.tracks.deconvolution.observe import observe
from focusbench.tracks.deconvolution.problem import problem
from focusbench.tracks.deconvolution.truth import truth

OPTICS = {
    "numerical_aperture": 1.2,
    "refractive_index": 1.5,
    "wavelength": 0.5,
    "convention": "standard",
    "subsamples": 1,
    "shape": [9, 9, 9],
}
SETTINGS = {
    "optics": OPTICS,
    "boundary": "linear",
    "gaussian_fraction": 0.5,
    "aberration": {
        "sample_index": 1.42,
        "particle_depth": 3.0,
        "subsamples": 3,
    },
    "data": {},
}
SAMPLE = "microtubules_test1"


@pytest.fixture(scope="module")
def volume():
    settings = {
        "shape": [16, 24, 28],
        "voxel_size": [0.1, 0.1, 0.1],
        "microtubules": {
            "filaments": 5,
            "radius": 0.15,
            "persistence_length": 20.0,
            "planar_factor": 0.3,
        },
    }
    return truth(SAMPLE, "microtubules", {**settings, "data": {}})


def see(volume, degradation, seed=0, **changed):
    return observe(volume, SAMPLE, "microtubules", degradation, seed, {**SETTINGS, **changed})


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("clean", Degradation()),
        ("snr20", Degradation(snr_db=20)),
        ("snr1.25", Degradation(snr_db=1.25)),
        ("richards_wolf_snr20", Degradation("richards_wolf", 20)),
        ("richards_wolf_clean", Degradation("richards_wolf")),
        ("offmodel", Degradation("offmodel")),
        ("offmodel_snr5", Degradation("offmodel", 5)),
    ],
)
def test_degradations_are_read_from_their_ids(name, meaning):
    import re

    assert parse(name) == meaning
    assert re.fullmatch(TABLE["deconvolution"].degradation, name)


@pytest.mark.parametrize("name", ["snr", "snr-5", "snr200", "sigma0.01", "offmodel_", "SNR20"])
def test_other_ids_are_refused(name):
    with pytest.raises(InputError, match="accepted: clean, snr20"):
        parse(name)


def test_the_truth_is_a_volume_of_the_asked_size(volume):
    assert volume.array.shape == (16, 24, 28)
    assert volume.array.dtype == np.float32
    assert 0 <= volume.array.min() < volume.array.max() <= 1
    assert volume.voxel_size == (0.1, 0.1, 0.1)


def test_without_noise_the_observation_is_the_convolution(volume):
    from scipy.signal import fftconvolve

    observed, about = see(volume, "clean")
    kernel = psf.born_wolf((9, 9, 9), (0.1, 0.1, 0.1), 0.5, 1.2, 1.5)
    wanted = fftconvolve(volume.array.astype(np.float64), kernel, "same")
    np.testing.assert_allclose(observed.array, wanted, atol=1e-6)
    assert about["noise"] is None
    assert about["psf_model"] == "born_wolf"


def test_noise_has_the_asked_level_and_the_record_tells_it(volume):
    clean, _ = see(volume, "clean")
    noisy, about = see(volume, "snr10")
    power = np.mean((noisy.array - clean.array.astype(np.float64)) ** 2)
    signal = np.mean(clean.array.astype(np.float64) ** 2)
    assert 10 * np.log10(signal / power) == pytest.approx(about["snr_db"], abs=0.01)
    assert about["snr_db"] == pytest.approx(10, abs=0.3)  # few voxels
    assert about["noise"]["power"] == pytest.approx(signal / 10, rel=1e-4)
    assert noisy.array.min() >= 0


def test_noise_depends_on_the_seed_alone(volume):
    assert np.array_equal(see(volume, "snr20")[0].array, see(volume, "snr20")[0].array)
    assert not np.array_equal(see(volume, "snr20")[0].array, see(volume, "snr20", seed=1)[0].array)


def test_without_shot_noise_no_photons_are_told(volume):
    _, about = see(volume, "snr20", gaussian_fraction=1.0)
    assert about["noise"]["photons"] is None
    assert about["peak_snr_db"] is None


@pytest.mark.parametrize("degradation", ["clean", "richards_wolf_clean", "offmodel"])
def test_methods_are_told_the_nominal_psf_whatever_blurred(volume, degradation):
    observed, about = see(volume, degradation)
    stated = problem(observed, degradation, SETTINGS, about)
    nominal = psf.born_wolf((9, 9, 9), (0.1, 0.1, 0.1), 0.5, 1.2, 1.5)
    np.testing.assert_allclose(stated.forward.kernel, nominal, atol=1e-12)
    blurred_otherwise = degradation != "clean"
    same = np.allclose(observed.array, see(volume, "clean")[0].array, atol=1e-4)
    assert same != blurred_otherwise


def test_a_problem_holds_the_noise_of_its_record(volume):
    observed, about = see(volume, "snr20")
    noise = problem(observed, "snr20", SETTINGS, about).noise
    assert noise.mean_square == about["noise"]["power"]
    assert noise.photons == about["noise"]["photons"]
    observed, about = see(volume, "clean")
    assert problem(observed, "clean", SETTINGS, about).noise is None


def test_the_aberrated_psf_is_another_one(volume):
    nominal = optics.kernel(OPTICS, (0.1, 0.1, 0.1))
    aberrated = optics.aberrated_kernel(OPTICS, SETTINGS["aberration"], (0.1, 0.1, 0.1))
    assert aberrated.sum() == pytest.approx(1)
    assert np.abs(aberrated - nominal).sum() > 0.05


def test_a_recording_states_its_own_problem(tmp_path):
    stack = np.random.default_rng(0).poisson(50, (12, 16, 18)).astype(np.float32)
    write_volume(tmp_path / "mine.ome.tif", stack, voxel_size=(0.2, 0.1, 0.1))
    entry = {
        "path": str(tmp_path / "mine.ome.tif"),
        "numerical_aperture": 1.1,
        "refractive_index": 1.33,
        "wavelength": 0.6,
        "photons_per_count": 2.0,
        "boundary": "circular",
        "offset": 10.0,
    }
    config = configuration.build(
        {
            "preset": "test",
            "data": {"fluorescence": {"mine": entry}},
            "tracks": {"deconvolution": {"samples": ["mine"]}},
        }
    )
    ids = ("deconvolution", "mine", "recorded")
    assert grids.degradations(config, *ids[:2]) == ["recorded"]
    assert not plan.has_truth(config, "mine")
    seen = plan.observed_parameters(config, *ids)
    assert "path" not in seen["settings"]["data"]
    data = {**seen["settings"]["data"], **plan.places(config, "mine")}
    observed, about = observe(None, "mine", "fluorescence", "recorded", 0, {"data": data})
    np.testing.assert_array_equal(observed.array, stack - 10)
    assert about["noise"]["power"] == pytest.approx((stack - 10).mean() / 2, rel=1e-6)
    asked = plan.restore_parameters(config, *ids, "richardson_lucy")["settings"]
    stated = problem(observed, "recorded", {**asked, "data": {}}, about)
    assert stated.forward.boundary == "circular"
    assert stated.noise.photons == 2.0
    shape = stated.forward.kernel.shape
    wanted = psf.born_wolf(shape, (0.2, 0.1, 0.1), 0.6, 1.1, 1.33)
    np.testing.assert_allclose(stated.forward.kernel, wanted, atol=1e-12)
    assert shape == (9, 9, 9)


def test_the_psf_of_a_recording_counts_by_its_content(tmp_path):
    stack = np.random.default_rng(0).poisson(50, (12, 16, 18)).astype(np.float32)
    write_volume(tmp_path / "mine.ome.tif", stack, voxel_size=(0.2, 0.1, 0.1))
    kernel = np.zeros((3, 3, 3), np.float32)
    kernel[1, 1, 1] = 1

    def parameters():
        write_volume(tmp_path / "psf.ome.tif", kernel)
        entry = {"path": str(tmp_path / "mine.ome.tif"), "psf": str(tmp_path / "psf.ome.tif")}
        user = {"preset": "test", "data": {"fluorescence": {"mine": entry}}}
        config = configuration.build(user)
        return plan.restore_parameters(config, "deconvolution", "mine", "recorded", "wiener")

    before = parameters()
    assert parameters() == before
    kernel[0, 0, 0] = 0.5
    assert parameters() != before


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"optics": {"numerical_aperture": 1.6}}, "numerical_aperture: 1.6 is not accepted; below"),
        ({"optics": {"shape": [31, 9, 9]}}, "a PSF of 31 voxels along z for a volume of 16"),
        ({"degradations": ["snr"]}, "'snr' is unknown; accepted: clean, snr20"),
        ({"gaussian_fraction": 1.5}, "gaussian_fraction: 1.5 is not accepted"),
        ({"samples": ["cell"]}, "unknown sample 'cell'"),
        ({"methods": ["lbfgs"]}, "unknown method 'lbfgs'"),
        ({"training": {"samples": ["cell", "microtubules_train1"]}}, "unknown sample 'cell'"),
        ({"training": {"degradation": "snr"}}, "training.degradation: 'snr' is unknown"),
        (
            {"training": {"samples": ["microtubules_train1", "microtubules_test1"]}},
            "microtubules_test1 is restored too",
        ),
        ({"training": {"validation": ["microtubules_train1"]}}, "is in validation too"),
    ],
)
def test_a_mistake_in_the_section_is_one_line(section, said):
    with pytest.raises(InputError) as caught:
        configuration.build({"preset": "test", "tracks": {"deconvolution": section}})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
