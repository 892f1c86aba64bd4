import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import nn

from focusbench import pyramid, refocusing
from focusbench.errors import InputError
from focusbench.images import read_volume
from focusbench.refocusing import refocus

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE = 32
PLANES = 2
IMAGE = np.random.default_rng(0).integers(0, 256, (85, 59, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def small_tiles(request, monkeypatch):
    monkeypatch.setattr(pyramid, "SIDE", SIDE)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray(IMAGE).save(path)
    return path


@pytest.fixture
def output(tmp_path):
    return tmp_path / "planes.ome.tif"


class Network(nn.Module):
    """Looks 3 pixels around itself; gives values in [-1, 1]."""

    def __init__(self, scale=2, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 5, padding=2),
            nn.LeakyReLU(0.1),
            nn.Conv2d(4, 3 * PLANES * scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
            nn.BatchNorm2d(3 * PLANES),  # of which evaluation and training differ
            nn.Tanh(),
        )

    def forward(self, images):
        return self.layers(images)


def run(image, output, scale=2, network=None, **options):
    given = {"fingerprint": "0", "planes": PLANES, "scale": scale, "block": 64, "quiet": True}
    given |= {"passage": 8, "halo": 8, **options}
    return refocus(network or Network(scale), image, output, **given)


@pytest.mark.parametrize("scale", [1, 2])
def test_planes_of_the_network(image, output, scale):
    written = run(image, output, scale, pixel_size=0.5, plane_distance=2.7)
    network = Network(scale).eval()
    with torch.no_grad():
        given = torch.from_numpy(IMAGE).permute(2, 0, 1)[None].float() / 127.5 - 1
        whole = network(given)[0].unflatten(0, (PLANES, 3))
    expected = (127.5 * (whole.permute(0, 2, 3, 1).numpy() + 1)).round()
    volume = read_volume(output, "ZYXC")
    assert volume.array.shape == written.shape == (PLANES, 85 * scale, 59 * scale, 3)
    assert volume.voxel_size == written.voxel_size == (2.7, 0.5 / scale, 0.5 / scale)
    difference = np.abs(volume.array - expected)
    assert difference.max() <= 1  # where a half is rounded up or down
    assert (difference > 0).mean() < 1e-4
    assert expected.std() > 10
    assert written.bytes == output.stat().st_size
    assert sorted(os.listdir(output.parent)) == [image.name, output.name]


def test_range_and_order_of_planes(tmp_path, output):
    """Values from 0 to 255 are -1 to 1 to the network; the colours of a plane stand together."""
    path = tmp_path / "image.tif"
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1) + np.zeros(3, np.uint8)
    tifffile.imwrite(path, values, photometric="rgb")

    def network(images):
        assert images.min() == -1
        assert images.max() == 1
        beyond = torch.full_like(images, 1.5)
        beyond[:, 1] = -1.5
        return torch.cat([images, beyond], dim=1)

    run(path, output, scale=1, network=network)
    planes = read_volume(output, "ZYXC").array
    np.testing.assert_array_equal(planes[0], values)
    np.testing.assert_array_equal(planes[1], np.broadcast_to([255, 0, 255], (16, 16, 3)))


def test_pixel_size_of_the_file(tmp_path, output):
    path = tmp_path / "image.ome.tif"
    sizes = {"PhysicalSizeX": 0.4, "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, IMAGE, photometric="rgb", metadata={"axes": "YXS", **sizes})
    assert run(path, output).voxel_size == (None, 0.25, 0.2)
    assert run(path, output, pixel_size=1.0).voxel_size == (None, 0.5, 0.5)
    with tifffile.TiffFile(output) as tif:
        assert 'PhysicalSizeX="0.5"' in tif.ome_metadata
        assert "PhysicalSizeZ" not in tif.ome_metadata


def test_blocks_change_nothing(image, output):
    found = []
    for block in (64, 128, 64):
        run(image, output, block=block)
        found.append(output.read_bytes())
    assert found[0] == found[2]
    run(image, output, block=256)
    one = read_volume(output, "ZYXC").array.astype(int)
    run(image, output, block=64)
    assert np.abs(read_volume(output, "ZYXC").array - one).max() <= 1
    assert refocusing.unit(2) == 32
    assert refocusing.unit(3) == 96


def test_the_paper_s_network(image, output):
    mfpinet = pytest.importorskip("focusbench.networks.mfpinet")
    network = mfpinet.Mfpinet(width=4, planes=PLANES)
    run(image, output, network=network)
    planes = read_volume(output, "ZYXC").array
    assert planes.shape == (PLANES, 170, 118, 3)
    assert planes.std() > 0


def test_progress(image, output, capsys):
    run(image, output, quiet=False)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "refocus image.png: block 6/6"
    assert lines[-1] == "refocus image.png: row of the smaller levels 6/6"


class Cut(Exception):
    pass


def test_what_an_unfinished_file_is_taken_up_by(image, output):
    calls, trained = [], Network().eval()

    def network(images):
        calls.append(images.shape)
        if len(calls) == stop:
            raise Cut
        return trained(images)

    def blocks(cut=0, **options):
        nonlocal stop
        calls.clear()
        stop = cut
        if cut:
            with pytest.raises(Cut):
                run(image, output, network=network, **options)
        else:
            run(image, output, network=network, **options)
        return len(calls)

    stop = 0
    assert blocks() == 3 * 2
    whole = output.read_bytes()
    for change in ({}, {"fingerprint": "1"}, {"halo": 16}, {"precision": "tf32"}):
        blocks(cut=5)
        expected = 3 * 2 if change else 2 * 2  # the row before is computed once more
        assert blocks(**change) == expected
        assert output.read_bytes() == whole  # it looks no further than either halo
    blocks(cut=5)
    Image.fromarray(IMAGE ^ 1).save(image)
    assert blocks() == 3 * 2
    assert output.read_bytes() != whole


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read as Linux tells it")
    folder = tmp_path_factory.mktemp("runs")
    script = Path(__file__).with_name("refocusing_runs.py")
    command = [sys.executable, str(script), str(folder)]
    threads = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_memory_does_not_grow_with_height(runs):
    found = runs["memory"]
    print(f"{found['growth'] / 2**20:.1f} MiB more for {found['pixels'] / 2**20:.1f} MiB of pixels")
    assert found["pixels"] > 20 * 2**20
    assert found["growth"] < found["pixels"] / 2


def test_killed_runs_go_on(runs):
    code, all_blocks = runs["whole"]
    assert code == 0
    fewer = []
    for kill in runs["kills"]:
        assert kill["killed"][0] == -9, kill
        assert kill["resumed"][0] == 0, kill
        assert not kill["early"], kill
        assert kill["same"], kill
        assert kill["left"] == ["image.tif", "planes.ome.tif"], kill
        fewer.append(all_blocks - kill["resumed"][1])
    # nothing kept; two of three rows, one of them computed once more; all but levels, directories
    assert fewer == [0, 2, all_blocks, all_blocks]


def test_bad_images(tmp_path, output):
    def refuse(line, array, **options):
        path = tmp_path / "image.tif"
        tifffile.imwrite(path, array, **options)
        with pytest.raises(InputError, match=line):
            run(path, output)
        assert os.listdir(tmp_path) == ["image.tif"]

    refuse("is grey; an RGB image", IMAGE[..., 0])
    refuse("is RGBA; an RGB image", np.dstack([IMAGE, IMAGE[..., :1]]), photometric="rgb")
    refuse("holds 16-bit values", IMAGE.astype(np.uint16), photometric="rgb")
    refuse("has 59 x 15 pixels; sides from 16 up", IMAGE[:15], photometric="rgb")
    (tmp_path / "image.tif").unlink()
    with pytest.raises(InputError, match="there is no such file"):
        run(tmp_path / "image.tif", output)


def test_an_image_that_is_damaged_further_down(tmp_path, output):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, IMAGE, photometric="rgb", compression="zlib", rowsperstrip=8)
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].dataoffsets[-1]
    content = bytearray(path.read_bytes())
    content[offset : offset + 20] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"image\.tif: is damaged"):
        run(path, output)
    assert not output.exists()


