"""Deconvolution of patches side by side, each by the kernel of its level (He et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.training.depth_variant_patches import DepthVariantPatches


@dataclass(frozen=True)
class DepthVariantRectangular(DepthVariantPatches):
    """The paper's LB-DVD with patches side by side (Fig. 2d, left): its seams show.

    Parameters
    ----------
    predictor, ..., padding
        As of `training.depth_variant_patches.DepthVariantPatches`.
    """

    name: ClassVar[str] = "depth_variant_rectangular"
    window: ClassVar[str] = "rectangular"
