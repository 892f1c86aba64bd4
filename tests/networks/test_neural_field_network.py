import pytest
import torch

from focusbench import networks
from focusbench.networks.neural_field import NeuralField, interpolation


def test_interpolation_is_linear_from_end_to_end():
    nodes = torch.tensor([0.0, 10.0, 0.0])
    assert (interpolation(5, 3) @ nodes).tolist() == [0, 5, 10, 5, 0]
    assert torch.equal(interpolation(4, 4), torch.eye(4))
    assert interpolation(1, 4).tolist() == [[0, 0.5, 0.5, 0]]
    assert interpolation(3, 1).tolist() == [[1], [1], [1]]
    torch.testing.assert_close(interpolation(7, 5).sum(1), torch.ones(7))


def test_nodes_follow_the_cells_and_the_ratio_of_depth():
    network = networks.build("neural_field", shape=(11, 33, 17), cells=(8, 1), depth_ratio=0.5)
    assert [tuple(grid.shape) for grid in network.grids] == [(4, 4, 5, 3), (4, 21, 33, 17)]
    assert network().shape == (11, 33, 17)


def test_features_are_trilinear_in_between():
    torch.manual_seed(0)
    network = NeuralField((5, 5, 5), cells=(4,), features=3)
    seen = []
    network.hidden.register_forward_hook(lambda module, given, result: seen.append(given[0]))
    network()
    features = seen[0].T.reshape(3, 5, 5, 5)
    (grid,) = network.grids
    torch.testing.assert_close(features[:, ::4, ::4, ::4], grid.detach())
    expected = torch.nn.functional.interpolate(
        grid.detach()[None], size=(5, 5, 5), mode="trilinear", align_corners=True
    )[0]
    torch.testing.assert_close(features, expected)


def test_is_a_function_of_position():
    """Twice as fine a sampling passes through the values of the coarse one."""
    torch.manual_seed(1)
    network = NeuralField((4, 6, 5), cells=(4, 1))
    fine = network((7, 11, 9))
    assert fine.shape == (7, 11, 9)
    torch.testing.assert_close(fine[::2, ::2, ::2], network(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 7, 3), (11, 5, 1)])
def test_any_size_and_every_parameter_learns(shape):
    torch.manual_seed(0)
    network = NeuralField(shape)
    value = network()
    assert value.shape == shape
    value.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_matrices_are_no_weights():
    assert not [name for name in NeuralField((2, 3, 4)).state_dict() if "matrix" in name]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shape": (3, 4)}, "shape"),
        ({"shape": (0, 4, 4)}, "shape"),
        ({"shape": (3, 4, 4), "cells": ()}, "cells"),
        ({"shape": (3, 4, 4), "cells": (0,)}, "cells"),
        ({"shape": (3, 4, 4), "depth_ratio": 0}, "depth_ratio"),
        ({"shape": (3, 4, 4), "features": 0}, "features must be at least 1, not 0"),
        ({"shape": (3, 4, 4), "layers": 0}, "layers must be at least 1, not 0"),
    ],
)
def test_bad_sizes(wrong, message):
    with pytest.raises(ValueError, match=message):
        NeuralField(**wrong)
