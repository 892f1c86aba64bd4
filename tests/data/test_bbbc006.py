"""BBBC006: names, folders, stacks, archives and their home."""

import hashlib
import io
import zipfile

import imageio.v3
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from focusbench.data import bbbc006, bbbc006_home, bbbc006_names, camera_image, checksums
from focusbench.errors import InputError
from home_server import Home, running

UUID = "1a571d43-d554-47fd-bb54-5db68290e5a7"
SHARP = 6


def scene(seed=0, shape=(96, 110)):
    image = np.random.default_rng(seed).normal(500, 150, shape)
    return np.clip(image, 100, 4000)


def plane(z, seed=0, focus=SHARP):
    blurred = ndimage.gaussian_filter(scene(seed), 0.4 + 0.5 * abs(z - focus))
    return np.rint(blurred).astype(np.uint16)


def stacked(well="a01", site=1, wavelength=1):
    return f"mcf-z-stacks-03212011_{well}_s{site}_w{wavelength}{UUID}.tif"


def aligned(well="a01", ending="png"):
    return f"BBBC006_z_aligned__{well}__s1__w1_10.{ending}"


def tiff(image):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, photometric="minisblack", compression="lzw")
    return buffer.getvalue()


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        imageio.v3.imwrite(path, image)
    else:
        path.write_bytes(tiff(image))
    return path


def fill(folder, planes, well="a01", seed=0):
    for z in planes:
        write(folder / f"BBBC006_v1_images_z_{z:02d}" / stacked(well), plane(z, seed))


def archive(z, wells=("a01", "b02"), extra=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for number, well in enumerate(wells):
            name = f"BBBC006_v1_images_z_{z:02d}/{stacked(well)}"
            file.writestr(name, tiff(plane(z, number)))
            file.writestr(name.replace("_w1", "_w2"), tiff(plane(z, 50 + number)))
        for name, data in extra:
            file.writestr(name, data)
    return buffer.getvalue()


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (aligned("c07"), ("c07", 1, 1, None)),
        (f"z_00/{stacked('p24', 2)}", ("p24", 2, 1, 0)),
        (f"a/BBBC006_v1_images_z_33/{stacked('h10', 1, 2)}", ("h10", 1, 2, 33)),
        (f"z05/{stacked().upper()}", ("a01", 1, 1, 5)),
        (f"z00_{stacked()}", ("a01", 1, 1, 0)),
        (f"00_{stacked()}", ("a01", 1, 1, 0)),
        (f"z_03/z07_{stacked()}", ("a01", 1, 1, 7)),
        ("z_16/mcf-z-stacks-03212011_a01_s1_w1.tif", ("a01", 1, 1, 16)),
        (stacked(), None),  # no plane
        (f"z_16/{stacked('q01')}", None),
        (f"z_16/{stacked('a25')}", None),
        (f"z_16/{stacked('a01', 3)}", None),
        (f"z_16/x{stacked()}", None),
        ("z_16/mcf-z-stacks-03212011_a01_s1.png", None),  # a label image
    ],
)
def test_names(path, expected):
    assert bbbc006_names.parse(path) == expected


def test_ids():
    names = bbbc006.names()
    assert len(set(names)) == 768
    assert (names[0], names[-1]) == ("bbbc006_a01_s1", "bbbc006_p24_s2")


# --- folders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_single_images_in_focus(tmp_path, ending):
    image = plane(SHARP)
    write(tmp_path / aligned("b02", ending), image)
    write(tmp_path / aligned("a11", ending), image + 1)
    assert [one.id for one in bbbc006.fields(tmp_path)] == ["a11_s1", "b02_s1"]
    settings = {"directory": str(tmp_path)}
    read = bbbc006.field("bbbc006_b02_s1", settings)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, image)
    files = bbbc006.source_files("bbbc006_b02_s1", settings)
    assert files == [str(tmp_path / aligned("b02", ending))]


def test_a_tiff_file_named_png_is_read_all_the_same(tmp_path):
    (tmp_path / aligned()).write_bytes(tiff(plane(3)))
    read = bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path})
    np.testing.assert_array_equal(read, plane(3))


