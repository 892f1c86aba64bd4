"""Fields of BBBC006 as focal stacks: which planes, in which range, and what is refused."""

import numpy as np
import pytest
import tifffile

from focusbench.data import bbbc006_planes
from focusbench.errors import InputError

SAMPLE = "bbbc006_a01_s1"
UUID = "1a571d43-d554-47fd-bb54-5db68290e5a7"
SHAPE = (90, 100)


def counts(z):
    """Counts of a plane: the further from z_16, the less contrast."""
    image = np.random.default_rng(0).normal(0, 400 / (1 + abs(z - 16)), SHAPE)
    return np.clip(np.rint(1000 + z + image), 0, 4000).astype(np.uint16)


@pytest.fixture
def folder(tmp_path):
    for z in range(13, 20):
        path = tmp_path / f"z_{z:02d}" / f"mcf-z-stacks-03212011_a01_s1_w1{UUID}.tif"
        path.parent.mkdir()
        tifffile.imwrite(path, counts(z), photometric="minisblack")
    return tmp_path


def places(folder, planes=None):
    return {"directory": None if folder is None else str(folder), "planes": planes}


def test_planes_around_the_nominal_focus(folder):
    found = bbbc006_planes.planes(SAMPLE, places(folder), {"planes": 5, "low": 500, "high": 1500})
    assert found.shape == (5, *SHAPE, 3)
    assert found.dtype == np.uint8
    for plane, z in zip(found, (14, 15, 16, 17, 18), strict=True):
        wanted = np.clip(255 * (counts(z).astype(float) - 500) / 1000, 0, 255)
        np.testing.assert_allclose(plane, np.repeat(wanted[..., None], 3, -1), atol=0.51)


def test_one_range_for_all_planes_by_the_middle_one(folder):
    found = bbbc006_planes.planes(SAMPLE, places(folder), {"planes": 7})
    low, high = np.percentile(counts(16), (0.1, 99.9))
    told = bbbc006_planes.planes(SAMPLE, places(folder), {"planes": 7, "low": low, "high": high})
    np.testing.assert_array_equal(found, told)
    middle = found[3]
    assert 0 < (middle == 0).mean() < 0.01
    assert 0 < (middle == 255).mean() < 0.01
    assert found[0].std() < 0.4 * middle.std()  # not stretched by itself


def test_indices():
    assert bbbc006_planes.indices(11) == list(range(11, 22))
    assert bbbc006_planes.indices(33) == list(range(33))
    for count in (10, 1, 35, 11.0):
        with pytest.raises(InputError, match="an odd number from 3 to 33"):
            bbbc006_planes.indices(count)


def refused(given, count=5):
    with pytest.raises(InputError) as caught:
        bbbc006_planes.check(SAMPLE, given, count, "config: x")
    with pytest.raises(InputError):
        bbbc006_planes.planes(SAMPLE, given, {"planes": count})
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_planes_that_are_not_there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    line = refused(places(folder), 9)
    assert "field a01_s1 lacks its planes z_12, z_20; there are" in line
    line = refused(places(folder, [14, 15, 16]))
    assert line.startswith(
        "config: x: bbbc006_a01_s1 needs planes 14 to 18, but data.bbbc006.planes is [14, 15, 16]; "
        "set it to [14, 15, 16, 17, 18], or"
    )
    assert "but data.bbbc006.planes is None; set it to" in refused(places(None))
    given = places(None, list(range(10, 20)))
    bbbc006_planes.check(SAMPLE, given, 5, "x")  # will be downloaded
    with pytest.raises(InputError, match="let the workflow download it"):
        bbbc006_planes.planes(SAMPLE, given, {"planes": 5})


def test_real_planes_are_not_complete(real_data):
    folder = real_data / "bbbc006"
    if not folder.is_dir():
        pytest.skip("no fields of BBBC006")
    with pytest.raises(InputError, match="lacks its planes z_11, z_12"):
        bbbc006_planes.planes(SAMPLE, places(folder), {"planes": 11})
