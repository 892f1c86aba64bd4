"""What a network computes, counted as Ma et al. 2021, Table III, count it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

from focusbench.errors import InputError

ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU),
    *(nn.Hardswish, nn.Hardsigmoid, nn.Softplus),
)
NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)


class Operations(NamedTuple):
    """Of one pass through a network: multiplications with additions, and one for each value of ...

    Attributes
    ----------
    macs
        Multiplications, each with an addition, of convolutions and dense layers.
    biases
        ... a result to which a bias is added.
    activations
        ... a result of an activation.
    others
        Of normalisations (two for each value of the result: for its mean and variance, and to scale
        and shift), and of modules that tell themselves.
    """

    macs: int = 0
    biases: int = 0
    activations: int = 0
    others: int = 0

    @property
    def gflops(self) -> float:
        """Twice the sum of all, over 10^9: "GFLOPS" of Ma et al. 2021, Table III."""
        return 2 * sum(self) / 1e9


def counted(network: nn.Module, shape: Sequence[int]) -> Operations:
    """Count what `network` computes for an input of `shape`, without computing it.

    The convention is that which meets Table III: for one input of 384 x 384 pixels 264.1 GFLOPs of
    `mfpinet` (printed: 264.2), for one of 768 x 768 pixels 762.4 of `deep_z`. It takes places where
    a kernel meets the zeros around its input for full ones, and leaves out pooling, upsampling,
    pixel shuffling, sums of features, tanh and sigmoid, less than 0.1 % in these two.

    The pass is made with hooks on the modules, on the meta device, with empty parameters in place
    of the network's own, which stay where and what they are: it takes no memory to speak of. What
    is computed outside modules is not seen. A module of one's own may have an attribute
    `operations_per_value`, a whole number: how many there are for each value of its result, beside
    those of the modules in it.

    Parameters
    ----------
    network
        Takes one tensor of the type of its parameters; on any device, "meta" too. Its state,
        running statistics included, is left as it is.
    shape
        Of the input, with the batch: (1, 3, 384, 384).

    Raises
    ------
    InputError
        A module has parameters, and no rule says what it computes with them.
    """
    found: list[Operations] = []
    rules = [(module, _rule(module, name)) for name, module in network.named_modules()]
    tensors = [*network.named_parameters(), *network.named_buffers()]
    empty = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors}
    kinds = [t.dtype for _, t in tensors if t.is_floating_point()]
    given = torch.empty(*shape, dtype=kinds[0] if kinds else None, device="meta")
    hooks = [
        module.register_forward_hook(_reporting(rule, found)) for module, rule in rules if rule
    ]
    try:
        with torch.no_grad():
            torch.func.functional_call(network, empty, (given,))
    finally:
        for hook in hooks:
            hook.remove()
    return Operations(*(sum(values) for values in zip(Operations(), *found, strict=True)))


Rule = Callable[[Any, Tensor, Tensor], Operations]


def _reporting(rule: Rule, found: list[Operations]) -> Callable[..., None]:
    def hook(module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        found.append(rule(module, given[0], result))

    return hook


def _rule(module: nn.Module, name: str) -> Rule | None:
    if hasattr(module, "operations_per_value"):
        return lambda module, given, result: Operations(
            others=module.operations_per_value * result.numel()
        )
    for kinds, rule in RULES:
        if isinstance(module, kinds):
            return rule
    if any(True for _ in module.parameters(recurse=False)):
        kind = type(module).__name__
        raise InputError(
            f"operations of {name or 'the network'}, a {kind}, cannot be counted: "
            "operations_per_value is needed"
        )
    return None


def _transposed(layer: Any, given: Tensor, result: Tensor) -> Operations:
    each = layer.weight[0].numel()  # of one value that is given, over all it is added to
    return Operations(macs=given.numel() * each, biases=_biases(layer, result))


def _linear(layer: Any, given: Tensor, result: Tensor) -> Operations:
    each = layer.weight[0].numel()  # of one value of the result, over all that it is summed of
    return Operations(macs=result.numel() * each, biases=_biases(layer, result))


def _biases(layer: Any, result: Tensor) -> int:
    return 0 if layer.bias is None else result.numel()


def _activation(layer: Any, given: Tensor, result: Tensor) -> Operations:
    return Operations(activations=result.numel())


def _norm(layer: Any, given: Tensor, result: Tensor) -> Operations:
    return Operations(others=2 * result.numel())


RULES: tuple[tuple[Any, Rule], ...] = (
    (_ConvTransposeNd, _transposed),
    ((_ConvNd, nn.Linear), _linear),
    (ACTIVATIONS, _activation),
    (NORMS, _norm),
)
