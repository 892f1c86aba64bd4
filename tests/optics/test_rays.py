"""The ray model against an independent one, closed forms, symmetries and finite differences."""

import math
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.optics import ray_gather, ray_kernels, ray_loops, rays
from focusbench.optics.rays import Geometry

PAPER = Geometry()
SMALL = Geometry(numerical_aperture=0.6, n_slices=4, z_step=1.3, pixel_size=0.7, aperture_grid=6)
GEOMETRIES = [
    PAPER,
    SMALL,
    Geometry(numerical_aperture=0.3, n_slices=5, z_step=2.0, pixel_size=0.25, aperture_grid=9),
    Geometry(numerical_aperture=0.9, n_slices=3, z_step=0.5, pixel_size=1.5, aperture_grid=8),
    Geometry(numerical_aperture=0.95, n_slices=6, z_step=1.0, pixel_size=0.4, aperture_grid=5),
    Geometry(numerical_aperture=0.5, n_slices=1, z_step=1.0, pixel_size=0.2, aperture_grid=7),
    Geometry(aperture_grid=1, n_slices=2),
]


@pytest.fixture
def threads():
    """torch.set_num_threads, undone after the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def volume(geometry, height, width, seed=0, low=0.5):
    """Transmittance with empty and dense places."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(low, 1, (geometry.n_slices, height, width))
    return np.where(rng.random(values.shape) < 0.3, 1.0, values)


def slopes_by_hand(geometry):
    """(y, x) tangents of the rays, from the aperture's circle as it is drawn."""
    half_depth = (2 * geometry.n_slices - 1) * geometry.z_step / 2
    radius = math.tan(math.asin(geometry.numerical_aperture)) * half_depth
    cell = 2 * radius / geometry.aperture_grid
    found = []
    for row in range(geometry.aperture_grid):
        for column in range(geometry.aperture_grid):
            y = (row + 0.5) * cell - radius
            x = (column + 0.5) * cell - radius
            if math.hypot(y, x) <= radius * (1 + 1e-9):
                found.append((y / half_depth, x / half_depth))
    return np.array(found)


def lengths_by_clipping(geometry):
    """Dense (rays, depths, y, x): the part of every ray within every box, face by face."""
    slopes = slopes_by_hand(geometry)
    step, pixel = geometry.z_step, geometry.pixel_size
    steepest = np.abs(slopes).max() * (geometry.n_slices - 0.5) * step / pixel
    reach = int(steepest) + 1
    depths = np.arange(1 - geometry.n_slices, geometry.n_slices)
    voxels = np.arange(-reach, reach + 1)

    def enter_and_leave(slope):  # depths between which y = slope * z lies within the voxel
        with np.errstate(divide="ignore"):
            ends = (voxels[:, None] + np.array([-0.5, 0.5])) * pixel / slope
        if slope == 0:
            ends = np.where(voxels[:, None] == 0, [-np.inf, np.inf], [np.inf, -np.inf])
            return ends.T
        return np.sort(ends, axis=1).T

    dense = np.zeros((len(slopes), len(depths), len(voxels), len(voxels)))
    for ray, (sy, sx) in enumerate(slopes):
        (y_in, y_out), (x_in, x_out) = enter_and_leave(sy), enter_and_leave(sx)
        for k, depth in enumerate(depths):
            enter = np.maximum((depth - 0.5) * step, np.maximum(y_in[:, None], x_in))
            leave = np.minimum((depth + 0.5) * step, np.minimum(y_out[:, None], x_out))
            dense[ray, k] = np.maximum(leave - enter, 0) * math.sqrt(1 + sy**2 + sx**2)
    return dense


def image_by_clipping(transmittance, geometry):
    """Focal stack in float64, step by step over the dense lengths."""
    dense = lengths_by_clipping(geometry)
    n_slices, reach = geometry.n_slices, dense.shape[-1] // 2
    _, height, width = transmittance.shape
    padded = np.pad(np.log(transmittance), ((0, 0), (reach, reach), (reach, reach)))
    exponent = np.zeros((len(dense), *transmittance.shape))
    for ray, k, y, x in np.argwhere(dense > 1e-12):
        depth = k - (n_slices - 1)
        focus = slice(max(0, -depth), min(n_slices, n_slices - depth))
        met = padded[focus.start + depth : focus.stop + depth, y : y + height, x : x + width]
        exponent[ray, focus] += dense[ray, k, y, x] * met
    return np.exp(exponent).mean(axis=0)


