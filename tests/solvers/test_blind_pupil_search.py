"""The search for a pupil: its parts, and that it finds what blurred an image."""

import numpy as np
import pytest
import torch

from focusbench.optics.convolution import Convolution
from focusbench.optics.pupil_psf import PupilNumbers, pupil_psf
from focusbench.solvers import blind_pupil
from focusbench.solvers.blind_pupil import PupilSearch, Schedule, box_step, coordinates, numbers

VOXEL = (0.1, 0.1, 0.1)
KERNEL = (15, 15, 15)
TRUE = PupilNumbers(2.8, 1.4, 0.8, 0.4, 0.0, 0.2)
START = PupilNumbers(2.2, 1.1, 0.8)
SCHEDULE = Schedule(first=30, probe=15, move=15, cycles=2, moves=3)


@pytest.fixture(scope="module")
def seen():
    """Bright lines (24, 40, 40), blurred by the pupil TRUE, with little noise."""
    rng = np.random.default_rng(7)
    volume = np.zeros((24, 40, 40), np.float32)
    for _ in range(7):
        ends = rng.random((2, 3)) * (23, 39, 39)
        for share in np.linspace(0, 1, 80):
            z, y, x = np.round(ends[0] * (1 - share) + ends[1] * share).astype(int)
            volume[z, y : y + 2, x : x + 2] = 1
    image = Convolution(pupil_psf(KERNEL, VOXEL, TRUE), volume.shape).apply(
        torch.from_numpy(volume)
    )
    noise = torch.from_numpy(rng.normal(0, 0.003, volume.shape).astype(np.float32))
    return (image + noise).clamp_(min=0)


def search(observed, start=START, schedule=SCHEDULE, known=None, tv_weight=1e-4):
    known = torch.ones(observed.shape, dtype=torch.bool) if known is None else known
    return PupilSearch(
        observed,
        known,
        KERNEL,
        VOXEL,
        "linear",
        start,
        tv_weight=tv_weight,
        share=0.15,
        schedule=schedule,
    )


def run(found):
    losses = []
    while not found.finished:
        losses.append(found.step())
    return losses


def distance(pupil):
    true = pupil_psf(KERNEL, VOXEL, TRUE)
    return np.linalg.norm(pupil_psf(KERNEL, VOXEL, pupil) - true) / np.linalg.norm(true)


def test_it_finds_the_psf_sign_of_the_aberration_included(seen):
    found = search(seen)
    losses = run(found)
    assert len(losses) <= SCHEDULE.steps
    assert distance(START) > 0.3
    assert distance(found.pupil) < 0.12
    assert found.pupil.spherical > 0.2
    assert found.misfit < 0.7 * losses[0]


def test_a_psf_without_blur_foretells_nothing(seen):
    narrow = PupilNumbers(9.0, 6.0)  # narrower than a voxel
    schedule = Schedule(first=30, cycles=0)
    sharp, true = search(seen, narrow, schedule), search(seen, TRUE, schedule)
    sharp.step(), true.step()
    assert sharp.finished
    assert true.finished
    assert sharp.misfit > 10 * true.misfit


def test_voxels_left_out_and_unknown_ones_are_not_looked_at(seen):
    known = torch.ones(seen.shape, dtype=torch.bool)
    known[:, :, 30:] = False
    left = blind_pupil.held_out(seen.shape, 0.15)
    assert left.float().mean().item() == pytest.approx(0.15, abs=0.01)
    other = seen.clone()
    other[left & known] += 1
    other[~known] = 3
    schedule = Schedule(first=5, cycles=0)
    one, two = (
        search(seen, schedule=schedule, known=known),
        search(other, schedule=schedule, known=known),
    )
    one.step(), two.step()
    assert torch.equal(one.estimate(), two.estimate())
    assert two.misfit > one.misfit + 0.5


def test_the_derivative_is_that_of_the_restoration(seen):
    found = search(seen, TRUE, Schedule(first=2, probe=8, move=8, cycles=1, moves=1))
    for _ in range(8):
        found.step()
    point = coordinates(TRUE)
    ahead, behind = point.copy(), point.copy()
    ahead[1] += 0.01
    behind[1] -= 0.01
    exact = (found._restored(ahead, 8)[1] - found._restored(behind, 8)[1]) / 0.02
    slope = found._slopes[:, 1]
    assert slope @ exact / np.linalg.norm(slope) / np.linalg.norm(exact) > 0.98


def test_noise_is_a_constant_and_a_part_that_grows_with_the_light(seen):
    rng = np.random.default_rng(0)
    found = search(seen)
    found._model = rng.random(40_000) ** 3
    expected = 0.01 + 0.05 * found._model
    found._residual = rng.normal(size=40_000) * np.sqrt(expected)
    np.testing.assert_allclose(found._variance(), expected, rtol=0.1)


def test_coordinates_and_numbers_are_inverse():
    values = list(vars(numbers(coordinates(TRUE))).values())
    np.testing.assert_allclose(values, list(vars(TRUE).values()), rtol=1e-14)


def test_a_step_in_a_box():
    hessian = np.array([[2.0, 0.5], [0.5, 1.0]])
    gradient = np.array([1.0, -1.0])
    free = box_step(hessian, gradient, np.array([[-9.0, -9.0], [9.0, 9.0]]))
    np.testing.assert_allclose(hessian @ free, -gradient)
    held = box_step(hessian, gradient, np.array([[-9.0, -9.0], [9.0, 0.5]]))
    assert held[1] == 0.5
    assert 2 * held[0] + 0.25 == pytest.approx(-1)


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 11])
def test_taken_apart_after_any_step_it_goes_on_to_the_same_bytes(seen, cut):
    schedule = Schedule(first=3, probe=2, move=2, cycles=2, moves=2)
    whole = search(seen, schedule=schedule)
    run(whole)
    first, second = search(seen, schedule=schedule), search(seen, schedule=schedule)
    for _ in range(cut):
        first.step()
    tensors, scalars = first.state()
    second.load({name: value.clone() for name, value in tensors.items()}, scalars)
    run(second)
    assert second.pupil == whole.pupil
    assert second.misfit == whole.misfit
    assert second.iterations == whole.iterations
    assert torch.equal(second.estimate(), whole.estimate())
