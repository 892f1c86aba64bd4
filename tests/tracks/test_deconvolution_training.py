import numpy as np
import pytest
import torch

from focusbench import methods
from focusbench.errors import InputError
from focusbench.evaluation.metrics import psnr
from focusbench.images import write_volume
from focusbench.tracks.deconvolution import optics
from focusbench.tracks.deconvolution.training import WATCHED, training_set
from focusbench.training.volumes import PairedVolumes, UnpairedVolumes

SHAPE = (10, 12, 14)
VOXEL = (0.1, 0.1, 0.1)


@pytest.fixture
def settings(deconvolution_settings):
    return {**deconvolution_settings["track"], "degradation": "snr20"}


@pytest.fixture
def files(tmp_path):
    """Three samples to learn from, and one to watch: sharp i + noise, blurred half of it."""
    roles = {role: {} for role in ("truths", "observations")}
    roles |= {f"validation_{role}": {} for role in roles}
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "watched"):
        truth = rng.random(SHAPE, np.float32)
        start = "validation_" if name == "watched" else ""
        for role, array in (("truths", truth), ("observations", truth / 2)):
            path = tmp_path / f"{name}_{role}.ome.tif"
            write_volume(path, array, "ZYX", VOXEL)
            roles[start + role][name] = path
    return roles


@pytest.mark.parametrize(
    ("trains_on", "kind"), [("pairs", PairedVolumes), ("unpaired", UnpairedVolumes)]
)
def test_reads_what_the_workflow_made(trains_on, kind, files, settings):
    data = training_set(trains_on, 5, settings, {}, files)
    assert type(data) is kind
    assert (data.names, data.seed) == (("a", "b", "c"), 5)
    assert data.blurred_unit == data.sharp_unit / 2
    kernel = data.kernel()
    assert np.array_equal(kernel, optics.kernel(settings["optics"], VOXEL))
    assert kernel.shape == (31, 31, 31)
    estimate = np.zeros(SHAPE, np.float32)
    assert data.validation.shape == SHAPE
    assert data.score(estimate) == psnr(2 * data.validation, estimate, 1.0)
    if kind is PairedVolumes:
        blurred, sharp = data.pairs(0, 1, (8, 8, 8))
        torch.testing.assert_close(2 * blurred, sharp)


def test_every_learner_of_the_track_has_its_set(files, settings):
    learners = [m for m in methods.names("deconvolution") if methods.TABLE[m].trains_on]
    assert len(learners) == 5
    for name in learners:
        training_set(methods.TABLE[name].trains_on, 0, settings, {}, files)


def test_the_middle_of_a_large_volume_is_watched(files, settings, tmp_path):
    side = WATCHED + 6
    volume = np.random.default_rng(1).random((3, 5, side), np.float32)
    for role in ("truths", "observations"):
        path = tmp_path / f"large_{role}.ome.tif"
        write_volume(path, volume, "ZYX", VOXEL)
        files[f"validation_{role}"] = {"large": path}
    data = training_set("pairs", 0, settings, {}, files)
    assert np.array_equal(data.validation, volume[:, :, 3:-3])
    assert data.score(volume[:, :, 3:-3]) == float("inf")


def test_nothing_to_watch(files, settings):
    files = {role: paths for role, paths in files.items() if not role.startswith("validation")}
    data = training_set("unpaired", 0, settings, {}, files)
    assert data.validation is None
    assert data.score is None


def test_mistakes(files, settings):
    with pytest.raises(InputError, match="unknown training set 'x'; accepted: pairs, unpaired"):
        training_set("x", 0, settings, {}, files)
    for wrong in (None, {}, {**files, "truths": {}}):
        with pytest.raises(InputError, match="no observations or no truths"):
            training_set("pairs", 0, settings, {}, wrong)
    files["validation_truths"] = {"watched": files["truths"]["a"]}
    training_set("pairs", 0, settings, {}, files)  # of the same shape: nothing can be seen


@pytest.fixture
def recording(tmp_path):
    """One recording, whose grey values count its voxels, and an estimate: ten times as much."""
    counts = np.arange(4 * 32 * 40, dtype=np.float32).reshape(4, 32, 40)
    files = {"observations": {}, "truths": {}}
    for role, array in (("observations", counts), ("truths", 10 * counts)):
        path = tmp_path / f"{role}.ome.tif"
        write_volume(path, array, "ZYX", VOXEL)
        files[role]["mine"] = path
    return files


def told(settings, **changed):
    lens = {"numerical_aperture": 1.2, "refractive_index": 1.33, "wavelength": 0.6}
    return {
        **settings,
        **lens,
        "psf_shape": [3, 5, 7],
        **{"degradation": "recorded", "blocks": 2, "data": {}, **changed},
    }


def test_one_recording_is_cut_into_blocks_that_are_never_seen_as_a_pair(recording, settings):
    data = training_set("unpaired", 0, told(settings), {}, recording)
    assert data.names == ("mine/00", "mine/01", "mine/10", "mine/11")
    assert data.kernel().shape == (3, 5, 7)  # that of the recording's own lens
    assert data.validation is None
    for step in range(20):
        blurred = data.blurred(step, 1, (4, 16, 16)).numpy()
        sharp = data.sharp(step, 1, (4, 16, 16)).numpy() / 10
        assert not np.intersect1d(blurred, sharp).size  # every voxel has a value of its own


def test_recordings_that_cannot_be_learned_from_together(recording, settings, tmp_path):
    other = tmp_path / "other.ome.tif"
    write_volume(other, np.ones((4, 32, 40), np.float32), "ZYX", (0.1, 0.2, 0.2))
    files = {role: {**paths, "other": other} for role, paths in recording.items()}
    with pytest.raises(InputError, match=r"other has voxels of 0.1 x 0.2 x 0.2 um .* one voxel"):
        training_set("unpaired", 0, told(settings), {}, files)
    with pytest.raises(InputError, match="mine of 32 x 40 voxels .* cut into 3 x 3 blocks"):
        training_set("unpaired", 0, told(settings, blocks=3), {}, recording)
