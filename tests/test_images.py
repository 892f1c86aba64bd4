import logging
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from focusbench import images
from focusbench.errors import InputError

RNG = np.random.default_rng(0)
VOLUME = RNG.random((5, 12, 17), dtype=np.float32)
SIZE = (1.0, 0.92, 0.92)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "volume.ome.tif"


def refusal(read, path) -> str:
    """The one line with which a file is refused; it names the file."""
    with pytest.raises(InputError) as caught:
        read(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def plain(path, array, **options):
    tifffile.imwrite(path, array, **{"photometric": "minisblack", "metadata": None, **options})
    return path


# --- writing and reading back ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("slices", [1, 2, 5])
def test_round_trip(path, dtype, slices):
    array = (VOLUME[:slices] * 255).astype(dtype)
    images.write_volume(path, array, voxel_size=SIZE)
    volume = images.read_volume(path)
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == dtype
    assert volume.axes == "ZYX"
    assert volume.voxel_size == SIZE


def test_round_trip_of_a_single_image(path):
    images.write_volume(path, VOLUME[0], "YX", SIZE[1:])
    image = images.read_volume(path, "YX")
    np.testing.assert_array_equal(image.array, VOLUME[0])
    assert (image.axes, image.voxel_size) == ("YX", SIZE[1:])
    # as a volume it is one slice, and no depth of it is told
    assert images.read_volume(path)[0].shape == (1, *VOLUME[0].shape)
    assert images.read_volume(path).voxel_size is None
    images.write_volume(path, VOLUME, voxel_size=SIZE)
    assert "5 images; a single one is wanted" in refusal(
        lambda at: images.read_volume(at, "YX"), path
    )


def test_round_trip_of_colour(path):
    array = RNG.integers(0, 255, (4, 9, 7, 3), dtype=np.uint8)
    images.write_volume(path, array, axes="ZYXC", voxel_size=SIZE)
    volume = images.read_volume(path, axes="ZYXC")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.axes == "ZYXC"
    assert volume.voxel_size == SIZE
    assert "in colour" in refusal(images.read_volume, path)


def test_unknown_voxel_size(path):
    images.write_volume(path, VOLUME)
    assert images.read_volume(path).voxel_size is None


def test_views_are_written_as_what_they_show(path):
    images.write_volume(path, VOLUME[:, ::2, ::-1])
    np.testing.assert_array_equal(images.read_volume(path).array, VOLUME[:, ::2, ::-1])


def test_other_software_reads_axes_and_voxel_size(path):
    images.write_volume(path, VOLUME, voxel_size=(2.0, 0.5, 0.25))
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "ZYX"
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    told = [(pixels[f"PhysicalSize{a}"], pixels[f"PhysicalSize{a}Unit"]) for a in "ZYX"]
    assert told == [(2.0, "µm"), (0.5, "µm"), (0.25, "µm")]


def test_equal_content_gives_equal_bytes(tmp_path):
    first, again, other, coarser = (tmp_path / f"{name}.ome.tif" for name in "abcd")
    images.write_volume(first, VOLUME, voxel_size=SIZE)
    images.write_volume(again, VOLUME.copy(), voxel_size=SIZE)
    changed = VOLUME.copy()
    changed[0, 0, 0] += 1
    images.write_volume(other, changed, voxel_size=SIZE)
    images.write_volume(coarser, VOLUME, voxel_size=(2.0, 1.0, 1.0))
    assert first.read_bytes() == again.read_bytes()
    identifiers = set()
    for file in (first, other, coarser):
        with tifffile.TiffFile(file) as tif:
            assert "DateTime" not in tif.pages[0].tags
            identifiers.add(tifffile.xml2dict(tif.ome_metadata)["OME"]["UUID"])
    assert len(identifiers) == 3


@pytest.mark.parametrize(
    ("array", "options", "line"),
    [
        (VOLUME.astype(float), {}, "float64 is not written; accepted are float32 and uint8"),
        (VOLUME[0], {}, r"shape \(12, 17\) with axes 'ZYX'"),
        (VOLUME[:0], {}, r"shape \(0, 12, 17\)"),
        (VOLUME, {"axes": "TYX"}, "axes 'TYX' is not written"),
        (VOLUME[..., None], {"axes": "ZYXC"}, "ZYXC with 3 colours"),
        (np.full((2, 3, 4), np.nan, np.float32), {}, "NaN or infinite"),
        (np.full((2, 3, 4), np.inf, np.float32), {}, "NaN or infinite"),
        (VOLUME, {"voxel_size": (1.0, 0.0, 1.0)}, "not 3 positive lengths"),
        (VOLUME, {"voxel_size": (1.0, 1.0)}, "not 3 positive lengths"),
    ],
)
def test_what_is_not_written_leaves_the_old_file(path, array, options, line):
    images.write_volume(path, VOLUME)
    before = path.read_bytes()
    with pytest.raises(InputError, match=line):
        images.write_volume(path, array, **options)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


# --- files of others ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64", "bool"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_plain_stacks_of_any_type(tmp_path, dtype, byteorder, bigtiff):
    array = (VOLUME > 0.5) if dtype == "bool" else (VOLUME * 200).astype(dtype)
    file = plain(tmp_path / "a.tif", array, byteorder=byteorder, bigtiff=bigtiff)
    volume = images.read_stack(file)
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.dtype("uint8" if dtype == "bool" else dtype)
    assert volume.voxel_size is None


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 5}])
def test_compressed_strips_and_tiles(tmp_path, compression, layout):
    pytest.importorskip("imagecodecs")
    array = RNG.integers(0, 9, (3, 40, 50), dtype=np.uint16)
    file = plain(tmp_path / "a.tif", array, compression=compression, **layout)
    np.testing.assert_array_equal(images.read_stack(file).array, array)


