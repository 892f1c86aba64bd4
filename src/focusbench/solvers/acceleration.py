"""Vector extrapolation of multiplicative iterations (Biggs and Andrews 1997)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class Extrapolation:
    """Predicts where an iteration is heading, from its last two steps.

    Biggs and Andrews, Applied Optics 36, 1766 (1997), their first-order extrapolation: with the
    iterates x_k and the points y_k that they are computed from, x_{k+1} = update(y_k) and
    g_k = x_{k+1} - y_k,

        y_k = max(x_k + a_k (x_k - x_{k-1}), 0)
        a_k = <g_{k-1}, g_{k-2}> / <g_{k-2}, g_{k-2}>, clipped to [0, 1]

    The first two points are the iterates themselves. A value that is predicted as 0 stays 0 in
    any multiplicative iteration.

    Beside the iterate two arrays of its size are kept: the iterate before, whose memory the
    prediction takes over, and the last g.

    Attributes
    ----------
    factor : float
        a of the next prediction.
    """

    def __init__(self) -> None:
        self.factor = 0.0
        self._previous: Tensor | None = None
        self._change: Tensor | None = None
        self._energy = 0.0  # <g, g> of the last change

    def predict(self, x: Tensor) -> Tensor:
        """Return y for the iterate x: x itself, or memory that is this object's own."""
        if self._previous is None or self.factor == 0:
            return x
        return self._previous.lerp_(x, 1 + self.factor).clamp_(min=0)

    def update(self, x: Tensor, point: Tensor, new: Tensor) -> None:
        """Take note of a step: `point` = predict(x) led to `new`. Keeps `x`; spends `point`."""
        if point is x:
            change = torch.sub(new, x, out=self._previous)
        else:
            change = torch.sub(new, point, out=point)
        energy = change.square().sum(dtype=torch.float64).item()
        self.factor = 0.0
        if self._change is not None and self._energy > 0:
            product = self._change.mul_(change).sum(dtype=torch.float64).item()
            self.factor = min(max(product / self._energy, 0.0), 1.0)
        self._previous, self._change, self._energy = x, change, energy

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next prediction depends on: tensors, and scalars as JSON."""
        tensors = {"previous": self._previous, "change": self._change}
        kept = {name: value for name, value in tensors.items() if value is not None}
        return kept, {"factor": self.factor, "energy": self._energy}

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any], like: Tensor) -> None:
        """Take up what `state` gave, on the device of `like`."""
        self._previous, self._change = (
            tensors[name].to(like.device) if name in tensors else None
            for name in ("previous", "change")
        )
        self.factor, self._energy = scalars["factor"], scalars["energy"]
