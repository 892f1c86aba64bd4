import json
from dataclasses import dataclass

import torch

from focusbench.solvers.packing import pack, unpack


@dataclass(frozen=True)
class State:
    point: torch.Tensor
    value: float
    pairs: torch.Tensor
    finished: bool = False
    reason: str = ""


def test_a_state_is_put_together_as_it_was():
    state = State(torch.arange(3.0), 0.1, torch.zeros(0, 3), True, "evaluations are used up")
    tensors, scalars = pack(state)
    assert list(tensors) == ["point", "pairs"]
    again = unpack(State, tensors, json.loads(json.dumps(scalars)))
    assert torch.equal(again.point, state.point)
    assert again.pairs.shape == (0, 3)
    assert (again.value, again.finished, again.reason) == (0.1, True, state.reason)