def test_bad_settings(image, output):
    def refuse(line, **options):
        with pytest.raises((InputError, ValueError), match=line) as caught:
            run(image, **({"output": output} | options))
        assert "\n" not in str(caught.value)
        assert os.listdir(image.parent) == [image.name]

    refuse("would overwrite the image", output=image)
    refuse("a name that ends in .ome.tif", output=output.with_suffix(".png"))
    refuse("block is 48; a multiple of 32", block=48)
    refuse("block is True", block=True)
    refuse("passage is -1", passage=-1)
    refuse("step is 32; a whole number from 41 up", passage=40)
    refuse("planes is 0", planes=0)
    refuse("scale is 1.5", scale=1.5, network=Network())
    refuse("threads is 0", threads=0)
    refuse("pixel_size is 0", pixel_size=0)
    refuse("plane_distance is -2", plane_distance=-2)
    refuse("precision 'half' is unknown", precision="half")
    refuse("compression is 'jpeg'", compression="jpeg")
    refuse("gave the shape", network=Network(scale=1))
    refuse("gave NaN", network=lambda images: Network()(images) * torch.nan)


def test_no_memory_on_the_device(image, output):
    def network(images):
        raise torch.OutOfMemoryError("CUDA out of memory. A long story\nof many lines")

    with pytest.raises(InputError, match="cpu: has no memory for .* a smaller block is accepted"):
        run(image, output, network=network)
