"""Richardson-Lucy against scikit-image and against its equations, written down once more."""

import math

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.optics.convolution import Convolution
from focusbench.optics.depth_variant import DepthVariant
from focusbench.problem import Noise
from focusbench.solvers.richardson_lucy import RichardsonLucyIteration, richardson_lucy


def smooth_kernel(*shape, seed=5):
    """Asymmetric, unit sum."""
    kernel = np.random.default_rng(seed).random(shape) + 0.05
    return kernel / kernel.sum()


def spots(*shape, seed=1):
    rng = np.random.default_rng(seed)
    volume = np.full(shape, 0.05)
    for _ in range(6):
        volume[tuple(rng.integers(1, n - 1) for n in shape)] = 1.0
    return volume


def blurred(volume, kernel, boundary="linear"):
    operator = Convolution(kernel, volume.shape, boundary, dtype=torch.float64)
    return np.maximum(operator.apply(torch.from_numpy(volume)).numpy(), 0)


@pytest.fixture(scope="module")
def case():
    kernel = smooth_kernel(3, 5, 3)
    truth = spots(24, 30, 26)
    rng = np.random.default_rng(0)
    observed = rng.poisson(blurred(truth, kernel) * 400) / 400
    return truth, kernel, observed


@pytest.mark.parametrize("n", [1, 3])
def test_equal_start_and_boundary_give_what_scikit_image_gives(case, n):
    restoration = pytest.importorskip("skimage.restoration")
    _, kernel, observed = case
    theirs = restoration.richardson_lucy(observed, kernel, num_iter=n, clip=False)
    same = richardson_lucy(observed, kernel, n, start=0.5, normalise=False).estimate
    np.testing.assert_allclose(same, theirs, rtol=1e-6, atol=1e-9)
    ours = richardson_lucy(observed, kernel, n, start=0.5).estimate
    # H^T 1 changes what lies within a kernel's width of a face for each step
    inside = tuple(slice(n * (k - 1), -n * (k - 1)) for k in kernel.shape)
    assert ours[inside].size > 0
    np.testing.assert_allclose(ours[inside], theirs[inside], rtol=1e-6, atol=1e-9)
    assert np.abs(ours - theirs).max() > 0.01


def test_scikit_image_in_two_dimensions_and_float32():
    restoration = pytest.importorskip("skimage.restoration")
    kernel = smooth_kernel(7, 5)
    observed = blurred(spots(40, 50), kernel).astype(np.float32)
    theirs = restoration.richardson_lucy(observed, kernel, num_iter=10, clip=False)
    ours = richardson_lucy(observed, kernel, 10, start=0.5, normalise=False)
    assert ours.estimate.dtype == np.float32
    np.testing.assert_allclose(ours.estimate, theirs, rtol=2e-4, atol=1e-6)


