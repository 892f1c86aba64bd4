"""Focal stacks as a configuration describes them: what is read, what is refused by its head."""

import imagecodecs
import numpy as np
import pytest
import tifffile

from focusbench.data import slide_field, slides
from focusbench.errors import InputError

SHAPE = (40, 48)


def planes(count=3, shape=SHAPE):
    return np.random.default_rng(2).integers(0, 256, (count, *shape, 3), dtype=np.uint8)


def tiff(path, stack, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, stack, **{"photometric": "rgb", **options})
    return path


def folder(path, stack, names=("z_-1.png", "z_0.png", "z_1.png")):
    path.mkdir(parents=True, exist_ok=True)
    for name, plane in zip(names, stack, strict=True):
        (path / name).write_bytes(imagecodecs.png_encode(np.ascontiguousarray(plane)))
    return path


def entry(path, **more):
    return {
        "path": str(path),
        "slide": "a",
        "planes": 3,
        "z_step": 2.7,
        "pixel_size": 0.243,
        **more,
    }


def refused(one):
    with pytest.raises(InputError) as caught:
        slide_field.check(one, "config: data.slides.mine")
    line = str(caught.value)
    assert "\n" not in line
    with pytest.raises(InputError):  # what is read without a check
        slide_field.read(one)
    return line


def test_a_file_a_folder_and_a_field_of_a_folder(tmp_path):
    stack = planes()
    path = tiff(tmp_path / "s" / "one.tif", stack)
    place = folder(tmp_path / "s" / "f", stack[::-1])
    folder(place / "deeper", stack)  # is not looked at
    for one, wanted in (
        (entry(path), stack),
        (entry(place), stack[::-1]),
        (entry(tmp_path, field="s.one"), stack),
        (entry(tmp_path, field="s.f", window=None, grey=None), stack[::-1]),
    ):
        slide_field.check(one, "x")
        assert slide_field.shape(one) == SHAPE
        np.testing.assert_array_equal(slide_field.read(one), wanted)
    assert slide_field.source_files(entry(path)) == [str(path)]
    names = [f"{place}/z_{layer}.png" for layer in (-1, 0, 1)]
    assert slide_field.source_files(entry(place)) == names


def test_a_window(tmp_path):
    path = tiff(tmp_path / "one.tif", planes(), tile=(16, 16))
    one = entry(path, window=[3, 5, 34, 40])
    slide_field.check(one, "x")
    assert slide_field.shape(one) == (34, 40)
    np.testing.assert_array_equal(slide_field.read(one), planes()[:, 3:37, 5:45])


def test_public_patches_are_found_without_a_search(tmp_path, monkeypatch):
    for layer in range(-5, 6):
        for key in ("101_7_9", "101_8_9"):
            path = tmp_path / "101" / str(layer) / f"{key}_{layer}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(imagecodecs.png_encode(planes(11)[layer + 5]))
    searched = slides.fields(tmp_path)["101_7_9"]
    monkeypatch.setattr(slides, "fields", None)
    one = entry(tmp_path, field="101_7_9", planes=11)
    slide_field.check(one, "x")
    np.testing.assert_array_equal(slide_field.read(one), planes(11))
    assert slides.field(tmp_path, "101_7_9") == searched
    assert slides.field(tmp_path / "101", "101_7_9") == searched  # a slide's own folder
    (tmp_path / "101" / "3" / "101_7_9_3.jpg").unlink()
    line = refused(one)
    assert line == (
        "config: data.slides.mine: field 101_7_9 has 10 planes (-5, -4, -3, -2, -1, 0, 1, 2, 4, 5)"
        "; 11 are wanted"
    )


@pytest.mark.parametrize("kind", ["tiff", "png"])
def test_grey_planes_become_colour(tmp_path, kind):
    counts = np.random.default_rng(0).integers(100, 900, (3, *SHAPE)).astype(np.uint16)
    if kind == "tiff":
        place = tiff(tmp_path / "g.tif", counts, photometric="minisblack")
    else:
        place = folder(tmp_path / "g", counts)
    one = entry(place, grey=[200, 800], window=[0, 4, 40, 32])
    slide_field.check(one, "x")
    assert slide_field.shape(one) == (40, 32)
    wanted = np.clip(np.rint((counts[:, :, 4:36] - 200.0) * 255 / 600), 0, 255)
    found = slide_field.read(one)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, np.repeat(wanted[..., None], 3, -1), atol=1)
    assert "RGB" in refused(entry(place))
    assert "[low, high]" in refused(entry(place))
    assert "mine.grey: [3, 3] is not accepted" in refused(entry(place, grey=[3, 3]))


