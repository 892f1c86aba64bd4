import json

import pytest
import torch

from focusbench.training import optimizers

OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "amsgrad": lambda p: torch.optim.AdamW(p, lr=1e-2, amsgrad=True),
    "momentum": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, centered=True),
    "lbfgs": lambda p: torch.optim.LBFGS(p, max_iter=3, line_search_fn="strong_wolfe"),
}


def parameters():
    return [torch.linspace(-1, 2, 6).reshape(2, 3).requires_grad_(), torch.ones(1).requires_grad_()]


def advance(optimizer, values, steps):
    def closure():
        optimizer.zero_grad()
        loss = ((values[0] - 0.3) ** 4).sum() + (values[1] * values[0]).square().sum()
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_goes_on_exactly(kind):
    values = parameters()
    optimizer = OPTIMIZERS[kind](values)
    advance(optimizer, values, 4)
    tensors, scalars = optimizers.pack(optimizer)
    tensors = {name: value.clone() for name, value in tensors.items()}
    scalars = json.loads(json.dumps(scalars))
    others = [value.detach().clone().requires_grad_() for value in values]
    other = OPTIMIZERS[kind](others)
    optimizers.unpack(other, tensors, scalars)
    advance(optimizer, values, 4)
    advance(other, others, 4)
    for one, two in zip(values, others, strict=True):
        assert torch.equal(one, two)


def test_moments_of_adam_are_named():
    values = parameters()
    optimizer = OPTIMIZERS["adam"](values)
    advance(optimizer, values, 1)
    tensors, _ = optimizers.pack(optimizer, "own")
    moments = ("step", "exp_avg", "exp_avg_sq")
    assert set(tensors) == {f"own/state/{i}/{name}" for i in (0, 1) for name in moments}


def test_nothing_is_dropped_in_silence():
    optimizer = OPTIMIZERS["adam"](parameters())
    optimizer.param_groups[0]["odd"] = object()
    with pytest.raises(TypeError, match=r"optimizer/param_groups/0/odd: a object cannot be kept"):
        optimizers.pack(optimizer)


def test_generators():
    one = {"a": torch.Generator().manual_seed(1), "b": torch.Generator().manual_seed(2)}
    torch.rand(5, generator=one["a"])
    tensors = optimizers.pack_generators(one)
    two = {"a": torch.Generator(), "b": torch.Generator()}
    optimizers.unpack_generators(two, tensors)
    for name in one:
        assert torch.equal(torch.rand(9, generator=one[name]), torch.rand(9, generator=two[name]))
