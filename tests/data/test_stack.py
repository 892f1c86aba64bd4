import numpy as np
import pytest
import tifffile
from scipy import fft

from focusbench import images
from focusbench.data import stack
from focusbench.data.flat_field import illumination
from focusbench.errors import InputError

SIZES = {"pixel_size": 0.5, "z_step": 2.0}


@pytest.fixture
def grey():
    """12-bit images of a bright field with a shadow."""
    image = np.full((5, 20, 30), 3000, np.uint16)
    image[:, 5:10, 5:10] = np.arange(1000, 1500, 100)[:, None, None]
    return image


@pytest.fixture
def path(tmp_path, grey):
    tifffile.imwrite(tmp_path / "stack.tif", grey, photometric="minisblack")
    return str(tmp_path / "stack.tif")


def test_intensity_over_the_background(path, grey):
    volume = stack.read({"path": path, **SIZES})
    assert volume.axes == "ZYX"
    assert volume.voxel_size == (2.0, 0.5, 0.5)
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, grey / 3000, rtol=1e-6)


def test_a_few_bright_pixels_do_not_set_the_background(tmp_path, grey):
    grey[:, 0, 0] = 60000
    tifffile.imwrite(tmp_path / "hot.tif", grey, photometric="minisblack")
    array = stack.read({"path": str(tmp_path / "hot.tif"), **SIZES}).array
    assert array[0, 0, 0] == 1
    assert array[0, 1, 1] == 1
    assert array[0, 5, 5] == pytest.approx(1 / 3)


def test_background_in_the_images_own_units(path, grey):
    array = stack.read({"path": path, "background": 6000, **SIZES}).array
    np.testing.assert_allclose(array, grey / 6000, rtol=1e-6)
    array = stack.read({"path": path, "background": 2000, **SIZES}).array
    assert array.max() == 1
    assert array[0, 5, 5] == pytest.approx(0.5)


def test_voxel_size_of_an_ome_file_and_keys_that_override_it(tmp_path, grey):
    path = str(tmp_path / "own.ome.tif")
    images.write_volume(path, (grey / 3000).astype(np.float32), voxel_size=(1.5, 0.4, 0.4))
    assert stack.read({"path": path}).voxel_size == (1.5, 0.4, 0.4)
    assert stack.read({"path": path, "z_step": None}).voxel_size == (1.5, 0.4, 0.4)
    assert stack.read({"path": path, "z_step": 9}).voxel_size == (9.0, 0.4, 0.4)
    assert stack.read({"path": path, "pixel_size": 0.1}).voxel_size == (1.5, 0.1, 0.1)


def test_pixels_that_are_not_square(tmp_path, grey):
    path = str(tmp_path / "own.ome.tif")
    images.write_volume(path, grey.astype(np.float32), voxel_size=(1.5, 0.4, 0.5))
    with pytest.raises(InputError, match=r"pixels are 0\.5 um x 0\.4 um; square pixels"):
        stack.read({"path": path})
    assert stack.read({"path": path, "pixel_size": 0.45}).voxel_size == (1.5, 0.45, 0.45)


@pytest.mark.parametrize(
    ("left_out", "line"),
    [
        (("pixel_size",), r"set `pixel_size` of this stack \(um"),
        (("z_step",), r"set `z_step` of this stack"),
        (("pixel_size", "z_step"), r"set `pixel_size` and `z_step` of this stack"),
    ],
)
def test_sizes_that_nobody_tells(path, left_out, line):
    settings = {key: value for key, value in SIZES.items() if key not in left_out}
    with pytest.raises(InputError, match=line):
        stack.read({"path": path, **settings})


@pytest.mark.parametrize("key", ["pixel_size", "z_step", "background"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "1", True])
def test_lengths_and_background_that_are_no_positive_numbers(path, key, value):
    with pytest.raises(InputError, match=f"`{key}` is .*positive and finite"):
        stack.read({"path": path, **SIZES, key: value})


def test_constant_and_black_images(tmp_path, grey):
    path = tmp_path / "bad.tif"
    tifffile.imwrite(path, np.full((3, 8, 8), 9, np.uint8), photometric="minisblack")
    with pytest.raises(InputError, match=r"is constant \(grey value 9\)"):
        stack.read({"path": str(path), **SIZES})
    grey[3] = 0
    tifffile.imwrite(path, grey, photometric="minisblack")
    with pytest.raises(InputError, match="image 3 of the stack is all zero"):
        stack.read({"path": str(path), **SIZES})


