"""Single iterates are measured as scores are."""

import numpy as np
import pytest

from focusbench.dependencies import modules
from focusbench.optics.ray_paths import Geometry
from focusbench.tracks.multifocus.iterates import measure
from focusbench.tracks.multifocus.score import measure as score


@pytest.mark.parametrize("size", [16, 8])
def test_iterates_have_the_metrics_of_scores(size):
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.7, 1, (3, size, size)).astype(np.float32)
    estimate = np.clip(truth + rng.normal(0, 0.05, truth.shape), 0.1, 1).astype(np.float32)
    scored = score(truth, estimate, truth, Geometry(n_slices=3, aperture_grid=3), None)
    found = measure(truth, estimate)
    assert found["psnr"] > 20
    assert ("ssim_paper" in found) == (size >= 11)
    assert found == {key: scored[key] for key in found}


def test_a_restoration_depends_on_no_other_metric():
    known = modules("focusbench.tracks.multifocus.iterates")
    assert "focusbench.evaluation.ssim" in known
    for other in ("evaluation.metrics", "tracks.multifocus.metrics", "tracks.multifocus.score"):
        assert f"focusbench.{other}" not in known