def test_counts_of_the_paper():
    paths = rays.path_lengths(PAPER)
    assert paths.ray.max() + 1 == len(np.unique(paths.ray)) == 489
    assert len(paths.length) == 19965
    assert set(paths.depth) == set(range(-10, 11))
    assert paths.dy.min() == paths.dx.min() == -12
    assert paths.dy.max() == paths.dx.max() == 12
    for integers in (paths.ray, paths.depth, paths.dy, paths.dx):
        assert np.issubdtype(integers.dtype, np.signedinteger)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_lengths_of_a_ray_in_a_slab_sum_to_its_stretch(geometry):
    paths = rays.path_lengths(geometry)
    slopes = slopes_by_hand(geometry)
    sums = np.zeros((len(slopes), 2 * geometry.n_slices - 1))
    np.add.at(sums, (paths.ray, paths.depth + geometry.n_slices - 1), paths.length)
    expected = geometry.z_step * np.sqrt(1 + (slopes**2).sum(axis=1))
    np.testing.assert_allclose(sums, np.broadcast_to(expected[:, None], sums.shape), atol=1e-9)
    assert paths.length.min() >= 1e-12


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_lengths_against_clipping_every_box(geometry):
    dense = lengths_by_clipping(geometry)
    reach = dense.shape[-1] // 2
    paths = rays.path_lengths(geometry)
    found = np.zeros_like(dense)
    at = (paths.ray, paths.depth + geometry.n_slices - 1, paths.dy + reach, paths.dx + reach)
    np.add.at(found, at, paths.length)
    np.testing.assert_allclose(found, dense, atol=1e-11)
    assert len(set(zip(*at, strict=True))) == len(paths.length)  # each voxel once


def test_rays_are_numbered_row_by_row_and_rise_with_depth():
    slopes = rays.ray_slopes(PAPER)
    np.testing.assert_allclose(slopes, slopes_by_hand(PAPER), atol=1e-12)
    order = np.lexsort((slopes[:, 1], slopes[:, 0]))
    np.testing.assert_array_equal(order, np.arange(489))
    paths = rays.path_lengths(PAPER)
    deepest = paths.depth == 10
    np.testing.assert_array_equal(
        np.sign(paths.dy[deepest]) * np.sign(slopes[paths.ray[deepest], 0]) >= 0, True
    )


@pytest.mark.parametrize(
    ("geometry", "height", "width"),
    [(PAPER, 20, 17), *((geometry, 11, 8) for geometry in GEOMETRIES[1:]), (SMALL, 1, 70)],
)
def test_image_against_the_slow_reference(geometry, height, width):
    transmittance = volume(geometry, height, width).astype(np.float32)
    expected = image_by_clipping(transmittance.astype(np.float64), geometry)
    image = rays.render(transmittance, geometry)
    assert image.dtype == np.float32
    assert image.shape == transmittance.shape
    np.testing.assert_allclose(image, expected, atol=2e-6)
    logs = torch.from_numpy(transmittance).double().log()
    np.testing.assert_allclose(rays.RayTransmission(geometry)(logs), expected, atol=1e-12)


@pytest.mark.parametrize(("height", "width"), [(50, 50), (33, 64), (64, 65)])
def test_image_of_a_larger_volume(height, width):
    transmittance = volume(SMALL, height, width, low=1e-3)
    expected = image_by_clipping(transmittance, SMALL)
    np.testing.assert_allclose(rays.render(transmittance, SMALL), expected, atol=2e-6)


@pytest.mark.parametrize("geometry", [PAPER, SMALL])
def test_transparent_gives_exactly_one(geometry):
    assert (rays.render(np.ones((geometry.n_slices, 19, 30)), geometry) == 1).all()


def test_straight_ray_multiplies_the_slices():
    geometry = Geometry(aperture_grid=1, n_slices=4, z_step=0.5)
    transmittance = volume(geometry, 6, 9)
    expected = np.prod(transmittance, axis=0) ** 0.5
    np.testing.assert_allclose(
        rays.render(transmittance, geometry), np.broadcast_to(expected, (4, 6, 9)), atol=1e-6
    )