def test_images_that_are_used(path, grey):
    volume = stack.read({"path": path, "planes": [2, 4], **SIZES})
    np.testing.assert_allclose(volume.array, grey[1:4] / 3000, rtol=1e-6)
    for whole in ([1, 5], None):
        assert stack.read({"path": path, "planes": whole, **SIZES}).array.shape == grey.shape


def test_the_background_is_that_of_the_images_that_are_used(tmp_path, grey):
    grey[4] *= 2
    tifffile.imwrite(tmp_path / "lamp.tif", grey, photometric="minisblack")
    array = stack.read({"path": str(tmp_path / "lamp.tif"), "planes": [1, 3], **SIZES}).array
    assert np.median(array) == 1


@pytest.mark.parametrize(
    "planes", [[0, 3], [2, 2], [4, 2], [2, 6], [1], [1, 2, 3], [1.0, 3.0], [True, 3], "1-3", 3]
)
def test_images_that_the_stack_does_not_have(path, planes):
    with pytest.raises(InputError, match=r"`planes` is .*\[first, last\] is accepted.* of the 5"):
        stack.read({"path": path, "planes": planes, **SIZES})


def test_source_files(tmp_path, path):
    assert stack.source_files({"path": path}) == [path]
    for name in ("z10.tif", "z9.tif", "notes.txt"):
        (tmp_path / name).write_bytes(b"-")
    found = stack.source_files({"path": str(tmp_path)})
    assert [name.rsplit("/", 1)[1] for name in found] == ["stack.tif", "z9.tif", "z10.tif"]
    with pytest.raises(InputError, match="there is no such file"):
        stack.source_files({"path": str(tmp_path / "none.tif")})
    with pytest.raises(InputError, match="`path` is not set"):
        stack.source_files({})


def test_a_real_stack(real_data):
    path = real_data / "brightfield" / "cell_34planes.tif"
    if not path.is_file():
        pytest.skip("not there")
    volume = stack.read({"path": str(path)})
    assert volume.array.shape == (34, 116, 55)
    assert volume.voxel_size == (0.3, 0.1065, 0.1065)
    assert (volume.array == 1).mean() == pytest.approx(0.05, abs=0.005)
    assert volume.array.min() > 0.2


def test_a_real_stack_as_the_example_reads_it(real_data):
    """What `examples/brightfield.yaml` says of its focus, lamp, background and noise."""
    path = real_data / "brightfield" / "cell_34planes.tif"
    if not path.is_file():
        pytest.skip("not there")
    whole = images.read_stack(path).array
    assert np.argmin(whole.std(axis=(1, 2))) + 1 == 16
    assert illumination(whole, 1).std() == pytest.approx(0.002, abs=5e-4)
    assert illumination(whole, 2).std() == pytest.approx(0.015, abs=1e-3)
    even = whole / illumination(whole, 1)
    assert np.median(even[14:16]) == pytest.approx(2345, abs=5)
    assert np.percentile(even[10:21], 95) == pytest.approx(2914, abs=10)
    assert even[10:21].max() / 2345 > 1.5
    frequency = np.hypot(*np.ogrid[0:1:116j, 0:1:55j]) / (2 * 0.1065)
    coefficients = fft.dctn(even[10:21] / 2345, axes=(1, 2), norm="ortho")
    for low, high in ((2.4, 3.5), (4.5, 9)):
        power = coefficients[:, (frequency > low) & (frequency < high)] ** 2
        assert np.sqrt(np.median(power) / 0.4549) == pytest.approx(0.0285, abs=0.002)
    settings = {"path": str(path), "planes": [11, 21], "flat_field": 1, "background": 2345}
    volume = stack.read(settings)
    assert volume.array.shape == (11, 116, 55)
    assert volume.voxel_size == (0.3, 0.1065, 0.1065)


def test_a_real_stack_in_colour(real_data):
    path = real_data / "brightfield" / "skeleton_3planes_rgb.tif"
    if not path.is_file():
        pytest.skip("not there")
    with pytest.raises(InputError, match=r"skeleton_3planes_rgb\.tif: is in colour .*grey images"):
        stack.read({"path": str(path), **SIZES})
