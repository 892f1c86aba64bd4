"""The vectorial model against an independent package, with that package's grid mended."""

import numpy as np
import pytest
import torch

from focusbench.optics import psf


@pytest.fixture
def double_precision():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def independent(shape, voxel_size, wavelength, aperture, index):
    """Vectorial PSF of psf-generator 0.1.0, unpolarised, on the grid that was asked for.

    As it comes, the package puts `n` pixels over `n` pixel sizes, first and last on the edges, so
    that they lie n / (n - 1) too far apart; rounds the range of defocus; has an even number of
    pupil nodes, with which Simpson's rule loses its order; leaves the apodisation out; and takes
    one polarisation at a time.
    """
    from psf_generator.propagators import VectorialSphericalPropagator

    n_planes, n_pixels, _ = shape
    nm = 1000
    z = (torch.arange(n_planes) - (n_planes - 1) / 2) * voxel_size[0] * nm
    intensity = 0
    for polarisation in ({"e0x": 1.0, "e0y": 0.0}, {"e0x": 0.0, "e0y": 1.0}):
        propagator = VectorialSphericalPropagator(
            n_pix_pupil=401,
            n_pix_psf=n_pixels,
            pix_size=voxel_size[1] * nm * (n_pixels - 1) / n_pixels,
            wavelength=wavelength * nm,
            na=aperture,
            n_i=index,
            n_i0=index,
            n_defocus=n_planes,
            apod_factor=True,
            **polarisation,
        )
        cosine = torch.cos(propagator.thetas)
        phase = propagator.k * index * z[:, None] * cosine
        propagator.defocus_filters = torch.exp(1j * phase)
        intensity = intensity + (propagator.compute_focus_field().abs() ** 2).sum(dim=1).numpy()
    return intensity / intensity.sum()


@pytest.mark.parametrize(
    ("shape", "voxel_size", "optics"),
    [
        ((31, 31, 31), (0.1, 0.1, 0.1), (0.5, 1.4, 1.5)),
        ((12, 20, 20), (0.3, 0.08, 0.08), (0.61, 1.2, 1.33)),
    ],
)
@pytest.mark.usefixtures("double_precision")
def test_equals_the_mended_package(shape, voxel_size, optics):
    expected = independent(shape, voxel_size, *optics)
    made = psf.richards_wolf(shape, voxel_size, *optics)
    assert np.abs(made - expected).max() < 2e-7 * expected.max()
