"""Small valid files of every kind that is read, and ways to spoil them.

A case is a function of its seed and number alone, so that any of them can be had again.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np

PNG_START = b"\x89PNG\r\n\x1a\n"
INTERESTING = (0, 1, 2, 3, 7, 8, 16, 60_000, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
LARGE_SIDE = 60_000
MOST = 6144  # bytes of a case: what is read of it must stay in proportion


@cache
def originals() -> dict[str, bytes]:
    """Valid files by name; the ending tells the kind."""
    return {**_tiffs(), **_pngs(), **_jpegs(), **_safetensors(), **_raws(), **_texts()}


def case(seed: int, number: int) -> tuple[str, bytes]:
    """Name and content of a spoiled file."""
    rng = Random(f"{seed}/{number}")
    name = rng.choice(list(originals()))
    data = originals()[name]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        data = rng.choice(_changes(name))(data, rng)
    return name, data[:MOST]


# --- ways to spoil --------------------------------------------------------------------------------

Change = Callable[[bytes, Random], bytes]


def _changes(name: str) -> list[Change]:
    anything: list[Change] = [_flip, _overwrite, _number, _cut, _leave_out, _repeat, _splice]
    if name.endswith(".tif"):
        return [*anything, *[_tiff_entry] * 6, _tiff_text]
    if name.endswith(".png"):
        return [*anything, *[_png_head] * 4, _png_chunk]
    if name.endswith(".safetensors"):
        return [*anything, *[_tensors_head] * 6]
    if name.endswith(".yaml"):
        return [*anything, *[_yaml_piece] * 4]
    return anything


def _flip(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, rng: Random) -> bytes:
    at, length = rng.randrange(len(data) + 1), rng.choice((1, 4, 16, 64))
    return data[:at] + rng.choice((b"\0", b"\xff", rng.randbytes(1))) * length + data[at + length :]


def _number(data: bytes, rng: Random) -> bytes:
    """A whole number of 2, 4 or 8 bytes, at the beginning more often than not."""
    order, kind = rng.choice("<>"), rng.choice("HIQ")
    size = struct.calcsize(kind)
    value = rng.choice(INTERESTING) % 256**size
    at = rng.randrange(max(1, min(len(data), rng.choice((64, 300, 100_000)))))
    return data[:at] + struct.pack(order + kind, value) + data[at + size :]


def _cut(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _leave_out(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 4, 12, 100)) :]


def _repeat(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    part = data[at : at + rng.choice((1, 12, 100, 1000))]
    return data[:at] + part * rng.choice((2, 3, 5)) + data[at + len(part) :]


def _splice(data: bytes, rng: Random) -> bytes:
    other = originals()[rng.choice(list(originals()))]
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]


def _tiff_entry(data: bytes, rng: Random) -> bytes:
    """Change the tag, type, count or value of an entry of the first directory."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 16:
        return _flip(data, rng)
    big = struct.unpack(order + "H", data[2:4])[0] == 43
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    form, counter = (order + "HHQQ", order + "Q") if big else (order + "HHII", order + "H")
    start = at + struct.calcsize(counter)
    if start + struct.calcsize(form) > len(data):
        return _flip(data, rng)
    entries = struct.unpack_from(counter, data, at)[0]
    place = start + struct.calcsize(form) * rng.randrange(max(1, min(entries, 40)))
    if place + struct.calcsize(form) > len(data):
        return _flip(data, rng)
    tag, kind, count, value = struct.unpack_from(form, data, place)
    what, most = rng.randrange(6), 2 ** (64 if big else 32) - 1
    if what == 0:
        tag = rng.choice((256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 330, 339))
    elif what == 1:
        kind = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 16, 99))
    elif what == 2:
        count = rng.choice((0, 1, 2, count * 2, 60_000, 2**31, most)) & most
    elif what == 3 and tag in (256, 257, 278, 322, 323):
        value = LARGE_SIDE
    else:
        value = rng.choice((*INTERESTING, value + 1, value * 2, len(data), 5, 7, 32773)) & most
    return (
        data[:place]
        + struct.pack(form, tag, kind, count, value)
        + data[place + struct.calcsize(form) :]
    )


def _tiff_text(data: bytes, rng: Random) -> bytes:
    """Change a word or number of the metadata."""
    words = (
        b"SizeZ",
        b"SizeX",
        b"images=",
        b"slices=",
        b"ImageJ",
        b"<OME",
        b'="1"',
        b"Physical",
    )
    there = [word for word in words if word in data]
    if not there:
        return _flip(data, rng)
    word = rng.choice(there)
    other = rng.choice((b"9" * len(word), b"-1", b"1e999", b"&x;", b"<!DOCTYPE", b"SizeC", b"nan"))
    return data.replace(word, other.ljust(len(word))[: len(word)], 1)


