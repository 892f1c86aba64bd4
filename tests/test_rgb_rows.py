import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from focusbench import rgb_rows, tiff
from focusbench.errors import InputError
from focusbench.rgb_rows import opened

RNG = np.random.default_rng(0)
SMOOTH = np.add.outer(np.arange(70), np.arange(53))[..., None] * np.array([1, 2, 3])
IMAGE = (SMOOTH + RNG.integers(0, 9, (70, 53, 3))).astype(np.uint8)


def refusal(path, **options) -> str:
    """The one line with which an image is refused, at once or when its rows are read."""
    with pytest.raises(InputError) as caught, opened(path, **options) as rows:
        rows.read(0, rows.shape[0])
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def in_steps(path, height, overlap):
    """The image, in bands that overlap."""
    with opened(path) as rows:
        assert rows.shape == IMAGE.shape[:2]
        image = np.zeros_like(IMAGE)
        for start in range(0, rows.shape[0], height):
            first, last = max(0, start - overlap), min(start + height + overlap, rows.shape[0])
            band = rows.read(first, last)
            assert band.shape == (last - first, 53, 3)
            assert band.dtype == np.uint8
            image[first:last] = band
        return image


LAYOUTS = {
    "one_strip": {},
    "strips": {"rowsperstrip": 9},
    "tiles": {"tile": (32, 16)},
    "lzw": {"compression": "lzw", "rowsperstrip": 8},
    "deflate_tiles": {"compression": "zlib", "predictor": True, "tile": (16, 32)},
    "zstd_strip": {"compression": "zstd", "rowsperstrip": 70},
    "big": {"bigtiff": True, "byteorder": ">", "tile": (16, 16)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_of_any_layout(tmp_path, layout, planar):
    path = tmp_path / "image.tif"
    image = IMAGE if planar == "contig" else np.moveaxis(IMAGE, -1, 0).copy()
    options = {"photometric": "rgb", "planarconfig": planar, **LAYOUTS[layout]}
    tifffile.imwrite(path, image, **options)
    for height, overlap in ((70, 0), (16, 5), (7, 0)):
        np.testing.assert_array_equal(in_steps(path, height, overlap), IMAGE)


@pytest.mark.parametrize("stored", ["rgb", "ycbcr"])
def test_tiles_of_jpeg(tmp_path, stored):
    """As whole slides have them; what tifffile decodes of the whole is the reference."""
    path = tmp_path / "image.tif"
    photo = np.repeat(np.repeat(IMAGE[::4, ::4], 4, 0), 4, 1)[:70, :53]
    options = {"tile": (32, 32), "compression": "jpeg", "photometric": "rgb"}
    options["compressionargs"] = {"outcolorspace": stored}
    with tifffile.TiffWriter(path) as file:
        file.write(photo, **options)
        file.write(photo[::2, ::2].copy(), subfiletype=1, **options)  # a level: not looked at
    decoded = tifffile.imread(path, key=0)
    assert np.abs(decoded.astype(int) - photo).mean() < 20
    np.testing.assert_array_equal(in_steps(path, 16, 5), decoded)


def as_png(image, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", **options)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_all_filters(parts):
    """Rows in turn of all five filters of PNG, by its definition, in several chunks."""
    above, data = np.zeros((53, 3), int), b""
    for number, row in enumerate(IMAGE.astype(int)):
        left, corner = (np.pad(each, ((1, 0), (0, 0)))[:-1] for each in (row, above))
        estimate = left + above - corner
        distances = np.abs(np.stack([estimate - each for each in (left, above, corner)]))
        nearest = np.choose(distances.argmin(0), [left, above, corner])
        predicted = [0 * row, left, above, (left + above) // 2, nearest][number % 5]
        data += bytes([number % 5]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
        above = row
    data = zlib.compress(data)
    pieces = np.array_split(np.frombuffer(data, np.uint8), parts)
    header = struct.pack(">IIBBBBB", 53, 70, 8, 2, 0, 0, 0)
    found = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tEXt", b"Comment\0none")
    return found + b"".join(chunk(b"IDAT", p.tobytes()) for p in pieces) + chunk(b"IEND", b"")


@pytest.mark.parametrize("piece", [2**22, 1000])
def test_png(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(rgb_rows, "_PIECE", piece)
    path = tmp_path / "image.PNG"
    for content in (as_png(IMAGE), png_of_all_filters(1), png_of_all_filters(40)):
        np.testing.assert_array_equal(Image.open(io.BytesIO(content)), IMAGE)
        path.write_bytes(content)
        for height, overlap in ((70, 0), (16, 5), (7, 0)):
            np.testing.assert_array_equal(in_steps(path, height, overlap), IMAGE)
        with opened(path) as rows:  # from the top again
            assert rows.pixel_size is None
            np.testing.assert_array_equal(rows.read(50, 61), IMAGE[50:61])
            np.testing.assert_array_equal(rows.read(55, 70), IMAGE[55:70])
            np.testing.assert_array_equal(rows.read(3, 9), IMAGE[3:9])


@pytest.mark.parametrize("piece", [10, 333])
def test_png_that_unpacks_to_much_more(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(rgb_rows, "_PIECE", piece)
    path = tmp_path / "image.png"
    path.write_bytes(as_png(0 * IMAGE))
    with opened(path) as rows:
        assert rows.read(0, 70).max() == 0


def test_interlaced_png(tmp_path, monkeypatch):
    path = tmp_path / "image.png"
    content = bytearray(as_png(IMAGE[:1, :1]))
    content[28] = 1  # one pixel is the same either way
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with opened(path) as rows:
        np.testing.assert_array_equal(rows.read(0, 1), IMAGE[:1, :1])
    monkeypatch.setattr(rgb_rows, "LARGEST_PIECE", 2)
    assert "is interlaced and has 3 bytes; up to 2 are accepted" in refusal(path)


def test_pixel_size(tmp_path):
    path = tmp_path / "image.ome.tif"
    sizes = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, IMAGE, photometric="rgb", metadata={"axes": "YXS", **sizes})
    with opened(path) as rows:
        assert rows.pixel_size == pytest.approx((0.5, 0.25))
    told = "Aperio Image Library\r\n53x70 |AppMag = 40|MPP = 0.2430|"
    tifffile.imwrite(path, IMAGE, photometric="rgb", description=told, metadata=None)
    with opened(path) as rows:
        assert rows.pixel_size == (0.243, 0.243)
    options = {"resolution": (72, 72), "resolutionunit": "INCH", "metadata": None}
    tifffile.imwrite(path, IMAGE, photometric="rgb", **options)
    with opened(path) as rows:
        assert rows.pixel_size is None  # a screen's


def write_ome(path):
    tifffile.imwrite(path, IMAGE, photometric="rgb", ome=True)
    return path


def test_what_is_not_rgb_of_8_bits(tmp_path):
    grey, alpha = IMAGE[..., 0].copy(), np.dstack([IMAGE, IMAGE[..., 0]])
    wide = IMAGE.astype(np.uint16)
    for ending, write in (
        ("tif", tifffile.imwrite),
        ("png", lambda p, a: p.write_bytes(as_png(a))),
    ):
        path = tmp_path / f"image.{ending}"
        write(path, grey)
        assert "is grey; an RGB image of 8 bits a colour is wanted" in refusal(path)
        write(path, alpha)
        assert "is RGBA; an RGB image" in refusal(path)
    xml = tifffile.tiffcomment(write_ome(tmp_path / "image.tif")).replace('SizeZ="1"', 'SizeZ="2"')
    tifffile.tiffcomment(tmp_path / "image.tif", xml.encode())
    assert "holds 2 images; a single one" in refusal(tmp_path / "image.tif")
    palette = Image.fromarray(IMAGE).quantize(16)
    palette.save(tmp_path / "image.png")
    assert "has a colour palette" in refusal(tmp_path / "image.png")
    palette.save(tmp_path / "image.tif")
    assert "has a colour palette" in refusal(tmp_path / "image.tif")
    tifffile.imwrite(tmp_path / "image.tif", wide, photometric="rgb")
    assert "holds 16-bit values; an RGB" in refusal(tmp_path / "image.tif")
    tifffile.imwrite(tmp_path / "image.tif", np.stack([IMAGE] * 3), photometric="rgb")
    assert "holds 3 images; a single one" in refusal(tmp_path / "image.tif")
    content = bytearray(as_png(IMAGE))
    content[24] = 16
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "image.png").write_bytes(content)
    assert "holds 16-bit values" in refusal(tmp_path / "image.png")


def test_other_files(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "image.tif")
    assert "is a folder" in refusal(tmp_path)
    path = tmp_path / "image"
    path.write_bytes(b"")
    assert "is empty" in refusal(path)
    path.write_bytes(b"GIF89a a photograph")
    assert "is no TIFF, PNG or JPEG image; an RGB image of 8 bits" in refusal(path)


def test_jpeg(tmp_path, monkeypatch):
    path = tmp_path / "image.jpg"
    Image.fromarray(IMAGE).save(path, "JPEG", quality=95)
    decoded = np.asarray(Image.open(path))
    for height, overlap in ((70, 0), (16, 5)):
        np.testing.assert_array_equal(in_steps(path, height, overlap), decoded)
    assert "has 53 x 70 pixels; sides from 54 up" in refusal(path, least=54)
    monkeypatch.setattr(rgb_rows, "LARGEST_PIECE", IMAGE.size - 1)
    assert "is a JPEG image of 11130 bytes; up to 11129 are accepted: save" in refusal(path)
    path.write_bytes(path.read_bytes()[:-300])
    monkeypatch.undo()
    assert "is truncated: the JPEG's end is missing" in refusal(path)
    Image.fromarray(IMAGE[..., 0]).save(path, "JPEG")
    assert "is grey; an RGB image of 8 bits a colour is wanted" in refusal(path)


def test_least_side(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, IMAGE, photometric="rgb")
    assert "has 53 x 70 pixels; sides from 54 up" in refusal(path, least=54)
    path.write_bytes(as_png(IMAGE))
    assert "has 53 x 70 pixels; sides from 54 up" in refusal(path, least=54)
    with opened(path, least=53) as rows:
        assert rows.shape == (70, 53)


@pytest.mark.parametrize("layout", ["one_strip", "lzw", "deflate_tiles", "big"])
def test_truncated_or_damaged_tiff(tmp_path, layout):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, IMAGE, photometric="rgb", **LAYOUTS[layout])
    whole = path.read_bytes()
    for part in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(part * len(whole))])
        assert "truncated" in refusal(path)
    if "compression" in LAYOUTS[layout]:
        with tifffile.TiffFile(io.BytesIO(whole)) as tif:
            page = tif.pages[0]
            offset, count = page.dataoffsets[1], page.databytecounts[1]
        path.write_bytes(whole[:offset] + bytes(count) + whole[offset + count :])
        assert "is damaged" in refusal(path)


def test_truncated_or_damaged_png(tmp_path):
    path = tmp_path / "image.png"
    whole = as_png(IMAGE)
    for part in (0.01, 0.5, 0.999):
        path.write_bytes(whole[: int(part * len(whole))])
        assert "truncated" in refusal(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    assert "damaged" in refusal(path)
    checksum = whole.index(b"IEND") - 5
    path.write_bytes(whole[:checksum] + bytes([whole[checksum] ^ 1]) + whole[checksum + 1 :])
    assert "a checksum of the PNG is wrong" in refusal(path)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in IMAGE[:-1]))
    start = whole[: whole.index(b"IDAT") - 4]
    path.write_bytes(start + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    assert "its last rows are missing" in refusal(path)
    path.write_bytes(whole[:8] + chunk(b"IEND", b""))
    assert "without a header" in refusal(path)


def test_what_its_user_raises_is_not_the_files_fault(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, IMAGE, photometric="rgb")
    with pytest.raises(KeyError, match="mine"), opened(path):
        raise KeyError("mine")


def test_pieces_are_decoded_once(tmp_path, monkeypatch):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, IMAGE, photometric="rgb", tile=(16, 16), compression="zlib")
    with opened(path) as rows:
        decoded = []
        decode = rows._decode
        monkeypatch.setattr(rows, "_decode", lambda data, i: decoded.append(i) or decode(data, i))
        for start in range(0, 60, 10):
            rows.read(start, start + 12)
        assert len(decoded) == len(set(decoded)) == 4 * 4
        assert len(rows._decoded) <= 2 * 4
        rows._decoded.clear()
    monkeypatch.setattr(rgb_rows, "LARGEST_PIECE", 16 * 16 * 3 - 1)
    assert "compressed in pieces of 768 bytes; up to 767" in refusal(path)
    tifffile.imwrite(path, IMAGE, photometric="rgb")
    np.testing.assert_array_equal(in_steps(path, 16, 5), IMAGE)  # nothing has to be decoded


def test_a_header_that_claims_too_much(tmp_path, monkeypatch):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, 0 * IMAGE, photometric="rgb", compression="zlib")
    monkeypatch.setattr(tiff, "MAX_COMPRESSION", 2)
    assert "claims an image of 11130 bytes" in refusal(path)