@pytest.mark.parametrize("compression", ["lzw", "zstd"])
def test_compression_without_its_decoder(tmp_path, compression):
    pytest.importorskip("imagecodecs")
    array = RNG.integers(0, 9, (3, 40, 50), dtype=np.uint16)
    file = plain(tmp_path / "a.tif", array, compression=compression)
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from focusbench import images, errors\n"
        "try: images.read_stack(sys.argv[1])\n"
        "except errors.InputError as error: print(error)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert out.stdout.count("\n") == 1
    assert out.stdout.startswith(f"{file}: its compression needs the package imagecodecs")
    assert out.stderr == ""


def test_imagej_tells_its_voxel_size(tmp_path):
    array = RNG.integers(0, 999, (6, 12, 17), dtype=np.uint16)
    for unit, factor in (("um", 1), ("micron", 1), ("nm", 1e-3), ("mm", 1e3)):
        tifffile.imwrite(
            tmp_path / "a.tif",
            array,
            imagej=True,
            resolution=(1 / 0.1065, 1 / 0.213),
            metadata={"axes": "ZYX", "spacing": 0.3, "unit": unit},
        )
        volume = images.read_stack(tmp_path / "a.tif")
        np.testing.assert_array_equal(volume.array, array)
        np.testing.assert_allclose(
            volume.voxel_size, (0.3 * factor, 0.213 * factor, 0.1065 * factor), rtol=1e-5
        )


def test_ome_units(tmp_path):
    metadata = {"axes": "ZYX"}
    for axis, size, unit in (("Z", 0.002, "mm"), ("Y", 500.0, "nm"), ("X", 0.5, "µm")):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    file = plain(tmp_path / "a.ome.tif", VOLUME, ome=True, metadata=metadata)
    np.testing.assert_allclose(images.read_stack(file).voxel_size, (2.0, 0.5, 0.5))


@pytest.mark.parametrize("kind", [{"ome": True}, {"imagej": True}])
def test_a_stack_that_is_called_a_time_series(tmp_path, kind):
    file = plain(tmp_path / "a.tif", VOLUME, metadata={"axes": "TYX"}, **kind)
    np.testing.assert_array_equal(images.read_stack(file).array, VOLUME)


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [images.read_volume, images.read_stack])
def test_missing_and_empty_files_and_other_things(tmp_path, read):
    file = tmp_path / "a.tif"
    assert "there is no such file" in refusal(read, file)
    file.write_bytes(b"")
    assert "is empty (0 bytes)" in refusal(read, file)
    for content in (b"a", b"II", b"II*\0", b"hello, this is no image" * 9, b"\x89PNG\r\n\x1a\n"):
        file.write_bytes(content)
        line = refusal(read, file)
        assert "is not a TIFF image" in line or "truncated" in line


