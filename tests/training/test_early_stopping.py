"""Early stopping on sequences whose answer is known."""

import numpy as np
import pytest
import torch

from focusbench.training.early_stopping import (
    CURVE_POINTS,
    EarlyStopping,
    MovingVariance,
    WindowedVariance,
)

SHAPE = (3, 8, 9)


def windowed(volumes, window):
    """The definition: variance of each window, in float64; None before the first is full."""
    stack = np.stack(volumes).astype(np.float64)
    return [
        None if n < window else float(stack[n - window : n].var(axis=0).mean())
        for n in range(1, len(stack) + 1)
    ]


def moving(volumes, alpha):
    """The definition, with weights written out: v_t over the distances from each mean before."""
    mean, variance, result = volumes[0].astype(np.float64), 0.0, [None]
    for volume in volumes[1:]:
        old = mean
        mean = (1 - alpha) * old + alpha * volume.astype(np.float64)
        variance = (1 - alpha) * variance + alpha * (1 - alpha) * ((volume - old) ** 2).mean()
        result.append(float(variance))
    return result


def drifting(count, noise, drift, seed=0):
    """Iterates in float32 that start far off, jump twice and drift on, with noise about them."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0.7, 1.0, SHAPE)
    direction = rng.normal(size=SHAPE)
    volumes = []
    for step in range(count):
        place = start + 0.2 * np.exp(-step / 20) + drift * step * direction
        place = place - 0.3 * (step >= count // 3) + 0.15 * (step >= count // 2)
        volumes.append((place + noise * rng.normal(size=SHAPE)).astype(np.float32))
    return volumes


def followed(stopping, volumes):
    return [stopping.update(torch.from_numpy(volume)) for volume in volumes]


@pytest.mark.parametrize(
    ("noise", "drift"), [(3.2e-5, 0.0), (3.2e-5, 2e-7), (1e-6, 0.0), (1e-2, 1e-5)]
)
def test_the_windowed_variance_is_that_of_brute_force(noise, drift):
    volumes = drifting(3000, noise, drift)
    found = followed(EarlyStopping(WindowedVariance(100), 10**9), volumes)
    expected = windowed(volumes, 100)
    assert found[:99] == expected[:99] == [None] * 99
    assert found[99:] == pytest.approx(expected[99:], rel=1e-9, abs=0)
    if noise == 3.2e-5:
        assert 8e-10 < min(expected[99:]) < 2e-9  # the sequence does what it is meant to


def test_single_precision_would_not_do():
    """What the test above can see: sums of the volumes themselves, in float32, are worthless."""
    volumes = drifting(600, 3.2e-5, 0.0)[400:]
    stack = np.stack(volumes[-100:])
    naive = float(((stack**2).mean(0) - stack.mean(0) ** 2).mean())
    assert abs(naive / windowed(volumes, 100)[-1] - 1) > 1e-2


@pytest.mark.parametrize("window", [2, 7, 100])
def test_windows_of_any_size(window):
    volumes = drifting(350, 1e-3, 1e-4)
    found = followed(EarlyStopping(WindowedVariance(window), 10**9), volumes)
    assert found[window - 1 :] == pytest.approx(windowed(volumes, window)[window - 1 :], rel=1e-9)


def test_a_still_sequence_has_no_variance():
    volume = np.full(SHAPE, 0.9, np.float32)
    found = followed(EarlyStopping(WindowedVariance(10), 5), [volume] * 40)
    assert found[9:] == [0.0] * 31


@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_the_moving_variance_is_that_of_brute_force(alpha):
    volumes = drifting(2000, 3.2e-5, 2e-7)
    found = followed(EarlyStopping(MovingVariance(alpha), 10**9), volumes)
    assert found[0] is None
    assert found[1:] == pytest.approx(moving(volumes, alpha)[1:], rel=1e-9)


def swinging(amplitudes):
    """Iterates +a, -a, +a, ... about 0.5, so that every variance is known."""
    return [
        np.full(SHAPE, 0.5 + (-1) ** step * amplitude, np.float32)
        for step, amplitude in enumerate(amplitudes)
    ]


def valley(count=200, lowest=120):
    """Amplitudes that fall up to the step `lowest` (from 1), then rise."""
    return [(1 + abs(step - lowest)) / 2048 for step in range(1, count + 1)]


def test_a_window_of_two_finds_the_valley():
    # the variance of two iterates is ((a + b) / 2)^2: lowest for the steps 120 and 121 or 119
    # and 120, which are equal; the first one stays
    stopping = EarlyStopping(WindowedVariance(2), patience=30)
    volumes = swinging(valley())
    found = followed(stopping, volumes)
    assert stopping.best_step == 120
    assert stopping.best_variance == found[119] == (1.5 / 2048) ** 2
    assert torch.equal(stopping.best, torch.from_numpy(volumes[119]))  # the newest of the window
    assert stopping.stopped_at == 120 + 30
    assert len(found) == stopping.step == 200  # what comes after enters the curve alone


def test_a_wider_window_sees_the_valley_later():
    amplitudes = valley()
    stopping = EarlyStopping(WindowedVariance(20), patience=40)
    volumes = swinging(amplitudes)
    followed(stopping, volumes)
    answer = 20 + int(np.argmin(windowed(volumes, 20)[19:]))
    assert answer == 129 or answer == 130  # half a window late: 120 lies in its middle
    assert stopping.best_step == answer
    assert stopping.stopped_at == answer + 40
    assert torch.equal(stopping.best, torch.from_numpy(volumes[answer - 1]))


def test_the_moving_variance_finds_the_valley_after_its_warm_up():
    volumes = swinging(valley())
    curve = moving(volumes, 0.1)
    answer = 1 + int(np.nanargmin([np.nan if v is None else v for v in curve]))
    stopping = EarlyStopping(MovingVariance(0.1), patience=25, warm_up=100)
    followed(stopping, volumes)
    assert 120 < answer < 140
    assert (stopping.best_step, stopping.stopped_at) == (answer, answer + 25)
    # without a warm-up a sequence that starts still is stopped before it has begun
    still = [volumes[0]] * 60 + volumes
    at_once = EarlyStopping(MovingVariance(0.1), patience=25)
    later = EarlyStopping(MovingVariance(0.1), patience=25, warm_up=100)
    followed(at_once, still)
    followed(later, still)
    assert (at_once.best_step, at_once.stopped_at) == (2, 27)
    assert (later.best_step, later.stopped_at) == (60 + answer, 60 + answer + 25)


def test_patience_counts_from_the_last_minimum():
    amplitudes = [5, 4, 6, 6, 3, 6, 6, 6, 6]  # variance with window 2 falls, rests, falls
    stopping = EarlyStopping(WindowedVariance(2), patience=3)
    volumes = swinging([a / 2048 for a in amplitudes])
    steps = []
    for volume in volumes:
        stopping.update(torch.from_numpy(volume))
        steps.append((stopping.best_step, stopping.stopped_at))
    # windows: 4.5, 5, 6, 4.5 (no lower), 4.5, 6 ...: the minimum stays at step 2
    assert steps[:5] == [(None, None), (2, None), (2, None), (2, None), (2, 5)]
    assert steps[-1] == (2, 5)


def test_too_few_steps_keep_nothing():
    stopping = EarlyStopping(WindowedVariance(100), 1000)
    followed(stopping, swinging(valley(99)))
    assert (stopping.best, stopping.best_step, stopping.stopped) == (None, None, False)
    details = stopping.details()
    assert (details["step"], details["variance"], details["steps"]) == (None, None, [])


@pytest.mark.parametrize("build", [lambda: WindowedVariance(20), lambda: MovingVariance(0.1)])
@pytest.mark.parametrize("cut", [0, 1, 13, 20, 47, 150])
def test_goes_on_bit_for_bit(build, cut):
    volumes = drifting(180, 1e-3, 1e-4)
    whole, first, second = (EarlyStopping(build(), 30, warm_up=25) for _ in range(3))
    expected = followed(whole, volumes)
    followed(first, volumes[:cut])
    tensors, scalars = first.state()
    saved = {name: value.clone() for name, value in tensors.items()}
    followed(first, volumes[cut:])  # what was saved does not depend on what follows
    second.load(saved, scalars)
    assert followed(second, volumes[cut:]) == expected[cut:]
    assert second.details() == whole.details() == first.details()
    assert torch.equal(second.best, whole.best)


def test_a_long_curve_is_thinned_but_keeps_its_marks():
    volumes = swinging(valley(3 * CURVE_POINTS, 2 * CURVE_POINTS - 1))
    stopping = EarlyStopping(WindowedVariance(2), 500)
    found = followed(stopping, [volume[:1, :1, :1] for volume in volumes])
    details = stopping.details()
    assert len(details["steps"]) <= CURVE_POINTS + 3
    assert {details["step"], details["stopped_at"], 3 * CURVE_POINTS} <= set(details["steps"])
    assert details["step"] == 2 * CURVE_POINTS - 1
    assert details["variances"] == [found[step - 1] for step in details["steps"]]
    assert details["criterion"] == "es_wmv"
    assert (details["window"], details["patience"]) == (2, 500)


def test_the_iterates_are_copied():
    stopping = EarlyStopping(WindowedVariance(2), 5)
    volume = torch.zeros(SHAPE)
    found = []
    for value in (0.0, 1.0, 0.5):
        found.append(stopping.update(volume.fill_(value)))
    assert found == [None, 0.25, 0.0625]
    volume.fill_(7)
    assert (stopping.best == 0.5).all()


def test_bad_parameters():
    for build, accepted in (
        (lambda: WindowedVariance(1), "from 2 up"),
        (lambda: MovingVariance(1.0), "between 0 and 1"),
        (lambda: EarlyStopping(WindowedVariance(), 0), "from 1 up"),
        (lambda: EarlyStopping(WindowedVariance(), 5, -1), "from 0 up"),
    ):
        with pytest.raises(ValueError, match=accepted):
            build()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_the_device():
    volumes = drifting(500, 3.2e-5, 2e-7)
    stopping = EarlyStopping(WindowedVariance(100), 50)
    found = [stopping.update(torch.from_numpy(volume).cuda()) for volume in volumes]
    assert found[99:] == pytest.approx(windowed(volumes, 100)[99:], rel=1e-9)
    assert stopping.best.is_cuda
    again = EarlyStopping(WindowedVariance(100), 50)
    tensors, scalars = stopping.state()
    again.load({name: value.cpu() for name, value in tensors.items()}, scalars, "cuda")
    last = torch.from_numpy(volumes[0]).cuda()
    assert again.update(last) == stopping.update(last)
