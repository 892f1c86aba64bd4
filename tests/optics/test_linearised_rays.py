"""The homogeneous model: against thin absorbers seen by the rays, dense matrices, symmetry."""

import numpy as np
import pytest
import torch

from focusbench.optics.linearised_rays import LinearisedRays
from focusbench.optics.rays import Geometry, RayTransmission

GEOMETRY = Geometry(n_slices=4, aperture_grid=7, pixel_size=0.8, z_step=1.1)
SHAPE = (4, 9, 12)


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(5)
    return lambda dtype=torch.float32: torch.randn(*SHAPE, generator=generator, dtype=dtype)


def test_is_the_derivative_of_the_rays_where_nothing_absorbs(draw):
    rays = RayTransmission(GEOMETRY)
    x = draw(torch.float64)
    step = 1e-5
    derivative = (rays(step * x) - rays(-step * x)) / (2 * step)
    found = LinearisedRays(GEOMETRY, *SHAPE[1:]).apply(x.float())
    torch.testing.assert_close(found, derivative.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("absorption", [0.01, 0.2])
def test_light_times_it_is_the_derivative_inside_an_even_absorber(absorption):
    """Exact on the axis of a homogeneous slab but for the spread of path lengths over rays."""
    rays = RayTransmission(Geometry(numerical_aperture=0.2, n_slices=4, aperture_grid=7))
    even = torch.full((4, 40, 40), -absorption, dtype=torch.float64)
    bump = torch.zeros_like(even)
    bump[2, 20, 20] = 1.0
    step = 1e-4
    derivative = (rays(even + step * bump) - rays(even - step * bump)) / (2 * step)
    modelled = rays(even) * LinearisedRays(rays.geometry, 40, 40).apply(bump.float())
    assert (derivative - modelled).norm() < 0.02 * derivative.norm()


def test_is_symmetric(draw):
    linear = LinearisedRays(GEOMETRY, *SHAPE[1:])
    blocks = linear.regularised_inverse(2.0, 0.3, 0.05)
    for operator in (linear.apply, lambda v: linear.solve(blocks, v)):
        x, y = draw(), draw()
        left = (operator(x).double() * y).sum().item()
        assert left == pytest.approx((x.double() * operator(y)).sum().item(), rel=1e-4)


@pytest.mark.parametrize("withheld", [(), (1,), (0, 2)])
def test_inverse_inverts_on_the_padded_volume(withheld):
    """Against a dense matrix, for a volume that fills the padded one (rays straight ahead)."""
    geometry = Geometry(n_slices=3, aperture_grid=1)  # one ray along z: nothing is padded
    linear = LinearisedRays(geometry, 6, 8, withheld=withheld)
    assert linear.padded == (6, 8)
    n = 3 * 6 * 8
    unit = torch.eye(n).reshape(n, 3, 6, 8)
    seen = [k for k in range(3) if k not in withheld]
    k = torch.stack([linear.apply(v)[seen].flatten() for v in unit]).double()
    rows = [(v.roll(-1, axis) - v).flatten() for v in unit for axis in (1, 2)]
    d = torch.stack(rows).double().reshape(n, 2, n)
    deep = torch.stack([v.diff(dim=0).flatten() for v in unit]).double()
    rough = torch.einsum("iaj,kaj->ik", d, d) + deep @ deep.T
    matrix = 2.0 * k @ k.T + 0.3 * rough + 0.05 * torch.eye(n, dtype=torch.float64)
    blocks = linear.regularised_inverse(2.0, 0.3, 0.05)
    v = torch.from_numpy(np.random.default_rng(1).normal(size=n))
    found = linear.solve(blocks, v.float().reshape(3, 6, 8)).double().flatten()
    torch.testing.assert_close(matrix @ found, v, rtol=1e-3, atol=1e-3)