def test_a_folder_is_no_volume(tmp_path):
    assert "is a folder; a TIFF file is wanted" in refusal(images.read_volume, tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"compression": "zlib"},
        {"compression": "zlib", "rowsperstrip": 3},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_every_truncation_is_noticed(tmp_path, options):
    whole = plain(tmp_path / "whole.tif", VOLUME, **options).read_bytes()
    np.testing.assert_array_equal(images.read_volume(tmp_path / "whole.tif").array, VOLUME)
    lengths = {*range(1, len(whole), 29), *range(max(1, len(whole) - 40), len(whole))}
    cut = tmp_path / "cut.tif"
    lines = []
    for length in sorted(lengths):
        cut.write_bytes(whole[:length])
        try:
            volume = images.read_volume(cut)
        except InputError as error:
            lines.append(str(error))
        else:  # nothing but padding, to which no header points, is missing
            np.testing.assert_array_equal(volume.array, VOLUME)
            assert length >= len(whole) - 16
    assert len(lines) >= len(lengths) - 16
    assert not any("\n" in line for line in lines)


def test_damaged_files_give_one_line_or_an_image_but_never_another_error(tmp_path, caplog):
    rng = np.random.default_rng(1)
    whole = plain(tmp_path / "a.tif", VOLUME[:3], compression="zlib").read_bytes()
    file = tmp_path / "damaged.tif"
    lines = []
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            content[place] = rng.integers(0, 256)
        place = int(rng.integers(0, 400))  # the first headers
        content[place : place + 2] = rng.bytes(2)
        file.write_bytes(content)
        try:
            images.read_volume(file)
        except InputError as error:
            lines.append(str(error))
    assert len(lines) > 100
    assert not any("\n" in line for line in lines)
    assert not [record for record in caplog.records if record.name == "tifffile"]
    assert logging.getLogger("tifffile").level != logging.CRITICAL + 1


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_header_that_claims_a_huge_image(tmp_path, compression):
    file = plain(tmp_path / "a.tif", VOLUME, compression=compression, rowsperstrip=12)
    with tifffile.TiffFile(file, mode="r+b") as tif:
        for page in tif.pages:
            page.tags["ImageLength"].overwrite(1_000_000)
            page.tags["ImageWidth"].overwrite(1_000_000)
            page.tags["RowsPerStrip"].overwrite(1_000_000)
    line = refusal(images.read_volume, file)
    assert "claims an image of" in line or "are not in the file" in line
    assert "truncated" in line


def test_strips_that_were_never_written(tmp_path):
    file = plain(tmp_path / "a.tif", VOLUME)
    with tifffile.TiffFile(file, mode="r+b") as tif:
        tif.pages[2].tags["StripOffsets"].overwrite(0)
    assert "has holes: pixels of page 2 are not in the file" in refusal(images.read_volume, file)


def test_headers_in_a_loop(tmp_path):
    file = plain(tmp_path / "a.tif", VOLUME[:2])
    content = bytearray(file.read_bytes())
    first = at = struct.unpack("<I", content[4:8])[0]
    while at:  # find where the last header's successor, none, is noted
        link = at + 2 + 12 * struct.unpack("<H", content[at : at + 2])[0]
        at = struct.unpack("<I", content[link : link + 4])[0]
    content[link : link + 4] = struct.pack("<I", first)
    file.write_bytes(content)
    assert "form a loop" in refusal(images.read_volume, file)


def test_headers_in_each_other(tmp_path):
    count = 40_000  # headers of so many entries each, one in the other: minutes to walk
    content = bytearray(40 * count + 200)
    content[:16] = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16)
    for place in range(16, 16 + 20 * count, 20):
        struct.pack_into("<Q", content, place, count)
        struct.pack_into("<Q", content, place + 8 + 20 * count, place + 20)
    file = tmp_path / "a.tif"
    file.write_bytes(content)
    assert "headers overlap" in refusal(images.read_volume, file)


def test_headers_that_share_their_tables_of_strips(tmp_path):
    strips, pages = 100_000, 2_000  # a table for each of them: minutes to read
    sides = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tables = [(273, 4, strips, 8), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, strips, 8)]
    page = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *one) for one in sides + tables)
    first, length = 8 + 4 * strips, len(page) + 4
    content = struct.pack("<2sHI", b"II", 42, first) + struct.pack("<I", 64) * strips
    content += b"".join(page + struct.pack("<I", first + (i + 1) * length) for i in range(pages))
    file = tmp_path / "a.tif"
    file.write_bytes(content[:-4] + bytes(4))
    assert "headers overlap" in refusal(images.read_volume, file)


