"""Deconvolution of overlapping patches, each by the kernel of its level (He et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.training.depth_variant_patches import DepthVariantPatches


@dataclass(frozen=True)
class DepthVariantTriangular(DepthVariantPatches):
    """The paper's LB-DVD with patches at half steps under triangular weights (Fig. 2d, right).

    Parameters
    ----------
    predictor, ..., padding
        As of `training.depth_variant_patches.DepthVariantPatches`.
    """

    name: ClassVar[str] = "depth_variant_triangular"
    window: ClassVar[str] = "triangular"
