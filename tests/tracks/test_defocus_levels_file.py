"""Levels of an observation's patches: told, written, read, and picked for another window."""

import numpy as np
import pytest
import torch

from focusbench import methods
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.methods.delpnet import Delpnet
from focusbench.problem import Weights
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.tracks.defocus import levels
from focusbench.training.level_map import BG, corners
from focusbench.training.run import quick_run

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {"patch": 32}
TINY = {"side": 32, "n_levels": 3, "width": 1 / 64, "scale": 100.0, "precision": "float32"}


def weights_of(parameters):
    """An untrained network's, the same at every call."""
    torch.manual_seed(0)
    method = Delpnet(**parameters)
    tensors = {f"network/{k}": v for k, v in method.network().state_dict().items()}
    return Weights(tensors, method.architecture)


def field(shape=(70, 101)):
    values = np.random.default_rng(0).integers(100, 900, shape)
    return Volume(values.astype(np.float32), "YX", (0.65, 0.65))


def predict(parameters, observed=None, settings=SETTINGS):
    return levels.predict(
        "delpnet", parameters, weights_of(parameters), observed or field(), settings, quick_run()
    )


def test_all_patches_of_the_triangular_grid():
    told = predict(TINY)
    assert (told.shape, told.side, told.bg) == ((70, 101), 32, True)
    y, x = [0, 16, 32, 38], [0, 16, 32, 48, 64, 69]
    assert told.corners.tolist() == [[i, j] for i in y for j in x]
    method, weights = Delpnet(**TINY), weights_of(TINY)
    alone = method.probabilities(field().array[None, 38:70, 69:], quick_run(), weights)
    assert np.allclose(told.probabilities[-1], alone[0], atol=1e-5)
    assert told.levels[-1] == [0, 1, 2, BG][alone[0].argmax()]
    assert not predict({**TINY, "bg": False}).bg


@pytest.mark.parametrize(
    ("side", "first", "inner", "last"),
    # patches of 32 at (0, 0), (16, 16) and (38, 69) of a field of 70 x 101
    [(16, (8, 8), (24, 24), (46, 77)), (48, (0, 0), (8, 8), (22, 53))],
)
def test_a_predictor_of_other_patches_looks_at_the_same_middles(side, first, inner, last):
    """Moved into the field where they would exceed it."""
    parameters = {**TINY, "side": side}
    told = predict(parameters)
    assert told.side == 32
    assert np.array_equal(told.corners, predict(TINY).corners)
    method, weights = Delpnet(**parameters), weights_of(parameters)
    for number, (y, x) in ((0, first), (7, inner), (23, last)):
        patch = field().array[None, y : y + side, x : x + side]
        alone = method.probabilities(patch, quick_run(), weights)
        assert np.allclose(told.probabilities[number], alone[0], atol=1e-5)


@pytest.mark.parametrize("bg", [True, False])
def test_written_and_read(tmp_path, bg):
    told = predict({**TINY, "bg": bg})
    told.levels[3] = BG if bg else 2
    path = tmp_path / "told.csv"
    levels.write(path, told)
    heading = path.read_text().splitlines()[0]
    assert heading == "y,x,side,level,p0,p1,p2" + ",pbg" * bg
    assert ",bg," in path.read_text() or not bg
    again = levels.read(path)
    assert (again.shape, again.side, again.bg) == (told.shape, told.side, bg)
    assert np.array_equal(again.corners, told.corners)
    assert np.array_equal(again.levels, told.levels)
    assert (again.levels.dtype, again.probabilities.dtype) == (np.int64, np.float32)
    assert np.allclose(again.probabilities, told.probabilities, rtol=1e-5)


def test_patches_side_by_side_are_among_them():
    grid = PatchGrid((520, 696), 84, "triangular")
    places = corners((520, 696), 84, 42)
    number = np.arange(len(places))
    picked = levels.levels_on(grid, number, "rectangular")
    side_by_side = PatchGrid((520, 696), 84)
    assert picked.shape == side_by_side.count == (7, 9)
    wanted = corners((520, 696), 84)
    assert np.array_equal(places[picked.ravel()], wanted)
    same = levels.levels_on(grid, number.reshape(grid.count), "triangular")
    assert np.array_equal(same.ravel(), number)
    # half of 33 is no whole number: the nearest stands in
    odd = PatchGrid((70, 101), 33, "triangular")
    near = levels.levels_on(odd, np.arange(np.prod(odd.count)), "rectangular").ravel()
    y, x = (starts.astype(int) for starts in odd.starts)
    places = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)[near]
    assert np.abs(places - corners((70, 101), 33)).max() == 2
    with pytest.raises(InputError, match=r"levels: shape \(5,\); one for each patch"):
        levels.levels_on(grid, np.zeros(5), "rectangular")


def test_levels_of_another_lens_are_not_told():
    known = weights_of(TINY)
    lens = {"pixel_size": 0.65, "numerical_aperture": 0.5, "wavelength": 0.451, "step": 2.0}
    known = Weights(known.tensors, {**known.description, "optics": lens})

    def told(observed=None, **settings):
        given = {**SETTINGS, **settings}
        return levels.predict("delpnet", TINY, known, observed or field(), given, quick_run())

    same = told(optics={**lens, "pixel_size": 0.5}, numerical_aperture=None)  # the field's own
    assert np.array_equal(same.levels, predict(TINY).levels)
    assert told(field()._replace(voxel_size=None)).levels.shape == same.levels.shape
    for given, said in (
        ({"observed": field()._replace(voxel_size=(0.7, 0.7))}, "pixel_size: 0.7 is not"),
        ({"optics": lens, "numerical_aperture": 0.45}, "numerical_aperture: 0.45 is not accepted"),
        ({"optics": {**lens, "wavelength": 0.5}}, "delpnet learned with 0.451 and cannot tell"),
        ({"optics": {**lens, "step": 1.0}}, "step: 1 is not accepted"),
    ):
        with pytest.raises(InputError, match=said):
            told(**given)


def test_throughput():
    made = levels.throughput("delpnet", TINY, weights_of(TINY), quick_run(), warm_up=1, steps=2)
    assert (made["patches"], made["side"], made["device"]) == (2 * levels.BATCH, 32, "cpu")
    assert made["patches_per_second"] == pytest.approx(made["patches"] / made["seconds"])
    assert made["threads"] == 1
    assert made["load_before"] >= 0


def test_bad_input(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="a field of .* at least one patch, 32 x 32"):
        predict(TINY, field((20, 90)))
    with pytest.raises(InputError, match="two axes .* of at least 48 pixels"):
        predict({**TINY, "side": 48}, field((40, 90)))
    path = tmp_path / "a.csv"
    for text in ("", "a,b\n1,2\n", "y,x,side,level,p0\n", "y,x,side,level,p0\n0,0,32,0\n"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"a\.csv: is no list of levels") as error:
            levels.read(path)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"b\.csv: no such file"):
        levels.read(tmp_path / "b.csv")
    monkeypatch.setattr(methods, "build", lambda target, parameters: object())
    with pytest.raises(InputError, match="mine: has no function levels_at"):
        levels.predict("mine", {}, Weights({}), field(), SETTINGS, quick_run())
