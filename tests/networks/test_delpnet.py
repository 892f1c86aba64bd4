import pytest
import torch
from torch import nn

from focusbench.errors import InputError
from focusbench.networks.delpnet import Delpnet
from focusbench.networks.keras_counts import counted

OTHERS = {
    # channels of plain networks of the same printed size: trainable, total
    ((32,), (64,), (128, 128), (256, 256), (512,)): (2_314_572, 2_317_324),
    ((64,), (128, 128), (256, 256, 256, 256)): (2_293_260, 2_295_948),
}


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_order_of_layers():
    """He et al. 2020, 2.2: 7 convolutions; every batch normalisation is followed by ReLU."""
    with torch.device("meta"):
        network = Delpnet()
    unit = ["SameConv2d", "BatchNorm", "ReLU", "Dropout"]
    pair = [*unit, *unit, "MaxPool2d"]
    assert kinds(network) == [*pair, *pair, *pair, *unit]
    convolutions = [m for m in network.layers if isinstance(m, nn.Conv2d)]
    channels = [(c.in_channels, c.out_channels) for c in convolutions]
    assert channels == [
        *((1, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512)),
    ]
    assert {c.kernel_size for c in convolutions} == {(3, 3)}
    assert all(c.bias is not None for c in convolutions)
    assert (network.head.in_features, network.head.out_features) == (512, 12)


def test_sides_of_the_maps():
    network = Delpnet(width=1 / 32)
    seen = []
    for layer in network.layers:
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda layer, given, result: seen.append(result.shape[2:]))
    network(torch.rand(2, 1, 84, 84))
    assert [tuple(shape) for shape in seen] == [(n, n) for n in (84, 84, 42, 42, 21, 21, 10)]


@pytest.mark.parametrize("blocks", OTHERS)
def test_other_channels_of_the_printed_size(blocks):
    with torch.device("meta"):
        network = Delpnet(blocks=blocks)
    assert counted(network) == OTHERS[blocks]
    assert round(counted(network).total / 1e6, 1) == 2.3
    assert kinds(network).count("SameConv2d") == 7
    assert kinds(network).count("MaxPool2d") == len(blocks) - 1


def test_without_batch_normalisation():
    with torch.device("meta"):
        network = Delpnet(batch_norm=False)
    unit = ["SameConv2d", "ReLU", "Dropout"]
    pair = [*unit, *unit, "MaxPool2d"]
    assert kinds(network) == [*pair, *pair, *pair, *unit]
    assert counted(network) == (2_330_572, 2_330_572)  # two parameters a channel less


def test_without_dropout():
    """The layers have the same names, and no random number is drawn."""
    network = Delpnet(width=1 / 32, dropout=0)
    assert network.state_dict().keys() == Delpnet(width=1 / 32).state_dict().keys()
    given = torch.rand(2, 1, 16, 16)
    before = torch.random.get_rng_state()
    assert torch.equal(network(given), network(given))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_dropout_in_training_alone():
    torch.manual_seed(0)
    network = Delpnet(width=1 / 16, dropout=0.4)
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.4] * 7
    given = torch.rand(2, 1, 16, 16)
    assert not torch.equal(network(given), network(given))
    network.eval()
    assert torch.equal(network(given), network(given))


def test_global_maximum():
    """Two bright squares far apart: of each feature, the larger value of the two."""
    torch.manual_seed(0)
    network = Delpnet(width=1 / 8, batch_norm=False, dropout=0).double().eval()
    field = torch.zeros(1, 1, 192, 192, dtype=torch.float64)
    # a pixel is seen from less than 32 pixels away: seven convolutions at distances 1, 2, 4, 8 add
    # up to 22, poolings to 7. Nothing is seen from farther, and no bias lightens the dark.
    field[0, 0, 44:52, 44:52] = torch.rand(8, 8)
    field[0, 0, 140:148, 140:148] = 3 * torch.rand(8, 8)
    heads = []
    network.head.register_forward_hook(lambda layer, given, result: heads.append(given[0][0]))
    for part in (field, field[..., :96, :96], field[..., 96:, 96:]):
        network(part)
    torch.testing.assert_close(heads[0], torch.maximum(heads[1], heads[2]), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dropout": 1.0}, "dropout is 1.0; a number from 0 to below 1"),
        ({"blocks": []}, "blocks is .*; lists of whole numbers from 1 up"),
        ({"blocks": [[64], []]}, "blocks is "),
        ({"blocks": [64, 64]}, "blocks is "),
        ({"blocks": [[64, 0]]}, "blocks is "),
        ({"blocks": None}, "blocks is None"),
    ],
)
def test_bad_parameters(wrong, message):
    with pytest.raises(InputError, match=message):
        Delpnet(**wrong)
