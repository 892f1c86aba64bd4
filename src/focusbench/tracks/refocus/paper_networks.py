"""Networks that Table III compares, at the size of the paper, and what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from focusbench.networks import build

if TYPE_CHECKING:
    from torch.nn import Module

SIDE = 384  # px: of the low-resolution image in the paper's Table III
PLANES = 11
DEEP_Z, DEEP_Z_PLANE, MFPINET = "deep_z", "deep_z_single_layer", "mfpinet"  # published ids


@dataclass(frozen=True)
class PaperNetwork:
    """A way of using a network; one pass is one call of it with one image."""

    network: str  # id
    words: str  # in a table
    fine: bool = False  # starts from the image of full resolution: twice the side
    channels: int = 3  # of what it is given
    lowest: float = 0.0  # of what it is given; the highest is 1
    passes: int = 1  # for what the row stands for
    parameters: Mapping[str, Any] = field(default_factory=dict)  # of `networks.build`

    def built(self) -> Module:
        """Build the network, ready to be used, not trained."""
        return build(self.network, **self.parameters).eval()

    def shape(self, side: int) -> tuple[int, int, int, int]:
        """Shape of what one pass is given where the low-resolution image has `side` pixels."""
        length = 2 * side if self.fine else side
        return (1, self.channels, length, length)


NETWORKS: dict[str, PaperNetwork] = {
    DEEP_Z_PLANE: PaperNetwork("deep_z", "deep_z, one plane", True, 4),
    DEEP_Z: PaperNetwork("deep_z", f"deep_z, {PLANES} planes", True, 4, passes=PLANES),
    MFPINET: PaperNetwork("mfpinet", "mfpinet", lowest=-1.0),
    "mfpinet_hr_input": PaperNetwork(
        "mfpinet", "mfpinet_hr_input", True, lowest=-1.0, parameters={"scale": 1}
    ),
    "refocus_naf": PaperNetwork("refocus_naf", "refocus_naf", lowest=-1.0),
    "srgan": PaperNetwork("srgan", "srgan, 16 blocks, the 0 µm plane alone"),
    "srgan_5": PaperNetwork(
        "srgan", "srgan_5, 5 blocks, the 0 µm plane alone", parameters={"blocks": 5}
    ),
}
