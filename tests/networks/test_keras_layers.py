import numpy as np
import pytest
import torch
from torch import nn

from focusbench.errors import InputError
from focusbench.networks.keras_layers import (
    BatchNorm,
    SameConv2d,
    check_share,
    max_pool_same,
    same_padding,
    scaled,
    start,
)


def windows(image, kernel, stride, fill):
    """Windows of `same` padding, as TensorFlow's guide words it, pixel by pixel: (Y, X, k, k)."""
    places = []
    for length in image.shape:
        rest = length % stride
        both = max(kernel - (rest if rest else stride), 0)
        places.append([i * stride - both // 2 for i in range(int(np.ceil(length / stride)))])
    result = np.full((len(places[0]), len(places[1]), kernel, kernel), fill)
    for i, top in enumerate(places[0]):
        for j, left in enumerate(places[1]):
            for dy in range(kernel):
                for dx in range(kernel):
                    y, x = top + dy, left + dx
                    if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                        result[i, j, dy, dx] = image[y, x]
    return result


SHAPES = [(8, 8), (9, 7), (8, 11), (3, 2), (1, 1)]
KERNELS = [(3, 1), (3, 2), (7, 2), (1, 2), (1, 1), (5, 3), (2, 1)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
def test_convolution_pixel_by_pixel(shape, kernel, stride):
    torch.manual_seed(0)
    layer = SameConv2d(1, 2, kernel, stride).double()
    image = torch.rand(shape, dtype=torch.float64)
    result = layer(image[None, None])[0]
    seen = windows(image.numpy(), kernel, stride, 0.0)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.einsum("yxij,cij->cyx", seen, weight[:, 0]) + bias[:, None, None]
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
def test_maxima_pixel_by_pixel(shape, kernel, stride):
    """Negative values, which zeros beside them would beat."""
    torch.manual_seed(0)
    image = -1 - torch.rand(shape, dtype=torch.float64)
    result = max_pool_same(image[None, None], kernel, stride)[0, 0]
    expected = windows(image.numpy(), kernel, stride, -np.inf).max(axis=(2, 3))
    np.testing.assert_array_equal(result.numpy(), expected)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "zeros"),
    [
        (84, 3, 2, (0, 1)),
        (21, 3, 2, (1, 1)),
        (84, 7, 2, (2, 3)),
        (84, 3, 1, (1, 1)),
        (9, 1, 2, (0, 0)),
    ],
)
def test_zeros_come_after(length, kernel, stride, zeros):
    assert same_padding(length, kernel, stride) == zeros


def test_channel_by_channel():
    torch.manual_seed(0)
    layer = SameConv2d(3, 3, 3, 2, groups=3, bias=False).double()
    image = torch.rand(1, 3, 6, 6, dtype=torch.float64)
    result = layer(image)
    for channel in range(3):
        alone = SameConv2d(1, 1, 3, 2, bias=False).double()
        alone.weight.data = layer.weight.data[channel : channel + 1]
        torch.testing.assert_close(
            alone(image[:, channel : channel + 1])[0, 0], result[0, channel], rtol=0, atol=1e-14
        )


@pytest.mark.parametrize("keras_momentum", [0.99, 0.60, 0.40])
@pytest.mark.parametrize("scale", [True, False])
def test_running_statistics_after_one_step(keras_momentum, scale):
    """Keras: new = momentum * old + (1 - momentum) * batch; the unbiased variance, as fused TF."""
    torch.manual_seed(0)
    layer = BatchNorm(3, keras_momentum, scale=scale).double()
    layer.running_mean.fill_(2.0)
    layer.running_var.fill_(5.0)
    features = torch.randn(4, 3, 5, 6, dtype=torch.float64) * 3 + 1
    layer(features)
    values = features.numpy().transpose(1, 0, 2, 3).reshape(3, -1)
    mean = keras_momentum * 2 + (1 - keras_momentum) * values.mean(axis=1)
    variance = keras_momentum * 5 + (1 - keras_momentum) * values.var(axis=1, ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), variance, rtol=1e-12)


@pytest.mark.parametrize("scale", [True, False])
def test_normalised_with_keras_epsilon(scale):
    """Values as small as those of the paper's patches, where epsilon is the greater part."""
    torch.manual_seed(0)
    layer = BatchNorm(2, 0.6, scale=scale).double()
    nn.init.constant_(layer.bias, 0.25)
    if scale:
        nn.init.constant_(layer.weight, 3.0)
    features = torch.randn(4, 2, 5, 6, dtype=torch.float64) * 0.01
    values = features.numpy()
    mean = values.mean(axis=(0, 2, 3), keepdims=True)
    variance = values.var(axis=(0, 2, 3), keepdims=True)
    expected = (values - mean) / np.sqrt(variance + 1e-3) * (3 if scale else 1) + 0.25
    np.testing.assert_allclose(layer(features).detach().numpy(), expected, rtol=0, atol=1e-13)


def test_without_scale_there_is_no_weight():
    layer = BatchNorm(3, 0.6, scale=False)
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    assert "weight" not in layer.state_dict()
    BatchNorm(3, 0.6, scale=False).load_state_dict(layer.state_dict())  # strict
    assert layer.double().weight.dtype == torch.float64


def test_starting_values_are_glorots():
    """Uniform within the square root of 6 / (fan in + fan out), as Keras counts the fans."""
    torch.manual_seed(0)
    network = nn.Sequential(
        SameConv2d(20, 40, 3), SameConv2d(40, 40, 3, groups=40), nn.Linear(30, 70)
    )
    start(network)
    fans = [9 * 20 + 9 * 40, 9 * 40 + 9, 30 + 70]
    for layer, fan in zip(network, fans, strict=True):
        limit = (6 / fan) ** 0.5
        weight = layer.weight.detach()
        assert 0.95 * limit < weight.abs().max() <= limit
        assert abs(weight.std() / (limit / 3**0.5) - 1) < 0.1
        assert (layer.bias == 0).all()


def test_scaled():
    assert [scaled(64, width) for width in (1.0, 0.5, 1 / 16, 0.001, 1.5)] == [64, 32, 4, 1, 96]


@pytest.mark.parametrize("value", [1, 1.0, -0.1, float("nan"), True, "0.5", None])
def test_no_share(value):
    with pytest.raises(InputError, match="^dropout is .*; a number from 0 to below 1 is accepted$"):
        check_share("dropout", value)
