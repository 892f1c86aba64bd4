"""Several iterations that take their steps together: one that counts, and others to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from focusbench.problem import Restoration, Run
from focusbench.training.loop import Stepper, iterate, restored

if TYPE_CHECKING:
    from torch import Tensor

MAIN = "main"


class Together:
    """Steppers as one, which `training.loop.iterate` can run, cut off and resume.

    Parameters
    ----------
    main
        Its loss and its estimate are those of the whole.
    others
        By name, none of them "main".
    """

    def __init__(self, main: Stepper, others: Mapping[str, Stepper]) -> None:
        self._parts = {MAIN: main, **others}

    @property
    def finished(self) -> bool:
        """True where no part has anything left to do."""
        return all(part.finished for part in self._parts.values())

    def step(self) -> float:
        """Do one step of each that is not finished; return the loss of the main one."""
        losses = {name: part.step() for name, part in self._parts.items() if not part.finished}
        return losses.get(MAIN, 0.0)

    def estimate(self) -> Tensor:
        """Return the estimate of the main one."""
        return self._parts[MAIN].estimate()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next step depends on: tensors, and scalars as JSON."""
        tensors, scalars = {}, {}
        for name, part in self._parts.items():
            kept, scalars[name] = part.state()
            tensors |= {f"{name}/{key}": value for key, value in kept.items()}
        return tensors, scalars

    def load(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        for name, part in self._parts.items():
            mine = {
                key.removeprefix(f"{name}/"): value
                for key, value in tensors.items()
                if key.startswith(f"{name}/")
            }
            part.load(mine, scalars[name])


def restore_together(
    main: Stepper, others: Mapping[str, Stepper], steps: int, run: Run
) -> Restoration:
    """Run `steps` steps of all; the estimates of `others` are `Restoration.others`."""
    stepper = Together(main, others) if others else main
    outcome = iterate(stepper, steps, run)
    return replace(
        restored(stepper, outcome, outcome.steps * (1 + len(others))),
        others={name: other.estimate().float().cpu().numpy() for name, other in others.items()},
    )
