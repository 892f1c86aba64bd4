import json
import os

import numpy as np
import pytest
import tifffile

from focusbench import pyramid
from focusbench.errors import InputError
from focusbench.images import read_volume
from focusbench.pyramid import PyramidWriter, grids, half

RNG = np.random.default_rng(0)
COARSE = RNG.integers(0, 256, (3, 8, 7, 3))
STACK = COARSE.repeat(13, 1).repeat(13, 2)[:, :97, :75] // 2
STACK = (STACK + RNG.integers(0, 20, STACK.shape)).astype(np.uint8)
SIZES = (2.7, 0.2, 0.25)
SIDE = 32


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Tiles of other than the usual size: small files will do."""
    monkeypatch.setattr(pyramid, "SIDE", SIDE)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "planes.ome.tif"


def write(path, stack, step=2 * SIDE, rows=None, sizes=SIZES, fingerprint="one", **options):
    """Write a stack in blocks, from where an earlier writer ended; stop after some rows."""
    with PyramidWriter(path, stack.shape[:3], fingerprint, **options) as writer:
        for y in range(writer.rows, stack.shape[1], step):
            if rows is not None and y >= rows:
                return
            for x in range(0, stack.shape[2], step):
                writer.write(y, x, stack[:, y : y + step, x : x + step])
            writer.keep(min(y + step, stack.shape[1]))
        writer.finish(sizes)


def halved(image):
    """Means of 2 x 2 pixels, half rounded up; an odd side's last pixels count twice."""
    image = np.pad(image, [(0, side % 2) for side in image.shape[:2]] + [(0, 0)], mode="edge")
    high, wide = image.shape[:2]
    means = image.reshape(high // 2, 2, wide // 2, 2, 3).mean((1, 3))
    return np.floor(means + 0.5).astype(np.uint8)


@pytest.mark.parametrize("compression", ["deflate", "zstd"])
@pytest.mark.parametrize("shape", [(3, 97, 75), (1, 40, 32), (2, 5, 1), (2, 65, 11)])
def test_what_is_written_is_read(path, compression, shape):
    stack = STACK[: shape[0], : shape[1], : shape[2]]
    write(path, stack, compression=compression)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
        assert tif.is_ome
        assert len(tif.pages) == shape[0]
        [series] = tif.series
        assert series.axes == ("ZYXS" if shape[0] > 1 else "YXS")
        expected = list(stack)
        assert len(series.levels) == 1 + int(np.ceil(np.log2(max(max(shape[1:]) / SIDE, 1))))
        for level in series.levels:
            pixels = level.asarray().reshape(shape[0], *expected[0].shape)
            np.testing.assert_array_equal(pixels, expected)
            expected = [halved(plane) for plane in expected]
        page, small = tif.pages[0], series.levels[-1].pages[0]
        assert page.photometric.name == "RGB"
        assert (page.tilelength, page.tilewidth) == (SIDE, SIDE)
        assert page.compression.name == {"deflate": "ADOBE_DEFLATE", "zstd": "ZSTD"}[compression]
        assert page.tags["ResolutionUnit"].value == 3
        assert page.resolution == (10000 / 0.25, 10000 / 0.2)
        y = small.imagelength / shape[1] * 10000 / 0.2
        assert small.resolution[1] == pytest.approx(y, abs=1e-3)
        assert small.is_reduced == (len(series.levels) > 1)
        assert "DateTime" not in page.tags
    volume = read_volume(path, "ZYXC")  # checks the structure too
    np.testing.assert_array_equal(volume.array, stack)
    assert volume.voxel_size == SIZES
    assert os.listdir(path.parent) == [path.name]


def test_sizes_that_are_not_known(path):
    write(path, STACK[:, :40], sizes=(None, None, None))
    with tifffile.TiffFile(path) as tif:
        assert "PhysicalSize" not in tif.ome_metadata
        assert tif.pages[0].tags["ResolutionUnit"].value == 1
    assert read_volume(path, "ZYXC").voxel_size is None


def test_equal_content_equal_bytes(path):
    found = []
    for stack in (STACK, STACK.copy(), STACK // 2 * 2):
        write(path, stack)
        found.append(path.read_bytes())
    assert found[0] == found[1] != found[2]
    write(path, STACK, threads=3)
    assert path.read_bytes() == found[0]
    uuids = []
    for content in (found[0], found[2]):
        at = content.index(b"urn:uuid:")
        uuids.append(content[at : at + 45])
    assert uuids[0] != uuids[1]


def test_levels(monkeypatch):
    assert [grid.shape for grid in grids(2, (97, 75))] == [(97, 75), (49, 38), (25, 19)]
    assert [grid.tiles for grid in grids(2, (97, 75))] == [(4, 3), (2, 2), (1, 1)]
    assert [grid.first for grid in grids(2, (97, 75))] == [0, 24, 32]
    monkeypatch.undo()
    assert pyramid.SIDE == 256
    assert len(grids(11, (40000, 40000))) == 9
    image = STACK[0, :5, :7]
    np.testing.assert_array_equal(half(image), halved(image))
    assert half(np.full((2, 2, 3), 255, np.uint8)).max() == 255


def test_goes_on_where_it_was(path):
    write(path, STACK, step=SIDE)
    whole = path.read_bytes()
    path.unlink()
    write(path, STACK, step=SIDE, rows=2 * SIDE)
    folder = pyramid.folder(path)
    assert not path.exists()
    kept = (folder / "pixels.part").stat().st_size
    with open(folder / "pixels.part", "ab") as file:
        file.write(b"a row that was cut off")
    with PyramidWriter(path, STACK.shape[:3], "one") as writer:
        assert writer.rows == 2 * SIDE
    assert (folder / "pixels.part").stat().st_size == kept
    write(path, STACK, step=SIDE)
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    "other", [{"fingerprint": "two"}, {"compression": "zstd"}, {"shape": (3, 97, 74)}]
)
def test_another_unfinished_file_is_not_taken_up(path, other):
    write(path, STACK, step=SIDE, rows=2 * SIDE)
    with PyramidWriter(path, **{"shape": STACK.shape[:3], "fingerprint": "one"} | other) as writer:
        assert writer.rows == 0


@pytest.mark.parametrize("damage", ["short", "note", "index", "no index"])
def test_an_unfinished_file_that_is_damaged_is_begun_anew(path, damage):
    write(path, STACK, step=SIDE)
    whole = path.read_bytes()
    write(path, STACK, step=SIDE, rows=2 * SIDE)
    folder = pyramid.folder(path)
    if damage == "short":
        os.truncate(folder / "pixels.part", 100)
    elif damage == "note":
        (folder / "progress.json").write_text("{")
    elif damage == "index":
        (folder / "index.npy").write_bytes(b"")
    else:
        (folder / "index.npy").unlink()
    with PyramidWriter(path, STACK.shape[:3], "one") as writer:
        assert writer.rows == 0
    write(path, STACK, step=SIDE)
    assert path.read_bytes() == whole


def test_changed_pixels_are_seen(path):
    write(path, STACK, step=SIDE, rows=2 * SIDE)
    with open(pyramid.folder(path) / "pixels.part", "r+b") as file:
        file.seek(500)
        file.write(b"changed")
    with pytest.raises(InputError, match=r"planes\.resume: is damaged; delete it"):
        write(path, STACK, step=SIDE)
    assert not path.exists()


def test_what_stood_there_stays_until_the_end(path):
    path.parent.mkdir()
    path.write_bytes(b"earlier")
    write(path, STACK, step=SIDE, rows=2 * SIDE)
    assert path.read_bytes() == b"earlier"
    note = json.loads((pyramid.folder(path) / "progress.json").read_text())
    assert note["tile_rows"] == [2, 0, 0]


def test_a_failure_before_anything_is_kept_leaves_nothing(path):
    with pytest.raises(KeyError), PyramidWriter(path, STACK.shape[:3], "one"):
        raise KeyError
    assert list(path.parent.iterdir()) == []


def test_one_writer_at_a_time(path):
    with PyramidWriter(path, STACK.shape[:3], "one") as first:
        with pytest.raises(InputError, match="is being written by another process"):
            PyramidWriter(path, STACK.shape[:3], "one")
        first.write(0, 0, STACK[:, :SIDE, :SIDE])


def test_bad_arguments(path):
    def refuse(match, **wrong):
        given = {"output": path, "shape": (3, 9, 9), "fingerprint": ""} | wrong
        with pytest.raises(InputError, match=match):
            PyramidWriter(**given)

    refuse("a name that ends in .ome.tif", output=path.with_name("planes.tif"))
    refuse("a name that ends in .ome.tif", output=path.with_name(".ome.tif"))
    refuse("compression is 'jpeg'; accepted: deflate, zstd", compression="jpeg")
    refuse(r"shape \(3, 0, 9\)", shape=(3, 0, 9))
    assert not path.parent.exists()
    with PyramidWriter(path, (3, 75, 75), "") as writer:
        for y, x, high, wide in ((0, 0, 32, 31), (10, 0, 32, 32), (64, 0, 12, 32)):
            with pytest.raises(ValueError, match="does not fit"):
                writer.write(y, x, np.zeros((3, high, wide, 3), np.uint8))
        with pytest.raises(ValueError, match="0 of 75 rows"):
            writer.finish()
        with pytest.raises(InputError, match="lengths in um"):
            writer.finish((0.0, 1.0, 1.0))


def test_room_on_the_disk(path):
    path.parent.mkdir()
    assert pyramid.check_room(path, (11, 400, 400)) is None
    line = pyramid.check_room(path, (11, 10**7, 10**7))
    assert "4400000 GB before compression" in line
    assert "are free" in line
