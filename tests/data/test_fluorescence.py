import numpy as np
import pytest
import tifffile

from focusbench.data import fluorescence
from focusbench.errors import InputError
from focusbench.images import write_volume

SIZE = (0.2, 0.1, 0.1)


@pytest.fixture
def entry(tmp_path):
    """A recording of 6 x 8 x 9 with an offset of 100, and an odd PSF."""
    stack = np.full((6, 8, 9), 100, np.uint16)
    stack[3, 4, 4] = 400
    tifffile.imwrite(tmp_path / "stack.tif", stack)
    kernel = np.zeros((3, 3, 3), np.float32)
    kernel[1, 1, 1], kernel[1, 1, 2] = 3, 1
    write_volume(tmp_path / "psf.ome.tif", kernel, voxel_size=SIZE)
    return {
        "path": str(tmp_path / "stack.tif"),
        "psf": str(tmp_path / "psf.ome.tif"),
        "z_step": SIZE[0],
        "pixel_size": SIZE[1],
        "offset": 100,
    }


def with_psf(entry, tmp_path, kernel, size=None):
    path = tmp_path / "other.ome.tif"
    write_volume(path, np.asarray(kernel, np.float32), voxel_size=size)
    return {**entry, "psf": str(path)}


def test_the_offset_is_subtracted(entry):
    volume = fluorescence.read(entry)
    assert volume.array.dtype == np.float32
    assert volume.array.max() == 300
    assert volume.array.min() == 0
    assert volume.voxel_size == SIZE


def test_a_recording_without_light_is_refused(entry):
    with pytest.raises(InputError, match="no grey value lies above the offset 400"):
        fluorescence.read({**entry, "offset": 400})


