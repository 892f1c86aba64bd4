"""The options of a recording on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from focusbench import config, grids, plan
from focusbench.errors import InputError
from focusbench.tracks.multifocus.recording import OPTIONS, recording

ROOT = Path(__file__).parents[2]
SIZES = {"pixel_size": 0.5, "z_step": 2.0}


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    lamp = np.linspace(1, 0.8, 30)
    taken = (3000 * lamp * rng.uniform(0.98, 1, (6, 20, 30))).astype(np.uint16)
    tifffile.imwrite(tmp_path / "stack.tif", taken, photometric="minisblack")
    return str(tmp_path / "stack.tif")


def test_planes_and_flat_field(path):
    read = recording(path, {**SIZES, "planes": "2-4", "flat_field": 1})
    assert read.observed.array.shape == (3, 20, 30)
    assert read.stack["planes"] == [2, 4]
    columns = read.observed.array.mean(axis=(0, 1))
    assert np.ptp(columns) < 0.02
    assert np.ptp(recording(path, SIZES).observed.array.mean(axis=(0, 1))) > 0.15


@pytest.mark.parametrize("text", ["2", "2-", "a-b", "2-3-4", "-2-3"])
def test_planes_that_are_no_pair(path, text):
    with pytest.raises(InputError, match="--planes: .* two image numbers, such as 11-21"):
        recording(path, {**SIZES, "planes": text})


def test_values_that_the_stack_refuses(path):
    with pytest.raises(InputError, match=r"`planes` is \[2, 9\]"):
        recording(path, {**SIZES, "planes": "2-9"})
    with pytest.raises(InputError, match="`flat_field` is 7"):
        recording(path, {**SIZES, "flat_field": 7})


def test_options_are_keys_of_the_configuration():
    schema = json.loads((ROOT / "src/focusbench/schemas/config.json").read_text())
    keys = set(schema["$defs"]["stack"]["properties"])
    assert set(OPTIONS) - {"aperture_grid"} <= keys
    assert keys - {"path"} <= set(OPTIONS)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """`examples/brightfield.yaml`, as a function of changes to its first entry."""
    (tmp_path / "brightfield").mkdir()
    (tmp_path / "brightfield" / "cell_34planes.tif").write_bytes(b"-")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "examples" / "brightfield.yaml").read_text(encoding="utf-8")

    def build(**changes):
        asked = yaml.safe_load(text)
        asked["data"]["stack"]["cell_na0.5"] |= changes
        return config.build(asked)

    return build


def test_the_example_restores_the_recording_in_all_its_parts(example):
    built = example()
    items = grids.restorations(built, "multifocus", "recordings")
    parts = {"heldout", "planes_odd", "planes_even", "rays_odd", "rays_even"}
    assert {item.degradation for item in items} == {
        "recorded",
        *(f"recorded_{part}" for part in parts),
    }
    assert {item.sample for item in items} == {"cell_na0.5", "cell_na0.75", "cell_na0.9"}
    assert "fig4" in plan.reports(built, "multifocus", "figures")
    told = {
        sample: plan.restore_parameters(built, "multifocus", sample, "recorded", "lbfgs")
        for sample in ("cell_na0.5", "cell_na0.9")
    }
    assert told["cell_na0.5"]["settings"]["numerical_aperture"] == 0.5
    assert told["cell_na0.9"]["settings"]["numerical_aperture"] == 0.9


@pytest.mark.parametrize("changes", [{"planes": [10, 20]}, {"flat_field": 2}, {"background": 99}])
def test_a_change_of_how_a_stack_is_read_reruns_its_observation_alone(example, changes):
    def parameters(built, sample):
        return plan.observed_parameters(built, "multifocus", sample, "recorded")

    before, after = example(), example(**changes)
    assert parameters(before, "cell_na0.5") != parameters(after, "cell_na0.5")
    assert parameters(before, "cell_na0.9") == parameters(after, "cell_na0.9")


@pytest.mark.parametrize(
    "changes", [{"planes": [1]}, {"planes": [0, 4]}, {"planes": "1-4"}, {"flat_field": 4}]
)
def test_the_configuration_refuses(example, changes):
    (key,) = changes
    with pytest.raises(InputError, match=rf"data\.stack\.cell_na0\.5\.{key}"):
        example(**changes)
