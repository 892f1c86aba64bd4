"""Planes of BBBC006 from their home: those that are asked for; one is cut off, two are missing."""

import io
import re
import zipfile

import numpy as np
import tifffile

from home_server import Answer, Home, running

TARGET = "results/defocus/truth/bbbc006_a01_s1.ome.tif"
NAME = "BBBC006_v1_images_z_16.zip"
UUID = "a571d43d-5554-47fd-bb54-5db68290e5a7"


def archive(plane):
    counts = np.random.default_rng(plane).integers(100, 4000, (90, 100)).astype(np.uint16)
    image, packed = io.BytesIO(), io.BytesIO()
    tifffile.imwrite(image, counts, photometric="minisblack")
    name = f"BBBC006_v1_images_z_{plane:02d}/mcf-z-stacks-03212011_a01_s1_w1{UUID}.tif"
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(name, image.getvalue())
    return packed.getvalue()


def test_a_cut_is_continued_and_a_missing_plane_says_what_else_to_do(checkout, monkeypatch):
    home = Home(archive(16), path=f"/{NAME}")

    def fault(answer, request):
        if request.path != home.path:
            return Answer(404, {"Content-Length": 0}, b"")
        if request.headers.get("Range") is None:
            answer.stop = 5000

    home.faults = [fault] * 99
    overlay = checkout.overlay({"data": {"bbbc006": {"planes": [15, 16, 17]}}})
    with running(home):
        monkeypatch.setenv("FOCUSBENCH_BBBC006_URL", home.url)
        monkeypatch.setenv("no_proxy", "*")
        done = checkout.snakemake(TARGET, "--configfile", overlay, cores=3, fails=True)

    # all three were tried side by side; what came stays
    folder = checkout.folder / "data/bbbc006"
    assert sorted(path.name for path in folder.iterdir()) == [NAME, f"{NAME}.download.json"]
    assert (folder / NAME).read_bytes() == home.content
    asked = [headers.get("Range") for path, headers in home.requests if path == home.path]
    assert asked == ["bytes=0-0", None, "bytes=5000-"]
    assert {path for path, _ in home.requests} == {
        f"/BBBC006_v1_images_z_{plane}.zip" for plane in (15, 16, 17)
    }
    lines = [line for line in done.stderr.splitlines() if line.startswith("focusbench: error: ")]
    assert lines
    for line in lines:
        assert re.search(rf"{home.url}/BBBC006_v1_images_z_1[57].zip: cannot be dow.* 404", line)
        assert line.endswith("set data.bbbc006.directory to the folder that holds it")
    assert not (checkout.folder / TARGET).exists()