def _png_head(data: bytes, rng: Random) -> bytes:
    """Change the head, its checksum put right."""
    if len(data) < 33:
        return _flip(data, rng)
    fields = list(struct.unpack(">IIBBBBB", data[16:29]))
    which = rng.randrange(7)
    if which < 2:
        fields[which] = rng.choice((*INTERESTING[:-1], LARGE_SIDE))
        if rng.random() < 0.5:
            fields[1 - which] = fields[which]
    else:
        fields[which] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    head = b"IHDR" + struct.pack(">IIBBBBB", *fields)
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def _png_chunk(data: bytes, rng: Random) -> bytes:
    """Put a chunk between two, right in itself."""
    kind = rng.choice((b"IDAT", b"IEND", b"IHDR", b"PLTE", b"tRNS", b"zTXt", b"acTL", b"iCCP"))
    body = rng.choice((b"", b"\0", rng.randbytes(30), zlib.compress(bytes(100_000))))
    place = data.find(b"IDAT") - 4 if rng.random() < 0.5 else data.rfind(b"IEND") - 4
    place = max(place, 0)
    return data[:place] + _chunk(kind, body) + data[place:]


def _tensors_head(data: bytes, rng: Random) -> bytes:
    """Change the JSON that a safetensors file begins with, its length put right."""
    length = int.from_bytes(data[:8], "little")
    try:
        head = json.loads(data[8 : 8 + length])
        name = rng.choice(list(head))
    except (ValueError, IndexError, TypeError, RecursionError):
        return _flip(data, rng)
    what = rng.randrange(9)
    values = (None, -1, 0, 2**63, 1e300, "x", [], {}, [[[]]], True, [LARGE_SIDE] * 2, "../../x")
    if name == "__metadata__" and what < 6 and isinstance(head[name], dict):
        told = head[name]
        try:
            inner = json.loads(told["focusbench"])
            inner[rng.choice(list(inner))] = rng.choice(values)
            told["focusbench"] = json.dumps(inner)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            head[name] = rng.choice(values)
        if what == 0:
            told["focusbench"] = "[" * rng.choice((50, 1500)) + "]"
        elif what == 1:
            told["focusbench"] = rng.choice(("", "null", "[]", "{}", "1", '"x"', "NaN"))
    elif isinstance(head[name], dict) and what < 7:
        key = rng.choice(("dtype", "shape", "data_offsets"))
        kinds = ("F64", "F32", "F16", "BF16", "BOOL", "F8_E4M3", "F4", "C64", "U64", "Q", "")
        sides = ([LARGE_SIDE] * 2, [0], [], [-1], [2**63], [2**32, 2**32], [1.5], [0, 2**40])
        head[name][key] = rng.choice(
            (kinds if key == "dtype" else sides) if rng.random() < 0.8 else values
        )
    elif what == 7:
        head[rng.choice(("", "a" * 1000, "../x", "__metadata__"))] = rng.choice(values)
    else:
        del head[name]
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _yaml_piece(data: bytes, rng: Random) -> bytes:
    """Put something between two lines, or after a colon."""
    piece = rng.choice(
        (
            *(b"!!python/object/apply:os.system ['touch fuzz_canary']", b"!!python/name:os.system"),
            *(b"__use_yte__: true\n?open('fuzz_canary', 'w'): 1", b"<<: *a", b"&a [*a, *a]"),
            *(b"[" * 3000, b"{a: " * 3000, b"? [1]\n: 2", b"!!set {a}", b"!!binary AAAA", b"---"),
            *(b"2020-01-01", b"0x" + b"f" * 6000, b"1" * 5000, b"1_0:10", b"\t", b"\0", b"\xff"),
            *(b"%TAG ! tag:x,2000:", b"&a a: *b", b"a: |\n  x", b"'", b'"\\ud800"', b"{}", b"null"),
        )
    )
    places = [at for at, letter in enumerate(data) if letter in b"\n:"] or [0]
    at = rng.choice(places) + 1
    return data[:at] + rng.choice((b"", b" ", b"  ")) + piece + b"\n" + data[at:]


# --- valid files ----------------------------------------------------------------------------------


