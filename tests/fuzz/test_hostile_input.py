"""A few of the cases of `fuzz.py`, and one test for each thing that it has found.

The cases are always the same: a failure names its number, and
`python tests/fuzz/fuzz.py --seed 0 --first <number> --cases 1 --only files` has it again.
"""

import json
import os
import struct
import subprocess
import zlib
from datetime import date
from functools import partial
from importlib import import_module

import configuration_cases
import file_cases
import numpy as np
import pytest
import reading
import schema_cases
from hypothesis import HealthCheck, given, settings
from watched import MIB, Broken, survives

from focusbench import config as configuration
from focusbench import images, rgb_rows
from focusbench.data import camera_image, rgb_image, scivis
from focusbench.errors import InputError
from focusbench.training.weights import load_weights, read_description

FILES, CONFIGURATIONS, EXAMPLES = 100, 50, 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of hostile things, which is the working directory."""
    where = tmp_path_factory.mktemp("fuzz")
    configuration_cases.prepare(where)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        yield where


def outcome(folder, case, **options):
    try:
        return survives(case, folder, **options)
    except Broken as error:
        return f"broken: {error}"


def test_spoiled_files_are_read_or_refused(folder):
    outcomes = {}
    for number in range(FILES):
        name, data = file_cases.case(0, number)
        path = folder / name
        path.write_bytes(data)
        for reader in reading.readers(name):
            case = partial(reading.READERS[reader], path)
            outcomes[f"{number} {name} as {reader}"] = outcome(folder, case)
    assert not {name: told for name, told in outcomes.items() if told.startswith("broken")}
    assert set(outcomes.values()) == {"accepted", "refused"}


def test_spoiled_configurations_are_planned_or_refused(folder):
    cases = {number: configuration_cases.case(0, number) for number in range(CONFIGURATIONS)}
    outcomes = {
        number: outcome(folder, partial(configuration_cases.use, user), traced=False)
        for number, user in cases.items()
    }
    broken = [number for number, told in outcomes.items() if told.startswith("broken")]
    assert not {number: (outcomes[number], cases[number]) for number in broken}
    assert set(outcomes.values()) == {"accepted", "refused"}


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(user=schema_cases.configurations())
def test_configurations_by_the_schemas_are_planned_or_refused(folder, user):
    survives(partial(configuration_cases.use, user), folder, traced=False)


# --- the watch itself -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (lambda outside: {}["a"], "KeyError"),
        (lambda outside: outside.write_text(""), "opened '.*outside' for writing"),
        (lambda outside: outside.unlink(missing_ok=True), "os.remove '.*outside'"),
        (lambda outside: outside.mkdir(), "os.mkdir '.*outside'"),
        (lambda outside: os.system("true"), "os.system"),
        (lambda outside: subprocess.run(["true"], check=True), "subprocess.Popen"),
        (lambda outside: os.rename("empty.tif", outside), "os.rename '.*outside'"),
        (lambda outside: np.empty(100 * MIB, np.uint8), "held 100 MiB"),
        (lambda outside: import_module("fuzz_canary"), "SystemExit|ModuleNotFoundError"),
    ],
)
def test_what_must_not_happen_is_seen(folder, tmp_path, case, told):
    with pytest.raises(Broken, match=told):
        survives(partial(case, tmp_path / "outside"), folder)
    (folder / "empty.tif").touch()


def test_a_hang_is_seen(folder, monkeypatch):
    monkeypatch.setattr("watched.SECONDS", 0.2)

    def endless():
        while True:
            pass

    with pytest.raises(Broken, match=r"took more than 0\.2 s"):
        survives(endless, folder)


# --- headers that claim 60,000 x 60,000 -----------------------------------------------------------


def _claiming_tiff(folder):
    """A grey and an RGB file, packed and not, whose heads claim it."""
    from tifffile import imwrite

    for samples in (1, 3):
        for packed in (None, "zlib", "lzw"):
            path = folder / f"claim{samples}{packed}.tif"
            shape = (16, 16, 3) if samples == 3 else (16, 16)
            kind = "rgb" if samples == 3 else "minisblack"
            imwrite(path, np.zeros(shape, np.uint8), photometric=kind, compression=packed)
            data = bytearray(path.read_bytes())
            place = struct.unpack_from("<I", data, 4)[0]
            for entry in range(place + 2, place + 2 + 12 * data[place], 12):
                if struct.unpack_from("<H", data, entry)[0] in (256, 257, 278):
                    struct.pack_into("<HHII", data, entry, data[entry] + 256, 4, 1, 60_000)
            path.write_bytes(data)
            yield path


def _claiming_png(folder):
    for colour, bits in ((0, 8), (0, 16), (2, 8)):
        head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, bits, colour, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head
        data += struct.pack(">I", zlib.crc32(head))
        for kind, body in ((b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")):
            data += struct.pack(">I", len(body)) + kind + body
            data += struct.pack(">I", zlib.crc32(kind + body))
        path = folder / f"claim{colour}{bits}.png"
        path.write_bytes(data)
        yield path


@pytest.mark.parametrize("kind", [_claiming_tiff, _claiming_png])
def test_a_head_that_claims_too_much_is_refused_by_itself(folder, kind):
    readers = (
        images.read_volume,
        partial(images.read_volume, axes="ZYXC"),
        images.read_png,
        rgb_image.read,
        camera_image.read,
        reading.READERS["rows"],
    )
    said = set()
    for path in kind(folder):
        for read in readers:
            with pytest.raises(InputError) as refused:
                read(path)
            said.add("claims" in str(refused.value) or "pixels of page 0" in str(refused.value))
            case = partial(read, path)
            assert survives(case, folder, peak=8 * MIB) == "refused"
    assert True in said


def test_a_raw_file_that_claims_too_much_by_its_name(folder):
    path = folder / "big_60000x60000x60000_uint8.raw"
    path.write_bytes(bytes(100))
    with pytest.raises(InputError, match="has 100 bytes"):
        scivis.open_raw(path)


# --- found by the campaign, and mended ------------------------------------------------------------

NAME = "a" * 300
FOUND = [
    ({"data": {"stack": {"mine": {"path": NAME}}}}, "there is no file or folder"),
    ({"data": {"stack": {"mine": {"path": "fifo"}}}}, "there is no file or folder"),
    ({"data": {"scivis": {"directory": "~nobody_at_all/x"}}}, "there is no folder"),
    ({"data": {"fluorescence": {"mine": {"path": "good.tif", "psf": "folder"}}}}, "no file "),
    ({"data": {"stack": {"\0": {"path": "good.tif"}}}}, r"stack\.\\x00: an id holds"),
    ({"data": {"stack": {"mine\n": {"path": "good.tif"}}}}, "an id holds"),
    ({"data": {"stack": {NAME: {"path": "good.tif"}}}}, "an id holds"),
    ({"seed": 16**5000}, "config: seed: a whole number from 2.63 on"),
    ({"preset": 16**5000}, "config: preset: a whole number"),
    ({"tracks": {"multifocus": {"budget_seconds": 10**400}}}, "a whole number from 2.63 on"),
    ({"seed": date(2020, 1, 1)}, "is of type date"),
    ({"methods": {"multifocus": {"m": {"module": "a:B", "trains_on": "("}}}}, "trains_on"),
    ({"methods": {"multifocus": {"m": {"module": "a:B", "trains_on": "../../x"}}}}, "trains_on"),
    ({"methods": {"multifocus": {NAME: {"uses": "dip"}}}}, "a method's id holds"),
]


@pytest.mark.parametrize(("user", "line"), FOUND)
def test_configurations_that_were_not_refused_in_one_line(folder, user, line):
    def build():
        configuration.build({"preset": "test", **user})

    with pytest.raises(InputError, match=line):
        build()
    assert survives(build, folder, traced=False) == "refused"


def test_maps_that_stand_for_more_than_memory_holds(folder):
    many, itself = {"x": 1}, {}
    itself["again"] = itself
    for _ in range(60):
        many = {"a": many, "b": many}
    for bomb in (many, itself):
        with pytest.raises(InputError, match="levels|values"):
            configuration.build({"preset": "test", "tracks": {"multifocus": bomb}})


def test_long_lists_of_mixed_items_take_no_time(folder):
    mixed = [[i] if i % 2 else {"a": i} for i in range(8_000)]
    user = {"preset": "test", "tracks": {"multifocus": {"seeds": mixed}}}
    assert survives(partial(configuration.build, user), folder, traced=False) == "refused"


def test_a_long_list_of_wrong_items_takes_no_memory(folder):
    """Each item is an error of some KiB, of which one is told."""
    user = {"preset": "test", "tracks": {"defocus": {"nuclei": {"nuclei": [[0]] * 30_000}}}}
    use = partial(configuration_cases.use, user)
    assert outcome(folder, use, peak=40 * MIB, traced=False) == "refused"


@pytest.mark.parametrize("note", ["[" * 3000, '{"scalars": 3}', "3", "[]", ""])
def test_tensors_that_are_told_of_otherwise(folder, note):
    """JSON of another shape, or lists in each other without end, in a file's own metadata."""
    from safetensors.numpy import save

    path = folder / "told.safetensors"
    path.write_bytes(save({"a": np.zeros(2)}, metadata={"focusbench": note}))
    for name in reading.readers(path.name):
        assert survives(partial(reading.READERS[name], path), folder) == "refused"


