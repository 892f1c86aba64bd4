"""Synthetic microtubules: the chains, the tubes around them, and the calibration."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.signal import fftconvolve
from skimage.metrics import structural_similarity

from focusbench.data import microtubules, worm_like_chain
from focusbench.errors import InputError
from focusbench.evaluation.metrics import psnr
from focusbench.optics import noise, psf

SETTINGS = {
    "shape": [128, 256, 512],
    "voxel_size": [0.1, 0.1, 0.1],
    "filaments": 60,
    "radius": 0.15,
    "persistence_length": 20.0,
    "planar_factor": 0.3,
}
SMALL = {**SETTINGS, "shape": [24, 40, 56], "filaments": 4}


def test_volume():
    volume = microtubules.volume("microtubules_test1", SMALL)
    assert volume.shape == (24, 40, 56)
    assert volume.dtype == np.float32
    assert volume.min() == 0
    assert volume.max() == 1


def test_a_volume_depends_on_its_id_and_settings_alone():
    first = microtubules.volume("microtubules_test1", SMALL)
    microtubules.volume("microtubules_train3", SMALL)
    np.testing.assert_array_equal(first, microtubules.volume("microtubules_test1", SMALL))
    others = [microtubules.volume(f"microtubules_{name}", SMALL) for name in ("test2", "train1")]
    assert not np.array_equal(first, others[0])
    assert not np.array_equal(*others)


@pytest.mark.parametrize("size", [(0.1, 0.1, 0.1), (0.3, 0.12, 0.1)])
def test_tubes_against_the_plain_definition(size):
    settings = {**SMALL, "shape": (9, 20, 24), "voxel_size": size, "filaments": 2}
    volume = microtubules.volume("microtubules_test1", settings)
    expected = np.zeros(volume.shape)
    for line in microtubules.centre_lines("microtubules_test1", settings):
        for place in np.ndindex(volume.shape):
            point, nearest = np.array(place) * size, np.inf
            for a, b in itertools.pairwise(line):
                if max(abs(point - a)) > 0.4:
                    continue
                share = np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
                nearest = min(nearest, np.linalg.norm(point - a - share * (b - a)))
            value = np.clip((0.15 - nearest) / 0.1 + 0.5, 0, 1)
            expected[place] = max(expected[place], value)
    np.testing.assert_allclose(volume, expected, atol=1e-6)
    assert (expected > 0).mean() > 0.02


def test_the_profile_of_a_straight_tube():
    line = np.array([[x, 1.0, 1.0] for x in np.arange(-0.5, 3.5, 0.05)])
    tube = worm_like_chain.draw_tubes([line], (30, 21, 21), (0.1, 0.1, 0.1), 0.15)
    np.testing.assert_allclose(tube, np.broadcast_to(tube[:1], tube.shape), atol=1e-6)
    # voxels 0, 1, 2 and sqrt(2) away: clip(1.5 + 0.5 - d, 0, 1)
    np.testing.assert_allclose(tube[5, 10, 8:13], [0, 1, 1, 1, 0], atol=1e-6)
    assert tube[5, 11, 11] == pytest.approx(2 - np.sqrt(2), abs=1e-6)
    wide = worm_like_chain.draw_tubes([line], (30, 21, 21), (0.1, 0.1, 0.1), 0.175)
    np.testing.assert_allclose(wide[5, 10, 8:13], [0.25, 1, 1, 1, 0.25], atol=1e-6)


def test_chunks_do_not_show(monkeypatch):
    first = microtubules.volume("microtubules_test1", SMALL)
    monkeypatch.setattr(worm_like_chain, "CHUNK", 77)
    np.testing.assert_array_equal(first, microtubules.volume("microtubules_test1", SMALL))


def test_filaments_run_from_edge_to_edge():
    lines = microtubules.centre_lines("microtubules_test3", SETTINGS)
    assert len(lines) == 60
    last = (np.array(SETTINGS["shape"]) - 1) * 0.1
    for line in lines:
        assert np.linalg.norm(np.diff(line, axis=0), axis=1) == pytest.approx(0.05)
        outside = ((line < -0.2) | (line > last + 0.2)).any(axis=1)
        assert outside[0]
        assert outside[-1]
        assert not outside[1:-1].any()
        # through the middle of the box
        assert (np.abs(line / last - 0.5) <= 0.15).all(axis=1).any()
    # so that none of them ends inside: what is drawn reaches the faces
    single = microtubules.volume("microtubules_test3", {**SETTINGS, "filaments": 1}) > 0
    labels, count = label(single, np.ones((3, 3, 3)))
    assert count == 1
    on_faces = sum(labels.take(end, axis=axis).any() for axis in range(3) for end in (0, -1))
    assert on_faces >= 2


def test_persistence_length():
    """<u(0) . u(s)> = exp(-s / P) of an isotropic chain; exp(-s / 2P) in the plane."""
    step, length = 0.1, 2.0
    for planar, rate in ((1.0, 1.0), (0.0, 0.5)):
        lines = worm_like_chain.grow(
            np.random.default_rng(0), (80.0,) * 3, 100, step, length, planar, 0.0
        )
        # from the middle: the last stretch before a face is straighter, as it found the way out
        middles = [line[len(line) // 2 - 300 :][:600] for line in lines if len(line) > 1500]
        headings = [np.diff(middle, axis=0) / step for middle in middles]
        assert len(headings) > 80
        for apart in (5, 20, 40):
            cosine = np.mean([(u[:-apart] * u[apart:]).sum(axis=1).mean() for u in headings])
            assert cosine == pytest.approx(np.exp(-rate * apart * step / length), abs=0.04)


def test_planar_factor():
    def slope(factor):
        lines = microtubules.centre_lines("one", {**SETTINGS, "planar_factor": factor})
        step = np.concatenate([np.diff(line, axis=0) for line in lines])
        return np.sqrt((step[:, 0] ** 2).mean() / (step[:, 1:] ** 2).sum(axis=1).mean())

    assert slope(0.0) == 0
    assert 0.1 < slope(0.3) < 0.35
    assert slope(1.0) > 0.5


def test_it_lands_on_the_input_row_of_the_paper():
    """Table I of Lim et al. 2020: 22.30 dB and 0.7275; one volume here, more in the benchmark."""
    truth = microtubules.volume("microtubules_test1", SETTINGS)
    kernel = psf.born_wolf((31, 31, 31), (0.1, 0.1, 0.1), 0.5, 1.4, 1.5).astype(np.float32)
    image = np.maximum(fftconvolve(truth, kernel, "same"), 0)
    found = noise.solve(image, 20, 0.5)
    observed = noise.draw(image, found, np.random.default_rng(0))
    assert psnr(truth, observed, 1) == pytest.approx(22.30, abs=0.5)
    assert structural_similarity(truth, observed, data_range=1) == pytest.approx(0.7275, abs=0.03)
    assert 1100 < found.photons * image.max() < 1400
    assert noise.snr(image, observed) == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("shape", [24, 40], "three whole numbers"),
        ("shape", [24, 40, 0], "three whole numbers"),
        ("shape", [24, 40, 5.5], "three whole numbers"),
        ("voxel_size", [0.1, 0.1, -0.1], "three positive lengths"),
        ("voxel_size", 0.1, "three positive lengths"),
        ("filaments", 0, "a whole number from 1"),
        ("filaments", True, "a whole number from 1"),
        ("radius", 0, "positive length"),
        ("radius", float("nan"), "positive length"),
        ("persistence_length", 0.05, "at least the side"),
        ("planar_factor", 1.2, "0 to 1"),
        ("planar_factor", None, "0 to 1"),
    ],
)
def test_settings_that_are_refused(key, value, message):
    for call in (microtubules.volume, microtubules.centre_lines):
        with pytest.raises(InputError, match=f"^microtubules: {key} is .*{message}"):
            call("one", {**SMALL, key: value})


def test_a_setting_that_is_missing():
    with pytest.raises(InputError, match="radius is missing"):
        microtubules.volume("one", {k: v for k, v in SMALL.items() if k != "radius"})