def test_colour_where_grey_is_wanted(tmp_path):
    colour = RNG.integers(0, 255, (3, 12, 17, 3), dtype=np.uint8)
    palette = RNG.integers(0, 65535, (3, 256), dtype=np.uint16)
    files = [
        plain(tmp_path / "rgb.tif", colour, photometric="rgb"),
        plain(tmp_path / "planar.tif", colour.swapaxes(1, 3).copy(), photometric="rgb"),
        plain(tmp_path / "palette.tif", colour[..., 0], photometric="palette", colormap=palette),
    ]
    for file in files:
        for read in (images.read_volume, images.read_stack):
            assert "is in colour (RGB or a palette), or has several " in refusal(read, file)


def test_three_planes_that_a_writer_took_for_samples(tmp_path):
    file = plain(tmp_path / "three.tif", np.ones((3, 12, 17), np.uint16), photometric="rgb")
    line = refusal(images.read_volume, file)
    assert "several samples or pages stored as one image; grey images are wanted" in line


def test_grey_where_colour_is_wanted(path):
    images.write_volume(path, VOLUME)
    with pytest.raises(InputError, match="is not RGB"):
        images.read_volume(path, axes="ZYXC")


def test_white_as_zero(tmp_path):
    file = plain(tmp_path / "a.tif", (VOLUME * 9).astype(np.uint8), photometric="miniswhite")
    assert "black as 0 are wanted" in refusal(images.read_volume, file)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(tmp_path, value):
    array = VOLUME.copy()
    array[2, 3, 4] = value
    assert "NaN or infinite" in refusal(images.read_volume, plain(tmp_path / "a.tif", array))


def test_complex_numbers(tmp_path):
    file = plain(tmp_path / "a.tif", VOLUME.astype(np.complex64))
    assert "images of real numbers are wanted" in refusal(images.read_volume, file)


@pytest.mark.parametrize("other", [VOLUME[0, :-1], VOLUME[0].astype(np.float64)])
def test_unequal_pages(tmp_path, other):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for page in (VOLUME[0], VOLUME[1], other):
            tif.write(page, photometric="minisblack", metadata=None)
    assert "page 2 is" in refusal(images.read_volume, tmp_path / "a.tif")


@pytest.mark.parametrize("kind", [{"ome": True}, {"imagej": True}])
def test_more_than_one_axis_beside_y_and_x(tmp_path, kind):
    array = RNG.integers(0, 9, (2, 5, 12, 17), dtype=np.uint8)
    file = plain(tmp_path / "a.tif", array, metadata={"axes": "TZYX"}, **kind)
    assert "one axis beside Y and X is accepted" in refusal(images.read_volume, file)


def test_metadata_that_tell_of_more_planes_than_there_are(path):
    images.write_volume(path, VOLUME)
    path.write_bytes(path.read_bytes().replace(b'SizeZ="5"', b'SizeZ="8"'))
    line = refusal(images.read_volume, path)
    assert "8 Z x 1 C x 1 T planes but holds 5 pages" in line


def test_planes_out_of_order(path):
    images.write_volume(path, VOLUME)
    path.write_bytes(path.read_bytes().replace(b'<TiffData IFD="0" ', b'<TiffData IFD="2" '))
    assert "not in the order of its planes" in refusal(images.read_volume, path)


def test_a_stack_of_one_image(tmp_path):
    file = plain(tmp_path / "a.tif", VOLUME[:1])
    assert "holds one image; a focal stack of at least two" in refusal(images.read_stack, file)
    assert images.read_volume(file).array.shape == (1, 12, 17)


# --- folders --------------------------------------------------------------------------------------


def png(path, array):
    Image.fromarray(array).save(path)
    return path