@pytest.mark.parametrize("side", [5, 6])
@pytest.mark.parametrize("peak", [2, 3])
def test_a_psf_is_centred_on_its_brightest_voxel(entry, tmp_path, side, peak):
    kernel = np.ones((side, side, side))
    kernel[peak, peak, peak] = 9
    centred = fluorescence.psf(with_psf(entry, tmp_path, kernel)["psf"], (9, 9, 9))
    assert centred.sum() == pytest.approx(1)
    assert all(n % 2 for n in centred.shape)
    assert np.unravel_index(centred.argmax(), centred.shape) == tuple(n // 2 for n in centred.shape)


def test_a_psf_with_its_middle_between_voxels_is_averaged_onto_one(entry, tmp_path):
    kernel = np.ones((4, 4, 4))
    kernel[1:3, 1:3, 1:3] = 5
    found = fluorescence.psf(with_psf(entry, tmp_path, kernel)["psf"], (9, 9, 9))
    assert found.shape == (3, 3, 3)
    np.testing.assert_allclose(found, found[::-1, ::-1, ::-1], rtol=1e-6)
    np.testing.assert_allclose(found[1, 1, :] / found[1, 1, 1], [0.6, 1, 0.6], rtol=1e-6)


def test_a_saturated_psf_is_centred_on_the_mean_of_its_brightest_voxels(entry, tmp_path):
    kernel = np.ones((5, 9, 9))
    kernel[2, 2, 4:7] = kernel[2, 1, 5] = kernel[2, 3, 5] = 9
    found = fluorescence.psf(with_psf(entry, tmp_path, kernel)["psf"], (6, 9, 9))
    assert found.shape == (5, 5, 7)
    np.testing.assert_allclose(found, found[:, ::-1, ::-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "size", "said"),
    [
        (np.zeros((3, 3, 3)), None, "zero"),
        (-np.ones((3, 3, 3)), None, "negative"),
        (np.ones((7, 3, 3)), None, "7"),
        (np.pad(np.ones((1, 1, 1)), ((0, 3), (1, 1), (1, 1))), None, "edge of its z axis"),
        (np.ones((3, 3, 3)), (0.25, 0.1, 0.1), "0.25 x 0.1 x 0.1 um for a recording with"),
    ],
)
def test_an_unusable_psf_is_refused_before_any_work(entry, tmp_path, kernel, size, said):
    with pytest.raises(InputError, match=said) as caught:
        fluorescence.check(with_psf(entry, tmp_path, kernel, size), "here")
    assert "\n" not in str(caught.value)


def test_a_psf_with_nan_is_refused(entry, tmp_path):
    tifffile.imwrite(tmp_path / "nan.tif", np.full((5, 5, 5), np.nan, np.float32))
    with pytest.raises(InputError, match="NaN"):
        fluorescence.check({**entry, "psf": str(tmp_path / "nan.tif")}, "here")


def test_a_psf_is_told_once(entry):
    lens = {"numerical_aperture": 1.2, "refractive_index": 1.33, "wavelength": 0.5}
    with pytest.raises(InputError, match=r"here.numerical_aperture: is not accepted beside psf"):
        fluorescence.check({**entry, **lens}, "here")
    del entry["psf"]
    with pytest.raises(InputError, match=r"here.wavelength: is missing"):
        fluorescence.check({**entry, "numerical_aperture": 1.2, "refractive_index": 1.3}, "here")
    with pytest.raises(InputError, match=r"1.4 is not accepted; below the refractive index 1.33"):
        fluorescence.check({**entry, **lens, "numerical_aperture": 1.4}, "here")
    with pytest.raises(InputError, match=r"psf_shape: a PSF of 7 voxels along z for a volume of 6"):
        fluorescence.check({**entry, **lens, "psf_shape": [7, 3, 3]}, "here")
    with pytest.raises(InputError, match=r"psf_shape: 4 voxels along y are not accepted; an odd"):
        fluorescence.check({**entry, **lens, "psf_shape": [5, 4, 3]}, "here")
    with pytest.raises(InputError, match=r"here.read_noise: is accepted beside photons_per_count"):
        fluorescence.check({**entry, **lens, "read_noise": 2.0}, "here")
    fluorescence.check({**entry, **lens}, "here")


def test_a_truth_is_scaled_to_its_maximum(entry, tmp_path):
    tifffile.imwrite(tmp_path / "truth.tif", np.full((6, 8, 9), 50, np.uint16))
    volume = fluorescence.truth({**entry, "truth": str(tmp_path / "truth.tif")})
    assert volume.array.max() == 1
    assert volume.voxel_size == SIZE


def test_a_truth_of_another_shape_is_refused(entry, tmp_path):
    tifffile.imwrite(tmp_path / "truth.tif", np.ones((5, 8, 9), np.uint16))
    entry["truth"] = str(tmp_path / "truth.tif")
    for look in (fluorescence.truth, lambda entry: fluorescence.check(entry, "here")):
        with pytest.raises(InputError, match=r"shape \(5, 8, 9\) for a recording"):
            look(entry)


def test_keys_are_named_as_they_were_written(entry):
    del entry["psf"]
    with pytest.raises(InputError) as caught:
        fluorescence.check({**entry, "wavelength": 0.5}, "", str.upper)
    assert str(caught.value) == (
        "NUMERICAL_APERTURE: is missing; a recording's PSF comes from PSF (a file) or from "
        "NUMERICAL_APERTURE, REFRACTIVE_INDEX, WAVELENGTH together"
    )


def test_one_plane_is_no_fluorescence_stack(entry, tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.full((8, 9), 200, np.uint16))
    with pytest.raises(InputError, match="holds one image; a fluorescence stack of at least two"):
        fluorescence.check(entry, "here")
    folder = tmp_path / "planes"
    folder.mkdir()
    (tmp_path / "stack.tif").rename(folder / "1.tif")
    with pytest.raises(InputError, match="holds one image; a fluorescence stack of at least two"):
        fluorescence.read({**entry, "path": str(folder)})


def test_a_voxel_size_must_be_told(entry):
    del entry["z_step"]
    with pytest.raises(InputError, match="set z_step of this recording"):
        fluorescence.check(entry, "here")


def test_a_recording_with_nan_is_refused_before_any_work(entry, tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.full((6, 8, 9), np.nan, np.float32))
    with pytest.raises(InputError, match="NaN"):
        fluorescence.check(entry, "here")