def test_of_a_stack_the_plane_of_highest_standard_deviation(tmp_path):
    fill(tmp_path, range(3, 10))
    settings = {"directory": tmp_path}
    through = bbbc006.stack("bbbc006_a01_s1", settings)
    assert through.focus == SHARP
    np.testing.assert_array_equal(through.planes, range(3, 10))
    np.testing.assert_array_equal(through.distance, [6, 4, 2, 0, 2, 4, 6])
    assert through.array.shape == (7, 96, 110)
    np.testing.assert_array_equal(bbbc006.field("bbbc006_a01_s1", settings), plane(SHARP))
    chosen = bbbc006.stack("bbbc006_a01_s1", {**settings, "planes": [8, 4, 7, 6]})
    np.testing.assert_array_equal(chosen.planes, [4, 6, 7, 8])
    assert len(bbbc006.source_files("bbbc006_a01_s1", {**settings, "planes": [4, 6, 7]})) == 3


def test_what_was_found_is_kept_until_something_changes(tmp_path, monkeypatch):
    fill(tmp_path, range(3, 10))
    archived(tmp_path / "more", [20])
    looked, look = [], bbbc006._look
    monkeypatch.setattr(bbbc006, "_look", lambda *args: looked.append(1) or look(*args))
    for _ in range(3):
        assert [one.id for one in bbbc006.fields(tmp_path)] == ["a01_s1"]
    assert len(looked) == 1
    fill(tmp_path, [16], "c05")
    assert [one.id for one in bbbc006.fields(tmp_path)] == ["a01_s1", "c05_s1"]
    archived(tmp_path / "more", [20], wells=["d06"])
    assert [name for name, _, _ in bbbc006.defocused(tmp_path)][-1] == "d06_s1"
    (tmp_path / "BBBC006_v1_images_z_16" / stacked("c05")).unlink()
    assert [one.id for one in bbbc006.fields(tmp_path)] == ["a01_s1"]
    assert len(looked) == 4


def test_planes_in_the_names_of_one_folder(tmp_path):
    for z in range(4, 9):
        write(tmp_path / f"z{z:02d}_{stacked()}", plane(z))
    np.testing.assert_array_equal(
        bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path}), plane(SHARP)
    )


def test_the_nominal_plane_alone_counts_as_in_focus(tmp_path):
    fill(tmp_path, [16])
    fill(tmp_path, [0], "c03")
    assert [one.id for one in bbbc006.fields(tmp_path)] == ["a01_s1"]
    np.testing.assert_array_equal(
        bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path}), plane(16)
    )
    assert [(name, z) for name, z, _ in bbbc006.defocused(tmp_path)] == [
        ("a01_s1", 16),
        ("c03_s1", 0),
    ]
    fill(tmp_path, [16, 17], "d04")  # of two planes, neither is known to be in focus
    assert [one.id for one in bbbc006.fields(tmp_path)] == ["a01_s1"]
    with pytest.raises(InputError, match="field c03_s1: has the planes z_00; at least three"):
        bbbc006.field("bbbc006_c03_s1", {"directory": tmp_path})


def test_a_focus_beyond_the_planes_is_refused(tmp_path):
    fill(tmp_path, range(7, 12))
    with pytest.raises(InputError, match="outermost z_07 has the largest .* both sides"):
        bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path})


def test_missing_planes(tmp_path):
    fill(tmp_path, [4, 5, 7])
    settings = {"directory": tmp_path, "planes": [4, 5, 6, 7, 8]}
    with pytest.raises(InputError, match="a01_s1 lacks its planes z_06, z_08; there are z_04, "):
        bbbc006.stack("bbbc006_a01_s1", settings)


@pytest.mark.parametrize("planes", [[], [34], [-1], [3, 3], [1.0], "3", [True]])
def test_planes_that_are_refused(tmp_path, planes):
    for settings in ({"directory": tmp_path, "planes": planes}, {"planes": planes}):
        with pytest.raises(InputError, match="bbbc006: planes is .*from 0 to 33"):
            bbbc006.field("bbbc006_a01_s1", settings)