@pytest.mark.parametrize("geometry", [PAPER, GEOMETRIES[3], GEOMETRIES[4]])
@pytest.mark.parametrize("depth", [0, 1, -2])
def test_shadow_of_one_voxel(geometry, depth):
    """The voxel is met in the axis' column, where |slope * z| < pixel / 2 in both directions."""
    t, level = 0.3, 2
    focus = level - depth
    if not 0 <= focus < geometry.n_slices:
        focus, depth = level, 0
    transmittance = np.ones((geometry.n_slices, 5, 7))
    transmittance[level, 2, 3] = t
    slopes = slopes_by_hand(geometry)
    step = geometry.z_step
    with np.errstate(divide="ignore"):
        leaves = geometry.pixel_size / 2 / np.abs(slopes).max(axis=1)  # depth where it leaves
    if depth == 0:
        run = 2 * np.minimum(step / 2, leaves)
    else:
        near, far = (abs(depth) - 0.5) * step, (abs(depth) + 0.5) * step
        run = np.maximum(np.minimum(far, leaves) - near, 0)
    expected = np.mean(t ** (run * np.sqrt(1 + (slopes**2).sum(axis=1))))
    assert expected < 1
    assert rays.render(transmittance, geometry)[focus, 2, 3] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("geometry", [PAPER, SMALL])
def test_symmetries_of_the_aperture(geometry):
    transmittance = volume(geometry, 14, 19)
    image = rays.render(transmittance, geometry)

    def assert_moves_with(change):
        changed = rays.render(change(transmittance), geometry)
        np.testing.assert_allclose(changed, change(image), atol=1e-6)

    assert_moves_with(lambda a: a[:, ::-1])
    assert_moves_with(lambda a: a[:, :, ::-1])
    assert_moves_with(lambda a: a.transpose(0, 2, 1))
    assert_moves_with(lambda a: a[::-1])


def test_opaque_is_clipped():
    geometry = Geometry(aperture_grid=1, n_slices=1)
    image = rays.render(np.array([[[0.0, 1e-4, 2.0]]]), geometry)
    np.testing.assert_allclose(image, [[[1e-4, 1e-4, 1.0]]], rtol=1e-5)


def test_extreme_logs():
    geometry = Geometry(aperture_grid=3, n_slices=2)
    model = rays.RayTransmission(geometry)
    assert (model(torch.full((2, 3, 3), -1e6)) < 1e-37).all()
    bright = Geometry(aperture_grid=1, n_slices=2)
    image = rays.RayTransmission(bright)(torch.full((2, 3, 3), 5.0))
    np.testing.assert_allclose(image, math.exp(10), rtol=1e-6)
    spoiled = torch.zeros(2, 1, 1)
    spoiled[1, 0, 0] = torch.nan
    assert torch.isnan(model(spoiled)).all()


def test_gradient_against_finite_differences():
    x = torch.from_numpy(volume(SMALL, 4, 5, low=0.2)).log().requires_grad_()
    assert torch.autograd.gradcheck(rays.RayTransmission(SMALL), x, eps=1e-6, atol=1e-8)


@pytest.mark.parametrize("geometry", [PAPER, GEOMETRIES[2], GEOMETRIES[4]])
def test_gradient_along_a_direction(geometry):
    """Volumes larger than a block and a window of the compiled loop."""
    model = rays.RayTransmission(geometry)
    x = torch.from_numpy(volume(geometry, 41, 38)).log().requires_grad_()
    generator = torch.Generator().manual_seed(1)
    upstream, direction = torch.randn(2, *x.shape, generator=generator, dtype=torch.float64)
    (model(x) * upstream).sum().backward()
    with torch.no_grad():
        steps = [((model(x + h * direction)) * upstream).sum() for h in (1e-5, -1e-5)]
    numeric = (steps[0] - steps[1]) / 2e-5
    assert (x.grad * direction).sum().item() == pytest.approx(numeric.item(), rel=1e-6)
    single = x.detach().float().requires_grad_()
    (model(single) * upstream.float()).sum().backward()
    np.testing.assert_allclose(single.grad, x.grad, atol=1e-5 * x.grad.abs().max().item())