def test_a_state_whose_scalars_are_no_text(folder):
    from safetensors.numpy import save

    note = {"format": 1, "fingerprint": "fuzz", "checksum": 0, "scalars": 3}
    path = folder / "state.safetensors"
    path.write_bytes(save({"a": np.zeros(2)}, metadata={"focusbench": json.dumps(note)}))
    assert survives(partial(reading.READERS["state"], path), folder) == "refused"


def test_lengths_of_strips_that_are_no_whole_numbers(folder):
    from tifffile import imwrite

    path = folder / "lengths.tif"
    imwrite(path, np.zeros((16, 16, 3), np.uint8), photometric="rgb", compression="lzw")
    data = bytearray(path.read_bytes())
    place = struct.unpack_from("<I", data, 4)[0]
    entries = range(place + 2, place + 2 + 12 * data[place], 12)
    found = next(at for at in entries if struct.unpack_from("<H", data, at)[0] == 279)
    length = struct.unpack_from("<H", data, found + 8)[0]
    struct.pack_into("<HHIf", data, found, 279, 11, 1, float(length))
    path.write_bytes(data)
    for name in ("rows", "rgb", "colour volume"):
        assert survives(partial(reading.READERS[name], path), folder) == "refused"


@pytest.mark.parametrize(
    "read",
    [rgb_image.read, camera_image.read, images.read_volume, load_weights, read_description],
)
def test_a_pipe_is_not_waited_for(folder, read):
    with pytest.raises(InputError, match="egular file|no such file"):
        read(folder / "fifo")


def test_a_message_shows_what_a_terminal_would_obey():
    assert str(InputError("a\x1b[31m\nb\u202e")) == r"a\x1b[31m b\u202e"
    assert len(str(InputError("x" * 5000))) < 1100


def test_rows_of_a_file_are_closed_when_refused(folder):
    (folder / "no.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError), rgb_rows.opened(folder / "no.tif"):
        pass
