"""Tests of the Triton kernels on the CPU; run by test_ray_triton.py with TRITON_INTERPRET=1."""

import numpy as np
import pytest
import torch

from focusbench.optics import ray_loops, ray_triton, rays
from focusbench.optics.ray_triton import Launch
from focusbench.optics.rays import Geometry

PLAIN = Launch(block=64, programs=6)
CASES = [
    (Geometry(n_slices=4, aperture_grid=4), 5, 6, PLAIN),
    (Geometry(n_slices=2, aperture_grid=7), 3, 7, Launch(block=64, programs=10_000)),
    # tiles narrower than a row, one program a tile
    (Geometry(n_slices=2, aperture_grid=5), 2, 41, Launch(block=32, programs=1)),
    # one group of rays at a time in the buffer, wide step, coarse slices
    (Geometry(0.5, 3, z_step=2.0, aperture_grid=4), 4, 9, Launch(block=128, scratch=1)),
    (Geometry(0.95, 2, z_step=0.7, pixel_size=0.3, aperture_grid=4), 6, 1, PLAIN),
    (Geometry(n_slices=1, aperture_grid=1), 4, 4, PLAIN),
    (Geometry(n_slices=3, aperture_grid=2), 1, 1, Launch()),
]


def log_transmittance(geometry, height, width, seed=0):
    random = np.random.default_rng(seed)
    low = random.uniform(0.05, 1, (geometry.n_slices, height, width))
    return torch.from_numpy(np.log(low).astype(np.float32))


@pytest.mark.parametrize(("geometry", "height", "width", "launch"), CASES)
def test_against_the_compiled_loops(geometry, height, width, launch):
    x = log_transmittance(geometry, height, width)
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    image = ray_triton.image(x, geometry, launch)
    gradient = ray_triton.gradient(x, upstream, geometry, launch)
    assert image.dtype == gradient.dtype == torch.float32
    exact = x.double().numpy()
    expected = ray_loops.image(exact, geometry)
    np.testing.assert_allclose(image, expected, atol=1e-6)
    expected = ray_loops.gradient(exact, upstream.double().numpy(), geometry)
    np.testing.assert_allclose(gradient, expected, atol=2e-6 * np.abs(expected).max())


def test_the_module_with_batches_and_views(monkeypatch):
    geometry = Geometry(n_slices=2, aperture_grid=3)
    expected_model = rays.RayTransmission(geometry)
    batch = torch.stack([log_transmittance(geometry, 6, 5, seed) for seed in (0, 1)])[:, None]
    views = [batch.transpose(-1, -2), batch[:1].expand(-1, 2, -1, -1, -1), batch[0, ..., 1:, ::2]]
    expected = []
    for view in views:
        leaf = view.clone().requires_grad_()
        image = expected_model(leaf)
        (image * image.detach().cos()).sum().backward()
        expected.append((image.detach(), leaf.grad))
    monkeypatch.setattr(rays, "_image", ray_triton.image)
    monkeypatch.setattr(rays, "_gradient", ray_triton.gradient)
    for view, (image, gradient) in zip(views, expected, strict=True):
        leaf = view.detach().requires_grad_()
        found = rays.RayTransmission(geometry)(leaf)
        (found * found.detach().cos()).sum().backward()
        assert found.shape == image.shape
        torch.testing.assert_close(found.detach(), image, atol=1e-6, rtol=0)
        torch.testing.assert_close(leaf.grad, gradient, atol=3e-6, rtol=0)


def test_the_same_bytes_again():
    geometry, height, width, launch = CASES[3]
    x = log_transmittance(geometry, height, width)
    runs = [
        (
            ray_triton.image(x, geometry, launch).numpy().tobytes(),
            ray_triton.gradient(x, x, geometry, launch).numpy().tobytes(),
        )
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_extremes():
    geometry = Geometry(n_slices=2, aperture_grid=3)
    assert (ray_triton.image(torch.zeros(2, 3, 4), geometry, PLAIN) == 1).all()
    dark = torch.zeros(2, 5, 4)
    dark[0, 2, 1] = -torch.inf
    finite = torch.where(torch.isinf(dark), -1e4, dark)
    image = ray_triton.image(dark, geometry, PLAIN)
    torch.testing.assert_close(image, ray_triton.image(finite, geometry, PLAIN))
    assert torch.isfinite(ray_triton.gradient(dark, torch.ones_like(dark), geometry, PLAIN)).all()
    spoiled = torch.zeros(2, 1, 1)
    spoiled[1] = torch.nan
    assert torch.isnan(ray_triton.image(spoiled, geometry, PLAIN)).all()


def test_too_large():
    with pytest.raises(ValueError, match="below 2\\^31"):
        flat = ray_triton.Flat(70_000, 70_000, 1, 512)
        ray_triton._tables(Geometry(n_slices=2, aperture_grid=3), flat, torch.device("cpu"))
