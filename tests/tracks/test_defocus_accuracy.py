"""What a trained predictor is judged on, and the table of what it told."""

from dataclasses import dataclass
from typing import ClassVar

import imageio.v3
import numpy as np
import pytest

from focusbench import methods
from focusbench.errors import InputError
from focusbench.images import write_volume
from focusbench.problem import Weights
from focusbench.tracks.defocus import accuracy
from focusbench.tracks.defocus.level_series import level_kernels, level_series
from focusbench.training import splits
from focusbench.training.level_map import BG, is_background
from focusbench.training.level_prediction import LevelPredictor
from focusbench.training.run import quick_run

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE = 16
OPTICS = {
    **{"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451},
    **{"pixel_size": 0.65, "step": 2.0, "levels": 3, "side": 15, "subsamples": 1},
    **{"convention": "standard"},
}
SETTINGS = {"optics": OPTICS, "judged_patches": 4, "stacks": {}}
PARAMETERS = {"side": SIDE, "n_levels": 3}
WEIGHTS = Weights({}, {"training": {"fields": ["learned"], "seed": 7}})


@dataclass(frozen=True)
class Teller(LevelPredictor):
    """Tells classes from the mean of a patch, so that a row can be checked by its patch."""

    name: ClassVar[str] = "teller"
    architecture: ClassVar[dict] = {}

    def fit(self, data, run):
        raise NotImplementedError

    def probabilities(self, patches, run, weights):
        return told(patches, self.classes)


def told(patches, classes):
    scores = np.cos(
        patches.mean(axis=(1, 2), dtype=np.float64)[:, None] * np.arange(1, classes + 1)
    )
    made = np.exp(scores)
    return (made / made.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(autouse=True)
def teller(monkeypatch):
    monkeypatch.setattr(methods, "build", lambda target, parameters: Teller(**parameters))


def field(name):
    """Bright at the left, empty at the right."""
    rng = np.random.default_rng(sum(map(ord, name)))
    values = 100 + 2000 * rng.random((40, 90)) ** 6
    values[:, 40:] = 110
    return np.rint(values).astype(np.float32)


@pytest.fixture
def paths(tmp_path):
    def made(names):
        given = {name: tmp_path / f"{name}.ome.tif" for name in names}
        for name, path in given.items():
            write_volume(path, field(name), "YX", (0.65, 0.65))
        return given

    return made


def judge(files, parameters=None, settings=None, weights=WEIGHTS):
    parameters = {**PARAMETERS, **(parameters or {})}
    settings = {**SETTINGS, **(settings or {})}
    return accuracy.judge("teller", parameters, weights, files, settings, quick_run())


def rows(judged, name):
    return judged.sets == name


def test_every_row_is_its_patch(paths):
    judged = judge({"held_out": paths("ab"), "judged": paths(["real"])})
    assert list(dict.fromkeys(judged.sets)) == [
        "held_out",
        "held_out_poisson",
        "real",
        "real_poisson",
    ]
    kernels = level_kernels(OPTICS)
    for row in np.flatnonzero(rows(judged, "held_out") | rows(judged, "real")):
        series = level_series(field(judged.samples[row]), kernels)
        y, x = judged.places[row]
        patch = series[judged.levels[row], y : y + SIDE, x : x + SIDE][None]
        assert patch.shape == (1, SIDE, SIDE)
        expected = BG if is_background(patch)[0] else judged.levels[row]
        assert judged.truth[row] == expected
        assert np.array_equal(judged.probabilities[row], told(patch, 4)[0])
        assert judged.predicted[row] == [0, 1, 2, BG][told(patch, 4).argmax()]
    assert BG in judged.truth
    assert (judged.planes == -1).all()
    # 4 patches of every field at every level
    for name, samples in (("held_out", "ab"), ("real", ["real"])):
        these = rows(judged, name)
        for sample in samples:
            for level in range(3):
                assert (these & (judged.samples == sample) & (judged.levels == level)).sum() == 4


def test_noise_comes_to_the_same_patches(paths):
    """Labels are those without noise, which would hide every `bg`."""
    judged = judge({"held_out": paths("ab")})
    clean, noisy = rows(judged, "held_out"), rows(judged, "held_out_poisson")
    for column in ("samples", "levels", "places", "truth"):
        values = getattr(judged, column)
        assert np.array_equal(values[clean], values[noisy])
    assert not np.array_equal(judged.probabilities[clean], judged.probabilities[noisy])


def test_all_predictors_meet_the_same_patches(paths):
    """Whatever the seed of their training; without `bg` patches have their image's level."""
    one = judge({"held_out": paths("ab")})
    other = Weights({}, {"training": {"fields": [], "seed": 99}})
    two = judge({"held_out": paths("ab")}, {"bg": False}, weights=other)
    assert np.array_equal(one.places, two.places)
    assert np.array_equal(two.truth, two.levels)
    assert two.probabilities.shape[1] == 3
    noisy = rows(one, "held_out_poisson")
    both = noisy & (one.truth != BG)
    assert np.array_equal(one.truth[both], two.truth[both])


def test_split_by_image_is_judged_on_the_images_left_out(paths):
    """With the split of its training, whose seed its weights tell."""
    roles = {"truths": paths("ab"), "validation_truths": paths("v"), "test_truths": paths("xy")}
    weights = Weights({}, {"training": {"fields": list("abvxy"), "seed": 7}})
    files = {**roles, "judged": paths(["real"])}
    judged = judge(files, {"split": "image"}, weights=weights)
    assert list(dict.fromkeys(judged.sets)) == ["image", "real", "real_poisson"]
    left_out = splits.split("abvxy", range(3), 7, by="image").test
    these = rows(judged, "image")
    found = dict.fromkeys(zip(judged.samples[these], judged.levels[these], strict=True))
    assert [tuple(image) for image in left_out] == [(str(s), int(k)) for s, k in found]


def stack(folder, field="a01_s1"):
    """Five planes, the second of them sharpest."""
    for z in range(4, 9):
        random = np.random.default_rng(z).normal(500, 50 / (1 + abs(z - 5)), (90, 90))
        plane = np.rint(random).astype(np.uint16)
        name = f"mcf-z-stacks-03212011_{field}_w1a571d43d-5554-47fd-bb54-5db68290e5a7.png"
        imageio.v3.imwrite(folder / f"z{z:02d}_{name}", plane)


def test_split_by_image_is_not_judged_on_other_images_of_its_fields(paths, tmp_path):
    """Those of its test fields that are judged or have a stack; of others it is."""
    for field in ("a01_s1", "a02_s1", "a03_s1"):
        stack(tmp_path, field)
    names = [f"bbbc006_a0{number}_s1" for number in (1, 2, 3)]
    roles = {"truths": paths("ab"), "validation_truths": paths("v"), "test_truths": paths(names)}
    weights = Weights({}, {"training": {"fields": ["a", names[0]], "seed": 7}})
    # of the third no image was drawn to learn from, which another seed would have
    stacks = {one: {"directory": str(tmp_path)} for one in names}
    files = {**roles, "judged": paths([names[1], "real"])}
    judged = judge(files, {"split": "image"}, {"stacks": stacks}, weights)
    assert list(dict.fromkeys(judged.sets)) == ["image", "real", "real_poisson"]
    for name in ("real", "real_poisson"):
        assert set(judged.samples[rows(judged, name)]) == {"real"}
    others = {**roles, "test_truths": paths(names[:2])}
    judged = judge(others, {"split": "image"}, {"stacks": stacks}, weights)
    assert set(judged.samples[rows(judged, "stack")]) == {names[2]}


def test_a_stack_of_a_field_that_was_learned_from(tmp_path):
    stacks = {"learned": {"directory": str(tmp_path)}}
    with pytest.raises(InputError, match="accuracy: learned was learned from"):
        judge({}, settings={"stacks": stacks})


def test_real_stacks(tmp_path):
    """A plane's level is its distance from the sharpest, and the last one beyond."""
    stack(tmp_path)
    stacks = {"bbbc006_a01_s1": {"directory": str(tmp_path)}}
    judged = judge({}, settings={"stacks": stacks})
    assert set(judged.sets) == {"stack"}
    assert set(judged.samples) == {"bbbc006_a01_s1"}
    found = dict(zip(judged.planes.tolist(), judged.levels.tolist(), strict=True))
    assert found == {4: 1, 5: 0, 6: 1, 7: 2, 8: 2}
    assert len(judged.sets) == 5 * 4
    assert ((judged.truth == judged.levels) | (judged.truth == BG)).all()


def test_what_was_learned_from_is_not_judged(paths):
    for role in ("held_out", "judged"):
        with pytest.raises(InputError, match="accuracy: learned was learned from"):
            judge({role: paths(["learned"])})


def test_nothing_to_judge():
    with pytest.raises(InputError, match="no fields and no stacks to judge on"):
        judge({"held_out": {}, "judged": {}})


def test_other_levels(paths):
    with pytest.raises(InputError, match="n_levels is 4; the optics have 3 levels"):
        judge({"held_out": paths("a")}, {"n_levels": 4})


@pytest.mark.parametrize("bg", [True, False])
def test_written_and_read(paths, tmp_path, bg):
    judged = judge({"held_out": paths("a")}, {"bg": bg})
    path = tmp_path / "judged.csv"
    accuracy.write(path, judged)
    table = accuracy.read(path)
    classes = ["p0", "p1", "p2", "pbg"][: 3 + bg]
    columns = ["set", "sample", "level", "plane", "y", "x", "truth", "predicted", *classes]
    assert list(table.columns) == columns
    assert table["set"].tolist() == judged.sets.tolist()
    assert table["sample"].tolist() == judged.samples.tolist()
    for name, values in (
        ("level", judged.levels),
        ("plane", judged.planes),
        ("truth", judged.truth),
        ("predicted", judged.predicted),
    ):
        assert table[name].tolist() == values.tolist()
    assert table[["y", "x"]].to_numpy().tolist() == judged.places.tolist()
    assert np.allclose(table[classes], judged.probabilities, rtol=1e-5)
    assert "-1" not in path.read_text()
    accuracy.write(tmp_path / "again.csv", judged)
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_numbers_as_names(tmp_path):
    text = "set,sample,level,plane,y,x,truth,predicted,p0\nstack,007,0,,1,2,bg,0,1\n"
    (tmp_path / "a.csv").write_text(text)
    table = accuracy.read(tmp_path / "a.csv")
    assert table.loc[0, "sample"] == "007"
    assert table.loc[0, "truth"] == BG


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "set,sample\n"])
def test_other_files(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.csv: is no list of judged patches") as error:
        accuracy.read(path)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="there is no such file"):
        accuracy.read(tmp_path / "b.csv")