def test_second_derivative_is_refused():
    x = torch.full((4, 3, 3), -0.1, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        rays.RayTransmission(SMALL)(x).square().sum(), x, create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_gather_form_agrees_with_the_compiled_loops(monkeypatch):
    monkeypatch.setattr(ray_gather, "GATHERED", 20_000)  # several chunks of rays
    for geometry in GEOMETRIES[1:]:
        x = torch.from_numpy(volume(geometry, 9, 12)).log()
        upstream = torch.from_numpy(volume(geometry, 9, 12, seed=3))
        for compiled, gathered in (
            (ray_loops.image(x.numpy(), geometry), ray_gather.image(x, geometry)),
            (
                ray_loops.gradient(x.numpy(), upstream.numpy(), geometry),
                ray_gather.gradient(x, upstream, geometry),
            ),
        ):
            np.testing.assert_allclose(compiled, gathered, atol=1e-12)
        single = ray_gather.image(x.float(), geometry)
        np.testing.assert_allclose(single, ray_gather.image(x, geometry), atol=2e-6)
    assert (ray_gather.image(torch.zeros(4, 5, 6), SMALL) == 1).all()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu():
    model = rays.RayTransmission(PAPER)
    x = torch.from_numpy(volume(PAPER, 30, 41)).log().float()
    results = []
    for device in ("cpu", "cuda"):
        leaf = x.to(device).requires_grad_()
        image = model(leaf)
        image.square().sum().backward()
        results.append((image.detach().cpu(), leaf.grad.cpu()))
    np.testing.assert_allclose(results[1][0], results[0][0], atol=2e-6)
    np.testing.assert_allclose(results[1][1], results[0][1], atol=2e-5)


def test_same_bytes_for_any_number_of_threads(threads):
    x = torch.from_numpy(volume(PAPER, 30, 26)).log().float().requires_grad_()
    results = []
    for count in (1, 2, 3, 2):
        threads(count)
        image = rays.RayTransmission(PAPER)(x)
        (gradient,) = torch.autograd.grad(image.square().sum(), x)
        assert torch.get_num_threads() == count
        results.append((image.detach().numpy().tobytes(), gradient.numpy().tobytes()))
    assert len(set(results)) == 1


def test_batches_types_and_views():
    model = rays.RayTransmission(SMALL)
    batch = torch.from_numpy(volume(SMALL, 6, 5)).log().float()
    batch = torch.stack([batch, batch / 2, 0 * batch])[None].requires_grad_()
    image = model(batch)
    assert image.shape == (1, 3, 4, 6, 5)
    for k in range(3):
        assert torch.equal(image[0, k], model(batch[0, k]))
    image.sum().backward()  # an expanded gradient
    alone = batch.detach()[0, 1].requires_grad_()
    model(alone).sum().backward()
    assert torch.equal(alone.grad, batch.grad[0, 1])
    turned = batch.detach()[0, 0].transpose(1, 2)
    assert torch.equal(model(turned), model(turned.contiguous()))
    assert model(turned.half()).dtype == torch.float32
    assert model(turned.double()).dtype == torch.float64
    assert not model(turned).requires_grad


def test_forward_of_a_problem():
    forward = rays.RayForward(SMALL)
    transmittance = volume(SMALL, 6, 5).astype(np.float32)
    x = torch.from_numpy(transmittance).requires_grad_()
    image = forward.apply(x)
    np.testing.assert_allclose(image.detach(), rays.render(transmittance, SMALL), atol=5e-7)
    image.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert x.grad.abs().max() > 0
    assert forward.rays is forward.rays
    assert forward == rays.RayForward(SMALL)


def test_withheld_planes_are_constants_and_the_others_as_ever():
    log = torch.from_numpy(np.log(volume(SMALL, 6, 5))).requires_grad_()
    constants = np.linspace(0, 1, log.numel()).reshape(log.shape)
    withheld, given = [0, 2], [k for k in range(SMALL.n_slices) if k not in (0, 2)]
    model = rays.FilledTransmission(SMALL, withheld, constants)
    light, whole = model(log), rays.RayTransmission(SMALL)(log)
    assert np.array_equal(light.detach()[withheld], constants[withheld])
    assert torch.equal(light[given], whole[given])
    weight = torch.rand(log.shape, generator=torch.Generator().manual_seed(1), dtype=log.dtype)
    (light * weight).sum().backward()
    found, log.grad = log.grad, None
    (whole * weight)[given].sum().backward()
    torch.testing.assert_close(found, log.grad, rtol=1e-12, atol=1e-14)
    log.grad = None
    model(log)[withheld].sum().backward()
    assert log.grad.abs().max() == 0
    batch = torch.stack([log.detach(), 2 * log.detach()])[None]
    assert torch.equal(model(batch)[0, 1], model(batch[0, 1]))
    assert model(log.float()).dtype == torch.float32


def test_forward_with_withheld_planes():
    constants = np.full((SMALL.n_slices, 6, 5), 0.25, np.float32)
    x = torch.from_numpy(volume(SMALL, 6, 5).astype(np.float32))
    forward = rays.RayForward(SMALL, (1,), constants)
    light, whole = forward.apply(x), rays.RayForward(SMALL).apply(x)
    assert (light[1] == 0.25).all()
    assert torch.equal(light[0], whole[0])
    assert torch.equal(forward.rays(x.log()), light)
    assert forward.geometry == SMALL
    assert forward != rays.RayForward(SMALL)


def test_constants_move_with_the_model():
    model = rays.FilledTransmission(SMALL, [1], np.zeros((SMALL.n_slices, 6, 5), np.float32))
    assert {name for name, _ in model.named_buffers()} == {"given", "_fill"}
    assert all(value.device.type == "meta" for value in model.to("meta").buffers())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_constants_follow_a_volume_to_the_device():
    constants = np.full((SMALL.n_slices, 6, 5), 0.25, np.float32)
    x = torch.from_numpy(volume(SMALL, 6, 5).astype(np.float32))
    forward = rays.RayForward(SMALL, (1,), constants)
    on_cpu = forward.apply(x)
    there = forward.apply(x.cuda())
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), on_cpu, rtol=1e-5, atol=1e-6)


