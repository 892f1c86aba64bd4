"""Reading RGB images: accepted files give their pixels, what is none is refused."""

import imagecodecs
import numpy as np
import pytest
import tifffile

from focusbench.data import rgb_image
from focusbench.data.rgb_image import Window
from focusbench.errors import InputError


def picture(shape=(40, 56)):
    return np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)


def smooth(shape=(40, 56)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.stack([2 * y, 2 * x, y + x], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile": (16, 32)},
        {"tile": (16, 32), "compression": "zlib", "predictor": True},
        {"rowsperstrip": 7, "compression": "lzw"},
        {"bigtiff": True, "byteorder": ">"},
    ],
)
def test_tiff_whole_and_in_windows(tmp_path, options):
    path, images = tmp_path / "a.tif", [picture(), picture()[::-1]]
    with tifffile.TiffWriter(
        path, bigtiff=options.pop("bigtiff", False), byteorder=options.pop("byteorder", "<")
    ) as file:
        for image in images:
            file.write(image, photometric="rgb", **options)
    assert rgb_image.pages(path) == 2
    assert rgb_image.size(path, 1) == (40, 56)
    np.testing.assert_array_equal(rgb_image.read(path, 1), images[1])
    for window in (Window(0, 0, 1, 1), Window(13, 30, 20, 26), Window(39, 0, 1, 56)):
        top, left, height, width = window
        wanted = images[0][top : top + height, left : left + width]
        np.testing.assert_array_equal(rgb_image.read(path, 0, window), wanted)


def test_jpeg_in_tiff(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, smooth(), photometric="rgb", tile=(16, 32), compression="jpeg")
    found = rgb_image.read(path, 0, Window(5, 20, 30, 30)).astype(int)
    assert np.abs(found - smooth()[5:35, 20:50]).max() < 12


def test_png_and_jpeg(tmp_path):
    png, jpeg = tmp_path / "a.png", tmp_path / "a.jpg"
    png.write_bytes(imagecodecs.png_encode(picture()))
    jpeg.write_bytes(imagecodecs.jpeg8_encode(smooth(), level=95))
    np.testing.assert_array_equal(rgb_image.read(png), picture())
    window = Window(3, 4, 5, 6)
    np.testing.assert_array_equal(rgb_image.read(png, window=window), picture()[3:8, 4:10])
    assert np.abs(rgb_image.read(jpeg).astype(int) - smooth()).max() < 12
    assert rgb_image.size(png) == rgb_image.size(jpeg) == (40, 56)
    assert rgb_image.pages(png) == 1


def test_only_what_a_window_meets_is_read(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture((64, 64)), photometric="rgb", tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path) as file:
        last = file.pages[0].dataoffsets[-1]
    data = bytearray(path.read_bytes())
    data[last : last + 20] = bytes(20)
    path.write_bytes(data)
    rgb_image.read(path, 0, Window(0, 0, 40, 40))
    with pytest.raises(InputError, match="damaged"):
        rgb_image.read(path)


def tiff_of(array, **options):
    return lambda path: tifffile.imwrite(path, array, **options)


def bytes_of(data):
    return lambda path: path.write_bytes(data)


PNG = imagecodecs.png_encode(picture())
JPEG = imagecodecs.jpeg8_encode(picture())
GREY = np.ascontiguousarray(picture()[..., 0])
RGBA = np.concatenate([picture(), picture()[..., :1]], axis=-1)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (tiff_of(GREY), "grey"),
        (tiff_of(RGBA, photometric="rgb", extrasamples=["unassalpha"]), "RGBA"),
        (tiff_of(picture().astype(np.uint16), photometric="rgb"), "uint16"),
        (tiff_of(np.moveaxis(picture(), -1, 0), photometric="rgb", planarconfig=2), "separate"),
        (bytes_of(imagecodecs.png_encode(GREY)), "grey"),
        (bytes_of(imagecodecs.png_encode(RGBA)), "RGBA"),
        (bytes_of(imagecodecs.png_encode(picture().astype(np.uint16))), "16 bits"),
        (bytes_of(imagecodecs.jpeg8_encode(GREY)), "grey"),
        (bytes_of(PNG[:200]), "truncated"),
        (bytes_of(PNG[:20]), "truncated"),
        (bytes_of(JPEG[: len(JPEG) // 2]), "truncated"),
        (bytes_of(JPEG[:15]), "truncated"),
        (bytes_of(PNG[:100] + bytes(200) + PNG[300:]), "damaged"),
        (bytes_of(b"no image at all"), "RGB image"),
        (bytes_of(b""), "RGB image"),
    ],
)
def test_what_is_no_rgb_image_of_8_bits_is_refused(tmp_path, write, message):
    path = tmp_path / "a.any"
    write(path)
    with pytest.raises(InputError, match=message) as caught:
        rgb_image.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tiff_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture(), photometric="rgb")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="truncated"):
        rgb_image.read(path)


def test_places_that_are_not_there_are_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    with pytest.raises(InputError, match="page 1"):
        rgb_image.read(path, 1)
    with pytest.raises(InputError, match="not inside"):
        rgb_image.read(path, 0, Window(30, 0, 11, 5))
    with pytest.raises(InputError, match="is none"):
        rgb_image.read(path, 0, Window(-1, 0, 5, 5))
    with pytest.raises(InputError, match="cannot be read"):
        rgb_image.read(tmp_path / "none.png")