def test_folders_that_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        bbbc006.fields(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("-")
    with pytest.raises(InputError, match="no image in this folder"):
        bbbc006.fields(tmp_path)
    write(tmp_path / "cells.png", plane(0))
    with pytest.raises(InputError, match="none of its 1 files is named as .*z_aligned__a01"):
        bbbc006.fields(tmp_path)
    fill(tmp_path, [2])
    with pytest.raises(InputError, match="of no field an image in focus can be had"):
        bbbc006.fields(tmp_path)
    with pytest.raises(InputError, match="no image of field d04_s2 .* are there: a01_s1$"):
        bbbc006.field("bbbc006_d04_s2", {"directory": tmp_path})
    for sample in ("a01_s1", "bbbc006_q01_s1", "bbbc006_a01_s3"):
        with pytest.raises(InputError, match=f"unknown sample '{sample}'"):
            bbbc006.field(sample, {"directory": tmp_path})


def test_two_images_of_one_plane_are_refused(tmp_path):
    fill(tmp_path, [16])
    write(tmp_path / f"z16_{stacked()}", plane(16))
    with pytest.raises(InputError, match="second image of plane z_16 of field a01_s1"):
        bbbc006.fields(tmp_path)


def test_planes_of_unequal_size_are_refused(tmp_path):
    fill(tmp_path, [5, 6])
    write(tmp_path / "z_07" / stacked(), plane(7)[:, 1:])
    with pytest.raises(InputError, match=r"has the shape \(96, 109\), but plane z_05 \(96, 110\)"):
        bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path})


# --- single images --------------------------------------------------------------------------------


