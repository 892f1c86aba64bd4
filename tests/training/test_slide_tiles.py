import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.training.slide_tiles import blocks, pieces, shares
from focusbench.training.tiles import border_excess

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGE = np.random.default_rng(0).integers(0, 256, (85, 59, 3), dtype=np.uint8)


def convolutions(reach, scale=2, channels=6):
    """A network that looks `reach` pixels around itself."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.LeakyReLU(0.1)]
    for _ in range(reach - 2):
        layers += [nn.Conv2d(4, 4, 3, padding=1), nn.LeakyReLU(0.1)]
    last = nn.Conv2d(4, channels * scale**2, 3, padding=1)
    return nn.Sequential(*layers, last, nn.PixelShuffle(scale)).requires_grad_(False)


def untiled(network, image):
    with torch.no_grad():
        return network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1)[0]


def tiled(network, image, channels=6, scale=2, **options):
    result = torch.full((channels, *(scale * side for side in image.shape[:2])), torch.nan)
    given = {"channels": channels, "scale": scale, "step": 16, "passage": 4, "halo": 4}
    given |= {"multiple": 1, **options}
    read = []

    def rows(start, stop):
        read.append((start, stop))
        return image[start:stop]

    for y, x, values, row, last in blocks(network, rows, image.shape[:2], **given):
        place = result[:, y : y + values.shape[1], x : x + values.shape[2]]
        assert place.shape == values.shape
        assert place.isnan().all()  # each pixel once
        place[:] = values
        assert last == (x + values.shape[2] == result.shape[2])
        assert row == y // (16 * scale) or "step" in options
    assert read == sorted(read)
    return result


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("reach", [3, 4])
def test_convolutions_give_what_they_give_untiled(scale, reach):
    network = convolutions(reach, scale)
    whole = untiled(network, IMAGE)
    made = tiled(network, IMAGE, scale=scale)
    torch.testing.assert_close(made, whole, rtol=0, atol=1e-5 * float(whole.std()))


def test_not_if_they_look_further_than_the_halo():
    network = convolutions(6)
    whole = untiled(network, IMAGE)
    assert (tiled(network, IMAGE) - whole).abs().max() > 1e-3 * whole.std()


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (16, 20), (21, 19), (64, 17)])
def test_small_images(shape):
    network = convolutions(4)
    image = IMAGE[: shape[0], : shape[1]]
    whole = untiled(network, image)
    torch.testing.assert_close(tiled(network, image), whole, rtol=0, atol=1e-5)


def test_halving_happens_at_the_same_places():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.AvgPool2d(4), nn.Upsample(scale_factor=4)
    ).requires_grad_(False)
    image = IMAGE[:84, :56]
    settings = {"channels": 4, "scale": 1, "halo": 5}
    whole = untiled(network, image)
    made = tiled(network, image, multiple=4, **settings)
    torch.testing.assert_close(made, whole, rtol=0, atol=1e-6)
    cut = pieces(84, 16, 4, 5, 4)
    assert all(piece.read_start % 4 == 0 for piece in cut)
    assert all(piece.read_stop % 4 == 0 for piece in cut[:-1])


def test_pieces():
    for length in range(1, 120):
        for passage, halo in ((0, 0), (4, 0), (7, 9), (15, 3)):
            cut = pieces(length, 16, passage, halo, 8)
            assert [piece.start for piece in cut] == [16 * i for i in range(len(cut))]
            assert [piece.start for piece in cut[1:]] == [piece.stop for piece in cut[:-1]]
            assert cut[-1].stop == cut[-1].end == length
            assert cut[-1].stop - cut[-1].start <= 16 + passage
            for piece in cut:
                assert piece.end == min(piece.stop + passage, length)
                assert piece.read_start <= max(0, piece.start - halo)
                assert min(length, piece.end + halo) <= piece.read_stop <= length
                assert piece.read_start % 8 == 0
            total = torch.zeros(2 * length)
            for share in shares(cut, passage, 2):
                total[share.place] += share.weights
            torch.testing.assert_close(total, torch.ones(2 * length))


def test_passage():
    """Between a block of 0 and one of 1, over two pixels of the image, four of the result."""
    values = iter([0.0, 1.0, 1.0, 1.0])

    def network(images):
        return torch.full((1, 1, *(2 * side for side in images.shape[2:])), next(values))

    made = tiled(network, IMAGE[:18, :18], channels=1, passage=2, halo=0)
    torch.testing.assert_close(made, torch.zeros(1, 36, 36))  # what is left over is in the block
    values = iter([0.0, 1.0, 1.0, 1.0])
    made = tiled(network, IMAGE[:19, :19], channels=1, passage=2, halo=0)[0]
    rise = torch.tensor([1, 3, 5, 7]) / 8
    torch.testing.assert_close(made[0, 28:38], torch.cat([torch.zeros(4), rise, torch.ones(2)]))
    torch.testing.assert_close(made[28:38, 0], made[0, 28:38])
    torch.testing.assert_close(made[32:36, 32:36], rise[:, None] + (1 - rise[:, None]) * rise)


@pytest.mark.parametrize("first", [1, 2, 4])
def test_later_rows_alone_give_the_same_bytes(first):
    network, settings = convolutions(6), {"channels": 6, "scale": 2, "step": 16, "passage": 4}
    settings |= {"halo": 4, "multiple": 1}
    shape = IMAGE.shape[:2]
    both = [
        list(blocks(network, lambda a, b: IMAGE[a:b], shape, first=begin, **settings))
        for begin in (0, first)
    ]
    later = [block for block in both[0] if block.row >= first]
    assert len(later) == len(both[1]) > 0
    for one, two in zip(later, both[1], strict=True):
        assert one[:2] + one[3:] == two[:2] + two[3:]
        assert torch.equal(one.values, two.values)


@pytest.fixture(scope="module")
def refocusing():
    """An MFPINet that learned a little to blur one plane and to keep another, and an image."""
    mfpinet = pytest.importorskip("focusbench.networks.mfpinet")
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    fine = gaussian_filter(random.standard_normal((2, 400, 432, 3)), (0, 1, 1, 0))
    broad = gaussian_filter(random.standard_normal((2, 400, 432, 3)), (0, 9, 9, 0))
    sharp = (0.2 * fine / fine.std() + 0.4 * np.sign(broad)).clip(-1, 1)
    planes = np.concatenate([gaussian_filter(sharp, (0, 6, 6, 0)), sharp], axis=-1)
    planes = torch.from_numpy(planes).float().permute(0, 3, 1, 2)
    images = functional.avg_pool2d(planes[:, 3:], 2)
    torch.manual_seed(0)
    network = mfpinet.Mfpinet(width=4, planes=2)
    optimizer = torch.optim.Adam(network.parameters(), lr=6e-3)
    for _ in range(30):
        y, x = (8 * int(v) for v in random.integers(0, 19, 2))
        given = images[:1, :, y : y + 48, x : x + 48]
        target = planes[:1, :, 2 * y : 2 * y + 96, 2 * x : 2 * x + 96]
        optimizer.zero_grad()
        (network(given) - target).abs().mean().backward()
        optimizer.step()
    image = ((images[1] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return network.requires_grad_(False), image


def test_borders_of_a_network_of_wide_reach_are_not_seen(refocusing):
    """It looks far beyond the halo: blocks differ from the whole, yet show no borders."""
    network, image = refocusing
    whole, excess = untiled(network, image), {}
    for halo, passage in ((0, 0), (32, 32)):
        settings = {"step": 64, "passage": passage, "halo": halo, "multiple": 8}
        made = tiled(network, image, **settings)
        cut = [pieces(side, 64, max(passage, 1), halo) for side in image.shape[:2]]
        axes = [shares(pieces(6, 64), 32, 1), *(shares(each, max(passage, 1), 2) for each in cut)]
        excess[halo] = border_excess(made, whole, axes)
        print(
            f"halo {halo}, passage {passage}: {100 * excess[halo].mean:.2f} % more across borders"
        )
        assert not torch.equal(made, whole)
    assert excess[0].mean > 0.1
    assert abs(excess[32].mean) < 0.02


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"step": 4}, "step is 4; a whole number from 5 up"),
        ({"step": 20, "multiple": 8}, "step is 20; a multiple of 8"),
        ({"halo": -1}, "halo is -1"),
        ({"passage": 1.5}, "passage is 1.5"),
        ({"multiple": 0}, "multiple is 0"),
        (
            {"channels": 7},
            r"gave the shape \(1, 6, 40, 40\) for \(1, 3, 20, 20\); \(1, 7, 40, 40\)",
        ),
        ({"scale": 1}, r"gave the shape"),
    ],
)
def test_bad_settings(wrong, message):
    with pytest.raises(InputError, match=message):
        tiled(convolutions(2), IMAGE[:20, :20], **wrong)


def test_what_is_not_finite():
    with pytest.raises(InputError, match="network: gave NaN or infinite values"):
        tiled(lambda images: images / 0, IMAGE, channels=3, scale=1)
