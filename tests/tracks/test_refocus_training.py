"""The refocus track's training sets, read from the stacks of a run."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.images import write_volume
from focusbench.tracks.refocus import watched
from focusbench.tracks.refocus.training import training_set

VOXEL = (2.7, 0.25, 0.25)


@pytest.fixture
def write(tmp_path):
    def write(name, shape=(3, 16, 20, 3), voxel=VOXEL):
        rng = np.random.default_rng(len(name))
        path = tmp_path / f"{name}.ome.tif"
        write_volume(path, rng.integers(0, 256, shape, dtype=np.uint8), "ZYXC", voxel)
        return path

    return write


def made(write, learned, chosen_on=(), trains_on="lowres", settings=None, **kinds):
    files = {
        "truths": {name: write(name, **kinds.get(name, {})) for name in learned},
        "validation_truths": {name: write(name, **kinds.get(name, {})) for name in chosen_on},
    }
    return training_set(trains_on, 0, settings or {}, {}, files)


def test_stacks_are_read_with_their_slides_and_voxels(write, monkeypatch):
    monkeypatch.setattr(watched, "SIDE", 12)
    learned = ("cytology_s2_f1", "cytology_s2_f2", "mine", "yours")
    data = made(write, learned, ["cytology_s6_f1"], settings={"slides": {"mine": "K7"}})
    assert data.names == learned
    assert data.slides == ("cytology_s2", "cytology_s2", "K7", "yours")
    assert (data.scale, data.planes, data.z_step, data.pixel_size) == (2, 3, 2.7, 0.25)
    assert data.stacks[0].shape == (3, 16, 20, 3)
    assert data.validation.stack.shape == (3, 12, 12, 3)
    high = made(write, learned[:1], trains_on="highres")
    assert high.scale == 1
    assert high.score is None
    assert np.array_equal(high.inputs[0], high.stacks[0][1])


@pytest.mark.parametrize(
    ("learned", "chosen_on", "more", "message"),
    [
        ((), (), {}, "training: no fields; at least one to learn from is needed"),
        (("a",), (), {"trains_on": "pairs"}, "unknown training set 'pairs'; accepted: lowres, hi"),
        (("a", "b"), (), {"b": {"shape": (5, 16, 20, 3)}}, "training: b has 5 planes, a 3"),
        (("a", "b"), (), {"b": {"voxel": (2.0, 0.25, 0.25)}}, "training: b has voxels of 2 x 0.25"),
        (("cytology_s1_f1",), ("cytology_s1_f2",), {}, "slide cytology_s1 is learned from and"),
    ],
)
def test_what_does_not_fit_is_refused(write, learned, chosen_on, more, message):
    with pytest.raises(InputError, match=message):
        made(write, learned, chosen_on, **more)
