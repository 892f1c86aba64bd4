import pytest
import torch
from torch import nn

from focusbench import networks
from focusbench.errors import InputError
from focusbench.evaluation.flops import Operations, counted


@pytest.fixture(autouse=True)
def one_thread_in_all(one_thread):
    """In every test of this file."""


def paper_size(name, **parameters):
    with torch.device("meta"):
        return networks.build(name, **parameters)


@pytest.mark.parametrize(
    ("name", "shape", "printed"),
    [("mfpinet", (1, 3, 384, 384), 264.1), ("deep_z", (1, 4, 768, 768), 762.4)],
)
def test_table_3_of_ma_2021(name, shape, printed):
    """Printed are 264.2 (with pooling, upsampling, ...; 0.04 % more) and 762.4."""
    assert round(counted(paper_size(name), shape).gflops, 1) == printed


def test_mfpinet_in_parts():
    macs, biases, activations, others = counted(paper_size("mfpinet"), (1, 3, 384, 384))
    assert round(macs / 1e9, 3) == 131.677
    assert round((macs + biases) / 1e9, 3) == 131.909
    assert round((macs + biases + activations) / 1e9, 3) == 132.049
    assert others == 0


def test_deep_z_at_the_size_it_was_trained_on():
    assert round(counted(paper_size("deep_z"), (1, 4, 384, 384)).macs / 1e9, 1) == 95.2


@pytest.mark.parametrize(("blocks", "gmacs"), [(5, 93.0), (16, 212.6)])
def test_srgan(blocks, gmacs):
    found = counted(paper_size("srgan", blocks=blocks), (1, 3, 384, 384))
    assert round(found.macs / 1e9, 1) == gmacs


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        # 2 x 5 x 7 results of 6 channels, each of 3 x 9 products
        (nn.Conv2d(3, 6, 3, padding=1), (2, 3, 5, 7), (420 * 27, 420, 0, 0)),
        (nn.Conv2d(3, 6, 3, bias=False), (2, 3, 5, 7), (2 * 3 * 5 * 6 * 27, 0, 0, 0)),
        (nn.Conv2d(4, 6, 3, 2, 1, groups=2), (1, 4, 5, 8), (3 * 4 * 6 * 2 * 9, 72, 0, 0)),
        (nn.Conv3d(2, 3, (1, 2, 3)), (1, 2, 4, 5, 6), (4 * 4 * 4 * 3 * 2 * 6, 192, 0, 0)),
        (nn.Conv1d(2, 3, 5, dilation=2), (1, 2, 11), (3 * 3 * 2 * 5, 9, 0, 0)),
        # every value given is multiplied with 6 / 2 x 4 weights
        (nn.ConvTranspose2d(4, 6, 2, 2, groups=2), (1, 4, 5, 5), (100 * 3 * 4, 600, 0, 0)),
        (nn.Linear(7, 3), (4, 7), (84, 12, 0, 0)),
        (nn.Linear(7, 3, bias=False), (2, 4, 7), (168, 0, 0, 0)),
        (nn.ReLU(), (2, 3, 4), (0, 0, 24, 0)),
        (nn.LeakyReLU(0.1, inplace=True), (2, 3, 4), (0, 0, 24, 0)),
        (nn.PReLU(3), (2, 3, 4, 4), (0, 0, 96, 0)),
        (nn.BatchNorm2d(3), (2, 3, 4, 4), (0, 0, 0, 192)),
        (nn.LayerNorm(4), (2, 3, 4), (0, 0, 0, 48)),
        (nn.Sequential(nn.Tanh(), nn.Sigmoid(), nn.Dropout(0.5)), (2, 3), (0, 0, 0, 0)),
        (nn.Sequential(nn.AvgPool2d(2), nn.Upsample(scale_factor=2)), (1, 1, 4, 4), (0, 0, 0, 0)),
    ],
)
def test_by_hand(layer, shape, expected):
    found = counted(nn.Sequential(layer), shape)
    assert found == expected == counted(layer, shape)
    assert found.gflops == 2 * sum(expected) / 1e9


def test_a_layer_counts_as_often_as_it_is_called():
    layer = nn.Linear(3, 3)
    assert counted(nn.Sequential(layer, nn.ReLU(), layer), (1, 3)) == (18, 6, 3, 0)


class Told(nn.Module):
    operations_per_value = 3

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.inner = nn.ReLU()

    def forward(self, values):
        return torch.cat([self.inner(values), values]) * self.weight


def test_modules_that_tell_themselves():
    assert counted(Told(), (4, 5)) == (0, 0, 20, 120)


def test_the_network_stays_as_it_is():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()).train()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    own = list(network.parameters())
    counted(network, (2, 1, 8, 8))
    assert all(a is b for a, b in zip(own, network.parameters(), strict=True))
    assert all(torch.equal(tensor, state[k]) for k, tensor in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())
    assert network.training
    assert not any(m._forward_hooks for m in network.modules())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_any_device_and_type(dtype):
    network = networks.build("mfpinet", width=2)
    expected = counted(network, (1, 3, 64, 64))
    assert counted(network.to(dtype), (1, 3, 64, 64)) == expected
    assert counted(network.to("meta"), (1, 3, 64, 64)) == expected


def test_sizes_that_no_memory_holds():
    found = counted(nn.Conv2d(3, 1, 1), (1, 3, 10**6, 10**6))
    assert found == Operations(3 * 10**12, 10**12)


def test_hooks_go_after_a_failure():
    network = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(RuntimeError):
        counted(network, (1, 4))
    assert not any(m._forward_hooks for m in network.modules())


def test_nothing_is_left_out_unsaid():
    network = nn.Sequential(nn.Linear(4, 4), nn.GRU(4, 4))
    line = "^operations of 1, a GRU, cannot be counted: operations_per_value is needed"
    with pytest.raises(InputError, match=line):
        counted(network, (2, 4))
    assert not any(m._forward_hooks for m in network.modules())
    with pytest.raises(InputError, match="operations of the network, a GRU"):
        counted(nn.GRU(4, 4), (2, 4))