@pytest.mark.parametrize("ending", ["png", "tif", "TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_folder_in_natural_order(tmp_path, ending, dtype):
    array = RNG.integers(0, np.iinfo(dtype).max, (4, 9, 8), dtype=dtype)
    names = ["focus2", "focus9", "focus10", "Focus100"]
    for name, plane in zip(names, array, strict=True):
        file = tmp_path / f"{name}.{ending}"
        png(file, plane) if ending == "png" else plain(file, plane)
    for name in ("notes.txt", ".focus1.png", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"not to be read")
    (tmp_path / "focus3.png").mkdir()
    volume = images.read_stack(tmp_path)
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == dtype
    assert volume.voxel_size is None
    assert [file.stem for file in images.stack_files(tmp_path)] == names


def test_bilevel_png(tmp_path):
    for name in "ab":
        Image.fromarray(VOLUME[0] > 0.5).save(tmp_path / f"{name}.png")
    array = images.read_stack(tmp_path).array
    np.testing.assert_array_equal(array[1] > 0, VOLUME[0] > 0.5)
    assert array.dtype == np.uint8


def test_folders_that_hold_no_stack(tmp_path):
    assert "no image in this folder; wanted are .png, .tif, .tiff" in refusal(
        images.read_stack, tmp_path
    )
    png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    assert "holds one image" in refusal(images.read_stack, tmp_path)


def test_unequal_images(tmp_path):
    png(tmp_path / "a.png", np.zeros((4, 6), np.uint8))
    file = png(tmp_path / "b.png", np.zeros((4, 5), np.uint8))
    assert f"{file}: is 5 x 4 uint8, but a.png is 6 x 4 uint8" in refusal(
        images.read_stack, tmp_path
    )
    png(tmp_path / "b.png", np.zeros((4, 6), np.uint16))
    assert "is 6 x 4 uint16, but a.png is 6 x 4 uint8" in refusal(images.read_stack, tmp_path)


def test_a_folder_of_stacks(tmp_path):
    for name in "ab":
        plain(tmp_path / f"{name}.tif", VOLUME)
    assert "in a folder, each file holds one" in refusal(images.read_stack, tmp_path)


@pytest.mark.parametrize(
    ("mode", "what"),
    [("RGB", "RGB"), ("RGBA", "RGBA"), ("LA", "grey with transparency"), ("P", "palette")],
)
def test_png_in_colour(tmp_path, mode, what):
    grey = Image.fromarray(RNG.integers(0, 255, (4, 4), dtype=np.uint8))
    for name in "ab":
        grey.convert("RGB").convert(mode).save(tmp_path / f"{name}.png")
    line = refusal(images.read_stack, tmp_path)
    assert f"a.png: is {what}; a grey" in line or f"a.png: is a colour {what}; a grey" in line


def test_damaged_png(tmp_path):
    whole = png(tmp_path / "a.png", RNG.integers(0, 255, (40, 40), dtype=np.uint8)).read_bytes()
    file = tmp_path / "b.png"
    for length in range(0, len(whole), 13):
        file.write_bytes(whole[:length])
        line = refusal(images.read_stack, tmp_path)
        assert "b.png" in line
        assert any(word in line for word in ("truncated", "empty", "not a PNG"))
    file.write_bytes(whole[:300] + bytes(40) + whole[340:])
    assert "b.png: is damaged" in refusal(images.read_stack, tmp_path)


def test_png_that_claims_a_huge_image(tmp_path):
    for name in "ab":
        content = bytearray(png(tmp_path / f"{name}.png", np.zeros((4, 4), np.uint8)).read_bytes())
        content[16:24] = struct.pack(">II", 2**30, 2**30)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        (tmp_path / f"{name}.png").write_bytes(content)
    assert "claims an image of 1152921504606846976 bytes" in refusal(images.read_stack, tmp_path)


# --- real files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("brightfield/cell_34planes.tif", (34, 116, 55), "uint16"),
        ("decon3d/pollen.tif", (32, 256, 256), "uint16"),
        ("decon3d/gibsonlanni_psf.tif", (18, 128, 128), "float64"),
    ],
)
def test_real_stacks(real_data, name, shape, dtype):
    if not (real_data / name).is_file():
        pytest.skip("not there")
    volume = images.read_stack(real_data / name)
    assert volume.array.shape == shape
    assert volume.array.dtype == dtype


def test_a_tile_that_is_far_larger_than_its_image_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((32, 32), np.uint8), tile=(16, 16), compression="zlib")
    assert images.read_volume(path).array.shape == (1, 32, 32)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["TileWidth"].overwrite(2**24, dtype="I")
    with pytest.raises(InputError, match="claims an image of"):
        images.read_volume(path)


def test_the_examples_are_read(root):
    paths = sorted((root / "examples/data").glob("*.tif"))
    assert len(paths) >= 7
    for path in paths:
        images.read_volume(path, "ZYXC" if path.name.startswith("slide") else "ZYX")
