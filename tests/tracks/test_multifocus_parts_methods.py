"""Every method of the track restores observations of which a part is withheld."""

import numpy as np
import pytest
import torch

from focusbench import methods
from focusbench.data.ellipsoids import EllipsoidPairs
from focusbench.images import Volume
from focusbench.optics.rays import Geometry, render
from focusbench.tracks.multifocus.degradations import PARTS, withheld
from focusbench.tracks.multifocus.observe import observe
from focusbench.tracks.multifocus.problem import problem
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run

SETTINGS = {"numerical_aperture": 0.75, "aperture_grid": 5}
NETWORK = {"width": 4, "scales": 2, "skip": 2, "steps": 10, "learning_rate": 0.01}
FIRST = {"constant_steps": 3, "patience": 10}
SMALL = {
    "transparent": {},
    "start": {},
    "iterative": {"steps": 10},
    "lbfgs": {"max_evaluations": 8},
    "plug_and_play": {"max_evaluations": 8},
    "neural_field": {"steps": 10, "width": 8, "grids": 3},
    "dip": {**NETWORK, **FIRST, "window": 5},
    "dip_es_wmv": {**NETWORK, **FIRST, "window": 5},
    "dip_es_emv": {**NETWORK, **FIRST, "warm_up": 3},
    "dip_pretrain_1": {**NETWORK, "pretrain_steps": 5, "window": 5},
    "dip_pretrain_2": {**NETWORK, "samples": 4, "epochs": 2, "batch_size": 2, "window": 5},
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base():
    """8-bit stack of a bar and a spot, (11, 16, 16)."""
    volume = np.ones((11, 16, 16), np.float32)
    volume[2:5, 3:12, 4:8] = 0.9
    volume[6:8, 8:12, 9:13] = 0.8
    light = render(volume, Geometry(aperture_grid=5))
    return Volume(np.round(light * 255).astype(np.float32) / 255, "ZYX", (1.0, 0.92, 0.92))


def test_all_methods_are_here():
    assert set(SMALL) == set(methods.names("multifocus"))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", SMALL)
def test_restores(base, name, part):
    image, _ = observe(None, "cell", "phantoms", f"clean_{part}", 0, {}, base)
    asked = problem(image, f"clean_{part}", SETTINGS)
    method = methods.build(name, SMALL[name])
    weights = None
    if methods.TABLE[name].trains_on:
        weights = method.fit(EllipsoidPairs(16, 11, 4, 0), quick_run())
    monitor = Trace(None, lambda estimate: 0.0, 1, name, quiet=True)
    estimate = method.restore(asked, quick_run(monitor=monitor), weights).estimate
    assert estimate.shape == (11, 16, 16)
    assert estimate.dtype == np.float32
    assert 0 < estimate.min() <= estimate.max() <= 1
    residual = image.array - asked.forward.apply(torch.from_numpy(estimate)).numpy()
    assert not residual[withheld(part, 11)].any()
    if not methods.TABLE[name].trivial:
        losses = [row.loss for row in monitor.rows]
        assert losses[-1] < losses[0]  # steps are few
