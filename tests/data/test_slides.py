"""Real focal stacks from a folder: layouts, order of planes, windows, what is refused."""

import imagecodecs
import numpy as np
import pytest
import tifffile

from focusbench.data import foreground, slides
from focusbench.errors import InputError


def planes(count, shape=(12, 16)):
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, *shape, 3), dtype=np.uint8)


def write_tiff(path, stack):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, stack, photometric="rgb")


def write_png(path, plane):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(plane))


def test_a_multi_page_tiff_is_a_field(tmp_path):
    write_tiff(tmp_path / "s1" / "a.tif", planes(3))
    write_tiff(tmp_path / "b.ome.tif", planes(3)[::-1])
    found = slides.fields(tmp_path)
    assert {key: one.slide for key, one in found.items()} == {"s1.a": "s1", "b": "b"}
    stack = slides.stack("s1.a", {"directory": tmp_path, "planes": 3})
    np.testing.assert_array_equal(stack, planes(3))
    files = slides.source_files("b", {"directory": str(tmp_path), "planes": 3})
    assert files == [str(tmp_path / "b.ome.tif")]


@pytest.mark.parametrize(
    "names",
    [
        ("z_-1.png", "z_0.png", "z_1.png"),
        ("plane-8.png", "plane-9.png", "plane-10.png"),  # a hyphen is no sign
        ("-1.png", "0.png", "1.png"),
        ("z-1.png", "z0.png", "z1.png"),  # but here it is one
        ("z-20.png", "z+0.png", "z+20.png"),
        ("bottom.png", "middle.png", "top.png"),
    ],
)
def test_a_folder_with_an_image_a_plane_is_a_field(tmp_path, names):
    for name, plane in zip(names, planes(3), strict=True):
        write_png(tmp_path / "s1" / "f2" / name, plane)
    write_png(tmp_path / "s1" / "f2" / "Extended_0.png", planes(1)[0])
    one = slides.fields(tmp_path)["s1.f2"]
    assert one.slide == "s1"
    stack = slides.stack("s1.f2", {"directory": tmp_path, "planes": 3})
    np.testing.assert_array_equal(stack, planes(3))


def test_the_layout_of_the_public_patches(tmp_path):
    for layer, plane in zip(range(-5, 6), planes(11), strict=True):
        for x in (700, 1400):
            place = tmp_path / "10140015" / str(layer) / f"10140015_{x}_90_{layer}.jpg"
            write_png(place, plane if x == 700 else plane[::-1])  # the content tells, not the name
    found = slides.fields(tmp_path)
    assert list(found) == ["10140015_1400_90", "10140015_700_90"]
    assert {one.slide for one in found.values()} == {"10140015"}
    stack = slides.stack("10140015_700_90", {"directory": tmp_path})
    np.testing.assert_array_equal(stack, planes(11))


def test_new_files_are_seen(tmp_path):
    write_tiff(tmp_path / "a.tif", planes(3))
    assert list(slides.fields(tmp_path)) == ["a"]
    write_tiff(tmp_path / "s" / "b.tif", planes(3))
    assert list(slides.fields(tmp_path)) == ["a", "s.b"]


def test_a_window_of_a_large_plane_and_where_cells_lie(tmp_path):
    stack = np.full((3, 300, 400, 3), 240, np.uint8)
    stack[:, 100:180, 200:260] = 120
    tifffile.imwrite(
        tmp_path / "a.tif", stack, photometric="rgb", tile=(32, 32), compression="zlib"
    )
    settings = {"directory": tmp_path, "planes": 3}
    (place,) = slides.windows("a", settings, 128, 1)
    part = slides.stack("a", {**settings, "window": place, "shape": (128, 128)})
    y, x = place
    np.testing.assert_array_equal(part, stack[:, y : y + 128, x : x + 128])
    assert foreground.holds_cells(part[1])
    with pytest.raises(InputError, match="field a: plane of 400 x 300"):
        slides.windows("a", settings, 512, 1)


def test_grey_planes_become_colour():
    grey = np.array([[[100, 200, 300, 400]]], np.uint16)
    found = slides.from_grey(grey, 200, 300)
    assert found.shape == (1, 1, 4, 3)
    assert found[0, 0, :, 0].tolist() == [0, 0, 255, 255]
    with pytest.raises(InputError, match="rising"):
        slides.from_grey(grey, 300, 300)


def test_a_real_colour_stack(real_data):
    found = slides.fields(real_data / "brightfield")
    assert set(found) == {"cell_34planes", "skeleton_3planes_rgb"}
    settings = {"directory": real_data / "brightfield", "planes": 3}
    assert slides.stack("skeleton_3planes_rgb", settings).shape == (3, 116, 170, 3)


def refused(tmp_path, match, sample="a", **settings):
    with pytest.raises(InputError, match=match) as caught:
        slides.stack(sample, {"directory": tmp_path, "planes": 3, **settings})
    assert "\n" not in str(caught.value)


def test_what_is_no_field_is_refused(tmp_path):
    refused(tmp_path / "none", "no such folder")
    refused(tmp_path, "no image")
    refused("", "directory is not set")
    write_tiff(tmp_path / "a.tif", planes(3))
    refused(tmp_path, "no field 'b'; there are a", sample="b")
    refused(tmp_path, "has 3 planes; 5 are wanted", planes=5)
    for even in (2, 0, 11.0, True):
        refused(tmp_path, "odd number", planes=even)
    refused(tmp_path, "shape is None", window=(0, 0))
    refused(tmp_path, "not inside", window=(0, 8), shape=(12, 12))
    tifffile.imwrite(tmp_path / "g.tif", planes(3)[..., 0], photometric="minisblack")
    refused(tmp_path, "g.tif: is grey", sample="g")
    write_tiff(tmp_path / "a" / "x_0.tif", planes(1)[0])
    refused(tmp_path, "second field 'a'")


def test_planes_that_do_not_belong_together_are_refused(tmp_path):
    for layer in (-1, 1):
        write_png(tmp_path / "a" / f"z_{layer}.png", planes(1)[0])
    refused(tmp_path, r"has 2 planes \(-1, 1\); 3 are wanted")
    write_png(tmp_path / "a" / "z_0.png", planes(1, (12, 14))[0])
    refused(tmp_path, "z_0.png: is 14 x 12 pixels, but z_-1.png is 16 x 12")
    write_png(tmp_path / "a" / "other_0.png", planes(1)[0])
    refused(tmp_path, "second image of plane 0")


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ((-2, -1, 0, 2, 3), "has no layer 1, between 0 and 2 "),
        ((1, 2, 4, 5, 6), "has no layer 3, between 2 and 4 "),
        ((-1, 0, 1, 2, 3), "would have layer 1 in the middle "),
        ((-6, -5, -4, -3, -2), "would have layer -4 in the middle "),
        ((-4, -2, 0, 2, 4), None),
        ((3, 4, 5, 6, 7), None),
    ],
)
@pytest.mark.parametrize("name", ["a/f_{}.png", "101/{0}/101_7_9_{0}.jpg"])
def test_a_lacking_layer_is_named(tmp_path, name, layers, said):
    for layer in layers:
        write_png(tmp_path / name.format(layer), planes(1)[0])
    sample = "a" if name.startswith("a") else "101_7_9"
    if said is None:
        assert slides.stack(sample, {"directory": tmp_path, "planes": 5}).shape[0] == 5
    else:
        told = rf"field {sample} {said}\({', '.join(map(str, layers))}\)"
        refused(tmp_path, told, sample=sample, planes=5)
