import imageio
import numpy as np
import pytest
import tifffile

from focusbench.data import defocused
from focusbench.errors import InputError
from focusbench.images import write_volume

SIDE, OPTICS = 24, {"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451}


def counts(seed=0, shape=(30, 34)):
    return np.random.default_rng(seed).integers(100, 4000, shape).astype(np.uint16)


@pytest.fixture
def entry(tmp_path):
    """An image of 30 x 34 pixels and its partner in focus."""
    for seed, name in enumerate(("far.tif", "near.tif")):
        tifffile.imwrite(tmp_path / name, counts(seed), photometric="minisblack")
    return {
        "path": str(tmp_path / "far.tif"),
        "truth": str(tmp_path / "near.tif"),
        "pixel_size": 0.65,
        "level": 16,
    }


def refused(entry, written=str):
    with pytest.raises(InputError) as caught:
        defocused.check(entry, "config: data.defocused.mine", OPTICS, SIDE, written)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_image_and_its_truth(entry):
    defocused.check(entry, "here", OPTICS, SIDE)
    image = defocused.read(entry)
    assert (image.axes, image.voxel_size, image.array.dtype) == ("YX", (0.65, 0.65), np.float32)
    np.testing.assert_array_equal(image.array, counts())
    np.testing.assert_array_equal(defocused.truth(entry).array, counts(1))
    assert defocused.truth(entry).voxel_size == (0.65, 0.65)
    assert defocused.source_files(entry) == [entry["path"], entry["truth"]]
    assert defocused.source_files({"path": "a.tif"}) == ["a.tif"]


def test_a_png_too(entry, tmp_path):
    imageio.v3.imwrite(tmp_path / "far.png", counts())
    image = defocused.read({**entry, "path": str(tmp_path / "far.png")})
    np.testing.assert_array_equal(image.array, counts())


def test_the_file_tells_its_pixel_where_no_key_does(entry, tmp_path):
    del entry["pixel_size"]
    assert "does not tell its pixel size; set pixel_size" in refused(entry)
    assert "set --pixel" in refused(entry, lambda key: f"--{key[:5]}")
    path = tmp_path / "far.ome.tif"
    write_volume(path, counts().astype(np.float32), "YX", (0.3, 0.3))
    mine = {**entry, "path": str(path)}
    assert defocused.truth(mine).voxel_size == defocused.read(mine).voxel_size == (0.3, 0.3)
    write_volume(tmp_path / "near.tif", counts(1).astype(np.float32), "YX", (0.4, 0.4))
    assert "a truth with pixels of 0.4 um for an image with 0.3 um" in refused(mine)
    assert defocused.read({**mine, "pixel_size": 0.5}).voxel_size == (0.5, 0.5)
    write_volume(path, counts().astype(np.float32), "YX", (0.3, 0.4))
    assert "pixels are 0.4 um x 0.3 um; square pixels are accepted" in refused(mine)


def test_counts_that_focusbench_wrote_are_read_and_other_floats_are_not(entry, tmp_path):
    path = tmp_path / "counts.ome.tif"
    mine = {**entry, "path": str(path)}
    write_volume(path, counts().astype(np.float32), "YX")
    np.testing.assert_array_equal(defocused.read(mine).array, counts())
    for wrong in (counts() / 65535, counts() - 200.0, counts() * 100.0):
        write_volume(path, wrong.astype(np.float32), "YX")
        assert "that are no counts (whole numbers from 0 to 65535)" in refused(mine)


def test_images_that_are_refused(entry, tmp_path):
    path = tmp_path / "far.tif"

    def written(array, **options):
        tifffile.imwrite(path, array, **{"photometric": "minisblack", **options})
        line = refused(entry)
        assert line.startswith(f"{path}: ")
        return line

    assert "holds uint8 values; a 16-bit grey image" in written(counts().astype(np.uint8))
    colours = np.stack([counts().astype(np.uint8)] * 3, axis=-1)
    assert "RGB" in written(colours, photometric="rgb")
    assert "is 34 x 23 pixels; at least 24 x 24" in written(counts()[:23])
    assert "is constant (grey value 7)" in written(np.full((30, 34), 7, np.uint16))
    assert "is saturated" in written(np.minimum(counts(), 2047))
    assert "holds 2 images" in written(np.stack([counts(), counts(1)]))
    written(counts()[:23])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "truncated" in refused(entry)
    path.unlink()
    assert "No such file" in refused(entry)


def test_a_truth_of_another_shape(entry):
    tifffile.imwrite(entry["truth"], counts(1, (30, 33)))
    line = refused(entry)
    assert line.startswith(f"{entry['truth']}: a truth of shape (30, 33) for an image of")


@pytest.mark.parametrize("mine", [{"numerical_aperture": 1.0}, {"numerical_aperture": 1.2}])
def test_an_aperture_that_the_index_does_not_allow(entry, mine):
    line = refused({**entry, **mine})
    assert line.startswith("config: data.defocused.mine.numerical_aperture: 1.")
    assert line.endswith("below the refractive index 1.0")
    defocused.check({**entry, **mine, "refractive_index": 1.33}, "here", OPTICS, SIDE)