def test_planes_that_a_model_cannot_withhold_are_refused():
    constants = np.zeros((SMALL.n_slices, 6, 5), np.float32)
    with pytest.raises(InputError, match="withheld plane -1; of 0 to"):
        rays.FilledTransmission(SMALL, [-1], constants)
    with pytest.raises(InputError, match="slices"):
        rays.FilledTransmission(SMALL, [1], constants[1:])
    with pytest.raises(InputError, match="what to put there"):
        rays.RayForward(SMALL, (1,))


@pytest.mark.parametrize("size", [50, 128])
def test_extra_memory(size, threads):
    """At most n_slices + 6 volumes; arrays of compiled code are traced as well."""
    threads(8)
    x = torch.full((11, size, size), -0.1)
    upstream = torch.ones_like(x)
    work = [
        lambda: ray_loops.image(x.numpy(), PAPER),
        lambda: ray_loops.gradient(x.numpy(), upstream.numpy(), PAPER),
    ]
    peaks = []
    for function in work:
        function()  # compiles, and fills the tables of this size
        tracemalloc.start()
        try:
            function()
            peaks.append(tracemalloc.get_traced_memory()[1] / (4 * x.numel()))
        finally:
            tracemalloc.stop()
    assert min(peaks) > 2  # something was traced
    held = 2  # by autograd, meanwhile: the image and its gradient
    assert max(peaks) + held <= 17


@pytest.mark.parametrize(
    "values",
    [
        {"numerical_aperture": 0},
        {"numerical_aperture": 1.0},
        {"numerical_aperture": float("nan")},
        {"numerical_aperture": "0.7"},
        {"n_slices": 0},
        {"n_slices": 2.5},
        {"n_slices": True},
        {"aperture_grid": -3},
        {"z_step": 0},
        {"z_step": float("inf")},
        {"pixel_size": -1.0},
        {"pixel_size": None},
    ],
)
def test_bad_geometry(values):
    with pytest.raises(InputError, match=next(iter(values))) as caught:
        Geometry(**values)
    assert "\n" not in str(caught.value)


def test_bad_volumes():
    with pytest.raises(InputError, match="4 slices"):
        rays.render(np.ones((5, 8, 8)), SMALL)
    with pytest.raises(InputError, match="4 slices"):
        rays.RayTransmission(SMALL)(torch.zeros(8, 8))
    with pytest.raises(InputError, match="4 slices"):
        rays.RayTransmission(SMALL)(torch.zeros(4, 0, 8))
    with pytest.raises(InputError, match="finite"):
        rays.render(np.full((4, 3, 3), np.nan), SMALL)


def test_compiled_code_is_cached_and_compiled_late():
    rays.render(np.ones((4, 3, 3)), SMALL)
    folder = Path(ray_kernels.forward.stats.cache_path)
    assert list(folder.glob("ray_kernels.forward-*.nbi"))
    code = (
        "from focusbench.optics import rays, ray_kernels as k; import numpy as np\n"
        "assert not k.forward.signatures\n"
        "rays.render(np.ones((4, 3, 3)), rays.Geometry(n_slices=4, aperture_grid=3))\n"
        "hits = k.forward.stats.cache_hits\n"
        "assert len(hits) == 1 and not k.forward.stats.cache_misses\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
