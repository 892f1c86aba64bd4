"""What predictors of defocus levels learn from."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.images import write_volume
from focusbench.optics.field_blur import blur
from focusbench.tracks.defocus.level_series import level_kernels, level_series
from focusbench.tracks.defocus.training import training_set
from focusbench.training import splits

pytestmark = pytest.mark.usefixtures("one_thread")

OPTICS = {
    **{"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451},
    **{"pixel_size": 0.65, "step": 2.0, "levels": 4, "side": 15, "subsamples": 1},
    **{"convention": "standard"},
}
SETTINGS = {"optics": OPTICS}


def field(name):
    rng = np.random.default_rng(sum(map(ord, name)))
    return (100 + 900 * rng.random((40, 52)) ** 8).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    """Two fields to learn from, one to watch, two of the test."""
    roles = {"truths": "ab", "validation_truths": "v", "test_truths": "xy"}
    made = {}
    for role, names in roles.items():
        for name in names:
            path = tmp_path / f"{name}.ome.tif"
            write_volume(path, field(name), "YX", (0.65, 0.65))
            made.setdefault(role, {})[name] = path
    return made


def test_a_series_is_the_field_blurred_to_every_level():
    """Against the blur of the track's observations; kernels wider than half the field too."""
    kernels = level_kernels({**OPTICS, "side": 51})
    values = field("a")
    made = level_series(values, kernels)
    assert (made.dtype, made.shape) == (np.uint16, (4, 40, 52))
    assert np.array_equal(made[0], np.rint(values))
    for level in (1, 2, 3):
        expected = blur(values, kernels, level)
        assert np.abs(made[level] - expected).max() < 0.51  # rounded to counts
        assert made[level].std() < made[level - 1].std()


def test_kernels_follow_the_optics():
    kernels = level_kernels(OPTICS)
    assert kernels.shape == (4, 15, 15)
    assert kernels[0].tolist() == np.eye(1, 225, 112).reshape(15, 15).tolist()  # one pixel
    wider = level_kernels({**OPTICS, "numerical_aperture": 0.3})
    assert not np.allclose(kernels[2], wider[2])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((3, 4), -1.0), r"values from -1 to -1; .* counts from 0 to 65535"),
        (np.full((3, 4), 7e4), "values from 70000 to 70000"),
        (np.ones(4), r"shape \(4,\)"),
    ],
)
def test_no_counts(values, message):
    with pytest.raises(InputError, match=message):
        level_series(values, level_kernels(OPTICS))


def test_split_by_field(files):
    data = training_set("levels", 5, SETTINGS, {}, files)
    assert (data.seed, data.n_levels) == (5, 4)
    assert sorted(data.fields) == ["a", "b", "v"]
    assert [tuple(image) for image in data.split.train] == [(n, k) for n in "ab" for k in range(4)]
    assert [tuple(image) for image in data.split.validation] == [("v", k) for k in range(4)]
    assert data.split.test == ()
    assert data.optics == OPTICS
    assert np.array_equal(data.fields["b"], level_series(field("b"), level_kernels(OPTICS)))


def test_split_by_image_shares_out_all_fields(files):
    """The paper's: fields that are tested on are learned from at other levels."""
    data = training_set("levels", 5, SETTINGS, {"split": "image"}, files)
    assert data.split == splits.split("abvxy", range(4), 5, by="image")
    assert [len(part) for part in data.split] == [15, 3, 2]
    assert splits.leaks(data.split) == 2
    other = training_set("levels", 6, SETTINGS, {"split": "image"}, files)
    assert other.split != data.split


def test_nothing_to_watch(files):
    data = training_set("levels", 0, SETTINGS, {}, {"truths": files["truths"]})
    assert data.split.validation == ()


def test_what_it_refuses(files):
    with pytest.raises(InputError, match="unknown training set 'pairs'; accepted: levels"):
        training_set("pairs", 0, SETTINGS, {}, files)
    with pytest.raises(InputError, match="split by 'cell'; accepted: image, field"):
        training_set("levels", 0, SETTINGS, {"split": "cell"}, files)
    with pytest.raises(InputError, match="no fields; at least one to learn from"):
        training_set("levels", 0, SETTINGS, {}, None)
    both = {**files, "validation_truths": files["truths"]}
    with pytest.raises(InputError, match="a is learned from and watched"):
        training_set("levels", 0, SETTINGS, {}, both)