def by_hand(observed, kernel, steps, accelerated=False, weight=0.0):
    """The equations with dense sums, circular, 2-D: iterates and a."""
    height, width = observed.shape
    matrix = np.zeros((observed.size, observed.size))
    cy, cx = ((k - 1) // 2 for k in kernel.shape)
    for i in range(height):
        for j in range(width):
            for u in range(kernel.shape[0]):
                for v in range(kernel.shape[1]):
                    row = (i + u - cy) % height * width + (j + v - cx) % width
                    matrix[row, i * width + j] += kernel[u, v]
    d = observed.ravel()
    x = [np.full(d.size, d.mean())]
    g = []
    factors = []
    for k in range(steps):
        a = 0.0
        if accelerated and k >= 2:
            a = min(max(g[-1] @ g[-2] / (g[-2] @ g[-2]), 0), 1)
        factors.append(a)
        y = np.maximum(x[-1] + a * (x[-1] - x[-2]), 0) if a else x[-1]
        divisor = np.ones(d.size)
        if weight:
            image = y.reshape(observed.shape)
            dy, dx = np.zeros_like(image), np.zeros_like(image)
            dy[:-1], dx[:, :-1] = np.diff(image, axis=0), np.diff(image, axis=1)
            norm = np.sqrt(dy**2 + dx**2 + (1e-3 * d.max()) ** 2)
            dy, dx = dy / norm, dx / norm
            divergence = dy + dx
            divergence[1:] -= dy[:-1]
            divergence[:, 1:] -= dx[:, :-1]
            divisor = 1 - weight * divergence.ravel()
        new = y * (matrix.T @ (d / (matrix @ y))) / divisor
        g.append(new - y)
        x.append(new)
    return x[-1].reshape(observed.shape), factors


@pytest.mark.parametrize("accelerated", [False, True])
@pytest.mark.parametrize("weight", [0.0, 0.02])
@pytest.mark.parametrize("steps", [1, 2, 3, 12])
def test_the_equations(accelerated, weight, steps):
    kernel = smooth_kernel(3, 4)
    observed = blurred(spots(9, 11), kernel, "circular")
    expected, factors = by_hand(observed, kernel, steps, accelerated, weight)
    if accelerated and steps == 12:
        assert max(factors) > 0.5
    found = richardson_lucy(
        observed,
        kernel,
        steps,
        boundary="circular",
        acceleration="biggs_andrews" if accelerated else None,
        tv_weight=weight,
    )
    np.testing.assert_allclose(found.estimate, expected, rtol=1e-8, atol=1e-10)
    assert (found.iterations, found.evaluations, found.stopped) == (steps, steps, False)


def test_every_step_explains_all_light(case):
    _, kernel, observed = case
    forward = Convolution(kernel, observed.shape, dtype=torch.float64)
    seen = forward.adjoint(torch.ones(observed.shape, dtype=torch.float64)).numpy()
    for n in (1, 4):
        estimate = richardson_lucy(observed, kernel, n).estimate
        assert (estimate * seen).sum() == pytest.approx(observed.sum(), rel=1e-10)


def deviance(observed, model):
    return 2 * (observed * np.log(np.maximum(observed, 1e-300) / model) - observed + model).sum()


def test_likelihood_never_falls_and_acceleration_gets_there_sooner(case):
    _, kernel, observed = case

    def course(steps, acceleration=None):
        forward = Convolution(kernel, observed.shape, dtype=torch.float64)
        data = torch.from_numpy(observed)
        iteration = RichardsonLucyIteration(data, forward, acceleration=acceleration)
        for _ in range(steps):
            iteration.step()
            yield deviance(observed, forward.apply(iteration.estimate()).numpy())

    plain = list(course(60))
    assert (np.diff(plain) < 0).all()
    assert list(course(20, "biggs_andrews"))[-1] < plain[-1]


def test_normalisation_mends_the_borders(case):
    truth, kernel, _ = case
    observed = blurred(np.ones_like(truth), kernel)
    with_it = richardson_lucy(observed, kernel, 30).estimate
    without = richardson_lucy(observed, kernel, 30, normalise=False).estimate
    np.testing.assert_allclose(with_it, 1, atol=0.15)
    assert np.abs(without - 1).max() > 2 * np.abs(with_it - 1).max()


def test_variation_flattens_and_its_divisor_stays_positive(case):
    _, kernel, observed = case

    def roughness(weight):
        estimate = richardson_lucy(
            observed, kernel, 30, acceleration="biggs_andrews", tv_weight=weight
        ).estimate
        assert np.isfinite(estimate).all()
        assert estimate.min() >= 0
        return sum(np.abs(np.diff(estimate, axis=axis)).sum() for axis in range(3))

    rough = [roughness(weight) for weight in (0.0, 0.01, 0.05)]
    assert rough[0] > 1.1 * rough[1] > 1.1**2 * rough[2]
    assert math.isfinite(roughness(5.0))


@pytest.mark.parametrize("least_gain", [0.005, 0.02])
def test_the_noise_level_ends_it_where_gains_fall_below(case, least_gain):
    _, kernel, observed = case
    noise = Noise(power=2e-4)

    def iteration(threshold):
        forward = Convolution(kernel, observed.shape, dtype=torch.float64)
        return RichardsonLucyIteration(
            torch.from_numpy(observed),
            forward,
            acceleration="biggs_andrews",
            least_gain=threshold,
        )

    endless = iteration(0.0)
    residuals = np.array([endless.step() for _ in range(100)])
    gains = (residuals[:-2] - residuals[2:]) / 2
    last = 3 + int(np.argmax(gains < least_gain * noise.mean_square))
    found = richardson_lucy(
        observed,
        kernel,
        100,
        acceleration="biggs_andrews",
        noise=noise,
        least_gain=least_gain,
    )
    assert found.stopped
    assert 3 < found.iterations == last < 100
    # the residual that ended it is that of the estimate itself
    mine = np.mean((observed - blurred(found.estimate, kernel)) ** 2)
    assert mine == pytest.approx(found.residual, rel=1e-9)


def test_more_noise_ends_it_earlier(case):
    _, kernel, observed = case
    counts = [
        richardson_lucy(
            observed, kernel, 300, acceleration="biggs_andrews", noise=Noise(power=power)
        ).iterations
        for power in (1e-2, 1e-3, 1e-4)
    ]
    assert counts[0] < counts[1] < counts[2]


def test_nothing_in_the_dark(case):
    _, kernel, observed = case
    dark = observed.copy()
    dark[:12] = 0
    for dtype in (np.float32, np.float64):
        found = richardson_lucy(dark.astype(dtype), kernel, 40, acceleration="biggs_andrews")
        assert np.isfinite(found.estimate).all()
        assert found.estimate.min() >= 0
        assert found.estimate[:8].max() < 1e-6
        assert math.isfinite(found.residual)


def test_a_start_without_light_where_light_was_seen(case):
    _, kernel, observed = case
    start = np.zeros_like(observed)
    start[:4] = 1.0
    found = richardson_lucy(observed, kernel, 5, start=start)
    assert np.isfinite(found.estimate).all()
    assert not found.estimate[4:].any()  # multiplied, never added


def test_values_below_zero_count_as_zero(case):
    _, kernel, observed = case
    offset = observed - 0.05
    assert offset.min() < 0
    found = richardson_lucy(offset, kernel, 5).estimate
    assert np.array_equal(found, richardson_lucy(np.maximum(offset, 0), kernel, 5).estimate)


def test_the_observation_is_left_as_it_was(case):
    _, kernel, observed = case
    before = observed.copy()
    start = np.full_like(observed, 0.3)
    richardson_lucy(observed, kernel, 5, start=start, acceleration="biggs_andrews")
    assert np.array_equal(observed, before)
    assert (start == 0.3).all()


def test_depth_variant_with_equal_kernels_is_depth_invariant():
    kernel = smooth_kernel(5, 6)
    observed = blurred(spots(32, 28), kernel)
    share = np.random.default_rng(3).random(observed.shape)
    varying = DepthVariant([kernel, kernel], np.stack([share, 1 - share]), dtype=torch.float64)
    for acceleration in (None, "biggs_andrews"):
        same = richardson_lucy(observed, kernel, 8, acceleration=acceleration).estimate
        found = richardson_lucy(observed, varying, 8, acceleration=acceleration).estimate
        np.testing.assert_allclose(found, same, rtol=1e-8, atol=1e-10)


def test_what_cannot_be_seen_is_dark():
    kernel = smooth_kernel(3, 3)
    weights = np.ones((1, 20, 20))
    weights[0, :5] = 0
    forward = DepthVariant([kernel], weights, dtype=torch.float64)
    observed = forward.apply(torch.from_numpy(spots(20, 20))).numpy()
    for weight in (0.0, 0.01):
        found = richardson_lucy(np.maximum(observed, 0), forward, 10, tv_weight=weight).estimate
        assert np.isfinite(found).all()
        assert not found[:5].any()
        assert found[5:].max() > 0.2


@pytest.mark.parametrize("acceleration", [None, "biggs_andrews"])
@pytest.mark.parametrize("tv_weight", [0.0, 0.01])
def test_taken_apart_and_put_together_to_the_byte(case, acceleration, tv_weight):
    _, kernel, observed = case
    data = torch.from_numpy(observed.astype(np.float32))
    forward = Convolution(kernel, observed.shape)

    def fresh():
        return RichardsonLucyIteration(
            data, forward, acceleration=acceleration, tv_weight=tv_weight, least_gain=1e-6
        )

    whole = fresh()
    losses = []
    while not whole.finished and len(losses) < 60:
        losses.append(whole.step())
    apart, again = fresh(), []
    for _ in losses:
        tensors, scalars = apart.state()
        kept = {name: tensor.clone() for name, tensor in tensors.items()}
        apart = fresh()
        apart.load(kept, scalars)
        again.append(apart.step())
    assert again == losses
    assert apart.finished == whole.finished
    assert apart.estimate().numpy().tobytes() == whole.estimate().numpy().tobytes()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"observed": np.full((9, 9), np.nan)}, "observation: NaN or infinite"),
        ({"observed": np.full((9, 9), np.inf)}, "observation: NaN or infinite"),
        ({"observed": np.zeros((9, 9))}, "no photons"),
        ({"observed": np.full((9, 9), -1.0)}, "no photons"),
        ({"observed": np.ones(9)}, "shape \\(9,\\)"),
        ({"observed": np.ones((9, 9), complex)}, "complex128"),
        ({"psf": -np.ones((3, 3))}, "PSF: negative"),
        ({"psf": np.zeros((3, 3))}, "PSF: zero everywhere"),
        ({"psf": np.ones((11, 3))}, "PSF: shape \\(11, 3\\) is larger"),
        ({"boundary": "mirror"}, "boundary"),
        ({"iterations": -1}, "iterations is -1"),
        ({"iterations": 2.5}, "iterations is 2.5"),
        ({"start": np.ones((9, 8))}, "start: shape"),
        ({"start": -0.5}, "start: negative"),
        ({"start": 0.0}, "start: no value above 0"),
        ({"acceleration": "nesterov"}, "acceleration: 'nesterov'"),
        ({"tv_weight": -1.0}, "tv_weight is -1"),
        ({"tv_weight": "a"}, "tv_weight is 'a'; 0 or a number above is accepted"),
        ({"tv_weight": None}, "tv_weight is None"),
        ({"noise": Noise(0.1), "least_gain": math.nan}, "least_gain is nan"),
        ({"noise": Noise(0.1), "least_gain": "a"}, "least_gain is 'a'"),
    ],
)
def test_bad_input_is_one_line(changed, said):
    arguments = {"observed": np.ones((9, 9)), "psf": np.ones((3, 3)), **changed}
    with pytest.raises(InputError, match=said) as caught:
        richardson_lucy(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("boundary", ["linear", "circular"])
def test_cuda_agrees_with_the_cpu(case, boundary):
    _, kernel, observed = case
    both = [
        richardson_lucy(
            observed.astype(np.float32),
            kernel,
            20,
            boundary=boundary,
            acceleration="biggs_andrews",
            tv_weight=0.003,
            device=device,
        ).estimate
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(both[1], both[0], rtol=2e-3, atol=1e-4)