def refused(path):
    with pytest.raises(InputError) as caught:
        camera_image.read(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_images_that_are_refused(tmp_path, ending):
    path = tmp_path / f"image.{ending}"
    good = plane(SHARP)
    write(path, (good // 16).astype(np.uint8))
    assert "16-bit grey image is wanted" in refused(path)
    colour = np.stack([(good // 16).astype(np.uint8)] * 3, axis=-1)
    if ending == "png":
        imageio.v3.imwrite(path, colour)
    else:
        tifffile.imwrite(path, colour, photometric="rgb")
    assert "RGB" in refused(path)
    write(path, good[:83])
    assert "is 110 x 83 pixels; at least 84 x 84" in refused(path)
    write(path, np.full_like(good, 100))
    assert "is constant (grey value 100)" in refused(path)
    write(path, np.where(good > np.quantile(good, 0.98), 4095, good // 2).astype(np.uint16))
    assert "is saturated: 2." in refused(path)
    write(path, good)
    np.testing.assert_array_equal(camera_image.read(path), good)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert "truncated" in refused(path)
    path.write_bytes(b"")
    assert "empty" in refused(path)
    path.write_bytes(b"no image at all")
    assert "is not a TIFF image" in refused(path)
    path.unlink()
    assert "No such file" in refused(path)


def test_a_few_saturated_pixels_are_accepted(tmp_path):
    image = plane(SHARP)
    image[:5, :10] = 4095
    write(tmp_path / "image.tif", image)
    assert camera_image.read(tmp_path / "image.tif").max() == 4095


@pytest.mark.parametrize("largest", [255, 1023, 4095, 16383, 65535, 1023 << 6, 4095 << 4])
def test_a_twentieth_of_the_pixels_at_a_cameras_limit(tmp_path, largest):
    image = np.linspace(0, largest - 1, 110 * 96).astype(np.uint16).reshape(96, 110)
    image[:5] = largest
    write(tmp_path / "image.tif", image)
    assert f"is saturated: 5.2 % of its pixels have the largest value {largest};" in refused(
        tmp_path / "image.tif"
    )


@pytest.mark.parametrize("largest", [58, 127, 300, 4000, 60000])
def test_few_grey_values_of_a_dim_image_are_not_saturated(tmp_path, largest):
    image = np.random.default_rng(0).integers(largest - 8, largest + 1, (96, 110))
    write(tmp_path / "image.tif", image.astype(np.uint16))
    assert camera_image.read(tmp_path / "image.tif").max() == largest


def test_damaged_png(tmp_path):
    path = write(tmp_path / "image.png", plane(SHARP))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert "damaged" in refused(path)


def test_several_pages(tmp_path):
    tifffile.imwrite(
        tmp_path / "image.tif", np.stack([plane(1), plane(2)]), photometric="minisblack"
    )
    assert "holds 2 images" in refused(tmp_path / "image.tif")


# --- archives -------------------------------------------------------------------------------------


def archived(folder, planes, **more):
    folder.mkdir(parents=True, exist_ok=True)
    for z in planes:
        (folder / bbbc006.archive_name(z)).write_bytes(archive(z, **more))


def test_archives_are_read_without_unpacking(tmp_path):
    archived(tmp_path, range(4, 9), extra=[("__MACOSX/._x.tif", b"-"), ("readme.txt", b"-")])
    assert [one.id for one in bbbc006.fields(tmp_path)] == ["a01_s1", "b02_s1"]
    settings = {"directory": tmp_path}
    np.testing.assert_array_equal(bbbc006.field("bbbc006_b02_s1", settings), plane(SHARP, 1))
    assert bbbc006.stack("bbbc006_a01_s1", settings).focus == SHARP
    assert len(bbbc006.source_files("bbbc006_a01_s1", settings)) == 5
    assert {path.suffix for path in tmp_path.iterdir()} == {".zip"}


def test_only_what_is_asked_for_is_unpacked(tmp_path, monkeypatch):
    archived(tmp_path, [16])
    opened, original = [], zipfile.ZipFile.open

    def counted(self, name, *rest, **more):
        opened.append(getattr(name, "filename", name))
        return original(self, name, *rest, **more)

    monkeypatch.setattr(zipfile.ZipFile, "open", counted)
    bbbc006.field("bbbc006_b02_s1", {"directory": tmp_path})
    assert opened == [f"BBBC006_v1_images_z_16/{stacked('b02')}"]


def test_an_unpacked_file_goes_before_the_archive(tmp_path):
    archived(tmp_path, [16])
    write(tmp_path / "z_16" / stacked(), plane(16, 9))
    read = bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path})
    np.testing.assert_array_equal(read, plane(16, 9))


@pytest.mark.parametrize("part", [0.1, 0.6, 0.999])
def test_a_truncated_archive(tmp_path, part):
    data = archive(16)
    path = tmp_path / bbbc006.archive_name(16)
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(InputError, match=rf"{path}: is truncated, damaged or no zip archive"):
        bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path})


def test_a_damaged_member(tmp_path):
    data = bytearray(archive(16, wells=["a01"]))
    data[2000] ^= 0xFF
    path = tmp_path / bbbc006.archive_name(16)
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{path}: is truncated, damaged"):
        bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path})


@pytest.mark.parametrize("name", ["../{}", "/tmp/{}", "a/../../{}", "..\\{}"])
def test_names_that_leave_the_archive(tmp_path, name):
    archived(tmp_path / "in", [16], extra=[(name.format(stacked("c03")), tiff(plane(1)))])
    with pytest.raises(InputError, match="which is outside of it"):
        bbbc006.fields(tmp_path / "in")
    assert [path.name for path in tmp_path.rglob("*.tif")] == []


def test_images_of_an_archive_are_named_in_errors(tmp_path):
    archived(
        tmp_path, [16], extra=[(f"z_16/{stacked('c03')}", tiff(np.full((96, 96), 7, np.uint16)))]
    )
    with pytest.raises(InputError, match=rf"z_16\.zip: z_16/{stacked('c03')}: is constant"):
        bbbc006.field("bbbc006_c03_s1", {"directory": tmp_path})


def test_a_member_that_would_fill_the_memory(tmp_path, monkeypatch):
    archived(tmp_path, [16])
    monkeypatch.setattr(bbbc006, "LARGEST", 1000)
    with pytest.raises(InputError, match="bytes unpacked; up to 1000 are accepted"):
        bbbc006.field("bbbc006_a01_s1", {"directory": tmp_path})


def test_an_archive_under_another_planes_name(tmp_path):
    (tmp_path / bbbc006.archive_name(3)).write_bytes(archive(4))
    with pytest.raises(InputError, match="holds .*z_04.* of another plane"):
        bbbc006.fields(tmp_path)


# --- the home -------------------------------------------------------------------------------------


@pytest.fixture
def home(monkeypatch, tmp_path):
    name = bbbc006.archive_name(16)
    with running(Home(archive(16), path=f"/{name}")) as one:
        monkeypatch.setenv("FOCUSBENCH_BBBC006_URL", f"{one.url}/")
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.chdir(tmp_path)
        yield one


def get(path, **more):
    return bbbc006_home.get(path, timeout=2, pause=0.01, **more)


def test_the_nominal_focus_is_downloaded_by_default(home):
    (path,) = bbbc006.source_files("bbbc006_a01_s1", {})
    assert path == "data/bbbc006/BBBC006_v1_images_z_16.zip"
    with pytest.raises(InputError, match=f"needs {bbbc006.archive_name(16)}; set data.bbbc006.dir"):
        bbbc006.field("bbbc006_a01_s1", {"directory": None})
    digest = hashlib.sha256(home.content).hexdigest()
    assert get(path) == checksums.recorded(path) == digest
    np.testing.assert_array_equal(bbbc006.field("bbbc006_a01_s1", {}), plane(16))
    asked = len(home.requests)
    assert get(path) == digest  # it is there: nothing is asked of the home
    assert len(home.requests) == asked


def test_archives_of_the_planes_that_are_used():
    assert bbbc006.archives([0, 33]) == [
        "data/bbbc006/BBBC006_v1_images_z_00.zip",
        "data/bbbc006/BBBC006_v1_images_z_33.zip",
    ]
    assert bbbc006.source_files("bbbc006_a01_s1", {"planes": [7]}) == bbbc006.archives([7])


def test_the_checksum_of_the_first_download_is_enforced_after(home):
    path = bbbc006.archives()[0]
    digest = get(path)
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"another")
    for call in (lambda: get(path), lambda: bbbc006.field("bbbc006_a01_s1", {})):
        with pytest.raises(InputError, match=f"{digest} is wanted; delete it"):
            call()


def test_a_download_is_resumed(home):
    half = len(home.content) // 2

    def cut(answer, request):
        answer.stop = half

    home.faults = [lambda answer, request: None, cut]
    path = bbbc006.archives()[0]
    assert get(path) == hashlib.sha256(home.content).hexdigest()
    assert home.ranges == ["bytes=0-0", None, f"bytes={half}-"]


def test_what_is_no_archive_is_removed(home, tmp_path):
    home.content = b"<html>please log in</html>" * 100
    path = tmp_path / bbbc006.archive_name(16)
    with pytest.raises(InputError, match="is truncated, damaged or no zip archive"):
        get(path)
    assert list(tmp_path.iterdir()) == []
    home.content, home.etag = archive(16), '"two"'
    get(path)
    bbbc006.fields(tmp_path)


def test_an_archive_that_is_not_there(home, tmp_path):
    with pytest.raises(InputError, match="answers 404 .*; or get .* set data.bbbc006.directory"):
        get(tmp_path / bbbc006.archive_name(17))
    assert len(home.requests) == 1
    assert list(tmp_path.iterdir()) == []
    for name in ("BBBC006_v1_images_z_34.zip", "BBBC006_v1_labels.zip"):
        with pytest.raises(InputError, match="is no archive of BBBC006; known: .*_z_33.zip"):
            get(tmp_path / name)


def test_a_server_that_does_not_tell_a_size(home, tmp_path):
    def silent(answer, request):
        answer.headers.pop("Content-Length")

    home.faults = [silent] * 5
    with pytest.raises(InputError, match="does not tell how many bytes"):
        get(tmp_path / bbbc006.archive_name(16))
    assert len(home.requests) == 5


def test_no_home(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "*")
    path = tmp_path / bbbc006.archive_name(16)
    for place, message in (("http://127.0.0.1:9", "cannot be downloaded"), ("ftp://x", "no addre")):
        monkeypatch.setenv("FOCUSBENCH_BBBC006_URL", place)
        with pytest.raises(InputError, match=message):
            get(path, attempts=2)


# --- real files -----------------------------------------------------------------------------------


def test_the_real_fields(real_data):
    folder = real_data / "bbbc006"
    found = bbbc006.fields(folder)
    assert [one.id for one in found] == [f"a{well:02d}_s1" for well in range(1, 10)]
    image = bbbc006.field("bbbc006_a03_s1", {"directory": folder})
    assert image.shape == (520, 696)
    assert (image.min(), image.max()) == (111, 4095)
    far = bbbc006.defocused(folder)
    assert len(far) == 7
    assert {z for _, z, _ in far} == {0}
    assert far[0][0] == "a01_s1"
    assert bbbc006.open_image(far[0][2]).max() == 578