def test_colour_where_grey_is_said(tmp_path):
    path = tiff(tmp_path / "one.tif", planes())
    assert "one.tif: is in colour" in refused(entry(path, grey=[0, 255]))
    assert "z_-1.png: is in colour" in refused(
        entry(folder(tmp_path / "f", planes()), grey=[0, 255])
    )


def test_what_heads_tell_is_refused(tmp_path):
    stack, path = planes(), tmp_path / "one.tif"
    for array, said in (
        (np.concatenate([stack, stack[..., :1]], axis=-1), "is RGBA or CMYK; an RGB image of 8"),
        (stack.astype(np.uint16), "holds uint16 values; an RGB image of 8 bits"),
        (stack[:, :, :46], None),
        (stack[:, :30], "window: the whole field has 48 x 30 pixels (x, y); accepted are even"),
        (stack[:, :39], "the whole field has 48 x 39 pixels (x, y); accepted are even sides"),
        (stack[:2], "config: data.slides.mine: field one has 2 planes; 3 are wanted"),
    ):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}" / "one.tif"
        tiff(path, array)
        if said is None:
            slide_field.check(entry(path), "x")
        else:
            with pytest.raises(InputError) as caught:
                slide_field.check(entry(path), "config: data.slides.mine")
            assert said in str(caught.value)
    line = refused(entry(path, planes=2))
    assert line == "config: data.slides.mine: planes is 2; accepted is an odd number of planes"
    path = tiff(tmp_path / "whole.tif", stack)
    line = refused(entry(path, window=[0, 10, 40, 40]))
    assert line.endswith("40 x 40 pixels from row 0, column 10 are not inside the field of 48 x 40")
    assert "four whole numbers" in refused(entry(path, window=[0, 0, 40]))
    with pytest.raises(InputError, match="window: has 33 x 40 pixels"):
        slide_field.check(entry(path, window=[0, 0, 40, 33]), "x")


def test_planes_that_are_missing_or_unequal(tmp_path):
    place = folder(tmp_path / "f", planes(2), ("z_-1.png", "z_1.png"))
    assert refused(entry(place)).endswith("field f has 2 planes (-1, 1); 3 are wanted")
    folder(place, planes(1, (40, 46)), ("z_0.png",))
    assert "z_0.png: is 46 x 40 pixels, but z_-1.png is 48 x 40" in refused(entry(place))
    with tifffile.TiffWriter(tmp_path / "one.tif") as file:
        for shape in (SHAPE, SHAPE, (40, 46)):
            file.write(planes(1, shape)[0], photometric="rgb")
    line = refused(entry(tmp_path / "one.tif"))
    assert "one.tif, page 2: is 46 x 40 pixels, but one.tif is 48 x 40" in line


def test_layers_with_a_gap_or_about_another_one_than_0(tmp_path):
    gap = folder(tmp_path / "gap", planes(), ("z-1.png", "z0.png", "z2.png"))
    assert refused(entry(gap)) == (
        "config: data.slides.mine: field gap has no layer 1, between 0 and 2 (-1, 0, 2); layers in "
        "equal steps are wanted"
    )
    shift = folder(tmp_path / "shift", planes(), ("z_-1.png", "z_1.png", "z_3.png"))
    assert refused(entry(shift)) == (
        "config: data.slides.mine: field shift would have layer 1 in the middle (-1, 1, 3); 0 is "
        "wanted there, with as many layers below as above it"
    )


def test_what_is_not_there(tmp_path):
    assert "none.tif: cannot be read" in refused(entry(tmp_path / "none.tif"))
    assert "holds no fields itself" in refused(entry(tmp_path))
    folder(tmp_path / "f", planes())
    assert "holds no field 'g'; there are f" in refused(entry(tmp_path, field="g"))
    tiff(tmp_path / "f" / "two.tif", planes())
    assert "holds 2 fields itself" in refused(entry(tmp_path / "f"))


def test_a_file_that_was_changed_is_read_again(tmp_path):
    path = tiff(tmp_path / "one.tif", planes())
    slide_field.check(entry(path), "x")
    tiff(path, planes(5, (64, 64)))
    assert slide_field.shape(entry(path, planes=5)) == (64, 64)