def _tiffs() -> dict[str, bytes]:
    from tifffile import TiffWriter, imwrite

    rng = np.random.default_rng(0)
    grey = rng.integers(0, 4000, (3, 16, 16), dtype=np.uint16)
    colour = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    sizes = {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 1.0}
    wanted = {
        "plain": (grey, {"photometric": "minisblack", "metadata": None}),
        "motorola": (grey, {"photometric": "minisblack", "metadata": None, "byteorder": ">"}),
        "big": (grey, {"photometric": "minisblack", "metadata": None, "bigtiff": True}),
        "single": (grey[0], {"photometric": "minisblack"}),
        "float": (grey.astype(np.float32), {"photometric": "minisblack", "ome": True}),
        "ome": (grey, {"photometric": "minisblack", "ome": True, "metadata": sizes}),
        "imagej": (grey, {"imagej": True, "metadata": {"spacing": 2.0, "unit": "um"}}),
        "lzw": (grey, {"photometric": "minisblack", "compression": "lzw"}),
        "deflate": (grey, {"photometric": "minisblack", "compression": "zlib", "predictor": True}),
        "packbits": (grey.astype(np.uint8), {"photometric": "minisblack", "compression": 32773}),
        "zstd": (grey, {"photometric": "minisblack", "compression": "zstd"}),
        "lzma": (grey, {"photometric": "minisblack", "compression": "lzma"}),
        "tiles": (grey, {"photometric": "minisblack", "tile": (16, 16), "compression": "zlib"}),
        "bilevel": (grey[0] > 2000, {"photometric": "minisblack"}),
        "rgb": (colour, {"photometric": "rgb", "rowsperstrip": 5}),
        "rgb-apart": (colour.transpose(2, 0, 1), {"photometric": "rgb", "planarconfig": 2}),
        "rgb-lzw": (colour, {"photometric": "rgb", "compression": "lzw", "predictor": True}),
        "rgb-tiles": (colour, {"photometric": "rgb", "tile": (16, 16), "compression": "zlib"}),
        "rgb-jpeg": (colour, {"photometric": "rgb", "tile": (16, 16), "compression": "jpeg"}),
        "rgb-jp2": (colour, {"photometric": "rgb", "tile": (16, 16), "compression": 34712}),
    }
    found = {}
    for name, (array, options) in wanted.items():
        with io.BytesIO() as file:
            imwrite(file, array, **options)
            found[f"{name}.tif"] = file.getvalue()
    with io.BytesIO() as file:
        with TiffWriter(file) as writer:
            writer.write(colour, photometric="rgb", tile=(16, 16), subifds=1)
            writer.write(colour[::2, ::2], photometric="rgb", tile=(16, 16), subfiletype=1)
        found["pyramid.tif"] = file.getvalue()
    return found


def _pngs() -> dict[str, bytes]:
    def png(colour: int, bits: int, rows: np.ndarray, interlaced: int = 0) -> bytes:
        height, width = rows.shape[:2]
        lines = rows.reshape(height, -1)
        lines = lines.astype(">u2").view(np.uint8) if bits == 16 else lines.astype(np.uint8)
        packed = b"".join(b"\0" + line.tobytes() for line in lines)
        palette = _chunk(b"PLTE", bytes(range(256)) * 3) if colour == 3 else b""
        head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
        data = palette + _chunk(b"IDAT", zlib.compress(packed))
        return PNG_START + _chunk(b"IHDR", head) + data + _chunk(b"IEND", b"")

    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (16, 16))
    return {
        "grey8.png": png(0, 8, grey),
        "grey16.png": png(0, 16, grey * 16),
        "rgb.png": png(2, 8, rng.integers(0, 256, (16, 16, 3))),
        "rgba.png": png(6, 8, rng.integers(0, 256, (16, 16, 4))),
        "palette.png": png(3, 8, grey),
        # one pixel: its only pass is the image itself
        "interlaced.png": png(2, 8, rng.integers(0, 256, (1, 1, 3)), interlaced=1),
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _jpegs() -> dict[str, bytes]:
    import imagecodecs

    image = np.random.default_rng(2).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return {
        "rgb.jpg": imagecodecs.jpeg8_encode(image, level=50),
        "grey.jpg": imagecodecs.jpeg8_encode(np.ascontiguousarray(image[..., 0]), level=50),
    }


def _safetensors() -> dict[str, bytes]:
    import tempfile
    from pathlib import Path

    import torch

    from focusbench.problem import Weights
    from focusbench.training.state import FILE_NAME, FileState
    from focusbench.training.weights import save_weights

    tensors = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(2, dtype=torch.int64)}
    with tempfile.TemporaryDirectory() as folder:
        save_weights(f"{folder}/w", Weights(tensors, {"method": "dip", "width": 8}))
        FileState(folder, "fuzz").save(tensors, {"step": 3, "loss": 0.1})
        return {
            "model.safetensors": Path(folder, "w").read_bytes(),
            "state.safetensors": Path(folder, FILE_NAME).read_bytes(),
        }


def _raws() -> dict[str, bytes]:
    """Raw volumes: the name tells what they hold."""
    voxels = np.random.default_rng(3).integers(0, 256, 8 * 8 * 8, dtype=np.uint8).tobytes()
    return {
        "cube_8x8x8_uint8.raw": voxels,
        "cube_8x8x4_uint16.raw": voxels,
        "cube_4x4x8_float32.raw": voxels,
        "cube_60000x60000x60000_uint8.raw": voxels,
        "cube_0x8x8_uint8.raw": voxels,
        "cube_99999999999999999999x1x1_float64.raw": voxels,
    }


def _texts() -> dict[str, bytes]:
    """Configurations."""
    from focusbench import config

    folder = config.HOME / "presets/test"
    return {f"{path.stem}.yaml": path.read_bytes()[:4000] for path in sorted(folder.iterdir())}
