"""The options of a recording on the command line."""

import numpy as np
import pytest
import tifffile

from focusbench.errors import InputError
from focusbench.tracks.multifocus.recording import OPTIONS, recording

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
    import json
    from pathlib import Path

    import focusbench

    schema = json.loads((Path(focusbench.__file__).parent / "schemas/config.json").read_text())
    keys = set(schema["$defs"]["stack"]["properties"])
    assert set(OPTIONS) - {"aperture_grid"} <= keys
    assert keys - {"path"} <= set(OPTIONS)
