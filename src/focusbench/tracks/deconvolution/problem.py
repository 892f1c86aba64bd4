"""What a method is asked: an observation, the PSF and the noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from focusbench.images import Volume
from focusbench.problem import Deferred, Problem
from focusbench.tracks.deconvolution.nominal import noise_of, nominal_kernel

if TYPE_CHECKING:
    from focusbench.optics.convolution import Convolution


def problem(
    observed: Volume,
    degradation: str,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
) -> Problem:
    """State the problem behind an observation.

    The PSF is the nominal one of the track, also where another blurred the observation.

    Parameters
    ----------
    observed
        Intensity (Z, Y, X) with its voxel size.
    degradation
        Its id; `recorded` for a recording of a user's own.
    settings
        `optics`, `boundary`, `max_voxels` (optional); for a recording, what `recorded.kernel`
        reads, and `data` with the path of a `psf`, if there is one.
    about
        Record of the observation: its `noise`.
    """

    def forward() -> Convolution:
        from focusbench.optics.convolution import Convolution

        return Convolution(
            nominal_kernel(observed, degradation, settings),
            observed.array.shape,
            settings["boundary"],
            max_voxels=settings.get("max_voxels"),
        )

    return Problem(
        track="deconvolution",
        observed=observed.array,
        axes=observed.axes,
        voxel_size=tuple(observed.voxel_size),
        forward=Deferred(forward),
        noise=noise_of(about),
    )
