"""What linear imaging models share: checks of their arguments, and their gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from focusbench.errors import InputError

BOUNDARIES = ("linear", "circular")


class LinearOperator(ABC):
    """A linear map of images or volumes (..., *shape) to such of the same shape.

    Differentiable to any order: the gradient of `apply` is `adjoint`, and the other way round.
    Tensors have the type and lie on the device that the operator was built for.

    Attributes
    ----------
    shape : tuple of int
        (Y, X) or (Z, Y, X).
    device, dtype
        Of the tensors that it takes.
    """

    def __init__(
        self, shape: Sequence[int], device: str | torch.device, dtype: torch.dtype
    ) -> None:
        self.shape = tuple(int(length) for length in shape)
        if len(self.shape) not in (2, 3) or min(self.shape) < 1:
            raise InputError(
                f"shape: {self.shape}; 2 (y, x) or 3 (z, y, x) positive lengths are needed"
            )
        if dtype not in (torch.float32, torch.float64):
            raise InputError(f"dtype: {dtype}; accepted: torch.float32, torch.float64")
        self.device = torch.device(device)
        self.dtype = dtype

    def apply(self, x: Tensor) -> Tensor:
        """Image x (..., *shape), of any number of leading axes.

        Raises
        ------
        InputError
            If `x` is no tensor, or its shape, type or device are not those of the operator.
        """
        self._check(x, "apply")
        return _Differentiable.apply(x, self, False)

    def adjoint(self, y: Tensor) -> Tensor:
        """Apply the exact adjoint to y (..., *shape): <apply(x), y> = <x, adjoint(y)>.

        Raises
        ------
        InputError
            As `apply`.
        """
        self._check(y, "adjoint")
        return _Differentiable.apply(y, self, True)

    @abstractmethod
    def run(self, x: Tensor, adjoint: bool) -> Tensor:
        """Compute `apply` or `adjoint` of x (..., *shape), outside of autograd and unchecked."""

    def _check(self, x: Any, method: str) -> None:
        name = f"{type(self).__name__}.{method}"
        if not isinstance(x, Tensor):
            raise InputError(
                f"{name}: {type(x).__name__}; a torch tensor whose last axes are {self.shape} "
                "is needed"
            )
        if tuple(x.shape[-len(self.shape) :]) != self.shape:
            raise InputError(f"{name}: shape {tuple(x.shape)}; its last axes must be {self.shape}")
        if x.dtype != self.dtype:
            raise InputError(f"{name}: type {x.dtype}; the operator was built for {self.dtype}")
        if x.device.type != self.device.type:
            raise InputError(
                f"{name}: tensor on {x.device}, operator on {self.device}; move one with .to"
            )


class _Differentiable(torch.autograd.Function):
    """A real linear map in autograd: each direction is the gradient of the other."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, operator: LinearOperator, adjoint: bool) -> Tensor:
        ctx.operator, ctx.adjoint = operator, adjoint
        return operator.run(x, adjoint)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Differentiable.apply(gradient, ctx.operator, not ctx.adjoint), None, None


def check_boundary(boundary: str) -> str:
    """Return the boundary; InputError if there is none of that name."""
    if boundary not in BOUNDARIES:
        raise InputError(f"boundary: {boundary!r}; accepted: {', '.join(BOUNDARIES)}")
    return boundary
