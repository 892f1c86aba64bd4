"""A restorer of a user's own, `examples/my_restorer.py`, that a predictor tells the levels."""

import numpy as np
import pytest
import yaml

from focusbench import config as configuration
from focusbench import methods, plan
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.field_blur import blur
from focusbench.paths import Restored
from focusbench.tracks.defocus.level_series import level_kernels
from focusbench.tracks.defocus.problem import problem
from focusbench.tracks.defocus.true_levels import even
from focusbench.training.level_map import BG
from focusbench.training.run import quick_run

pytestmark = pytest.mark.usefixtures("one_thread")

TRACK, OWN, PREDICTOR = "defocus", "wiener_by_level", "delpnet_poisson"
OPTICS = {
    **{"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451},
    **{"pixel_size": 0.65, "step": 2.0, "levels": 4, "side": 15, "subsamples": 1},
    **{"convention": "standard"},
}


@pytest.fixture
def own(root, monkeypatch):
    """The class, found as the workflow finds it."""
    monkeypatch.syspath_prepend(str(root / "examples"))
    return methods.load("my_restorer:WienerByLevel")


@pytest.fixture
def config(root, own):
    text = (root / "examples/own_restorer.yaml").read_text(encoding="utf-8")
    return configuration.build(yaml.safe_load(text))


def test_its_predictor_is_trained_and_asked(config):
    plan.check_own_methods(config)
    item = Restored("nuclei_test1", "tilted_poisson", OWN, 0)
    levels = f"results/defocus/levels/{item.sample}/{item.degradation}/{PREDICTOR}-seed0.csv"
    assert plan.levels(config, TRACK, item) == levels
    assert plan.trainings(config, TRACK) == [(PREDICTOR, "levels-seed0")]
    assert plan.levels(config, TRACK, item._replace(method=f"{OWN}_oracle")) is None


def test_it_is_built_from_its_entry(config):
    """`predictor` reaches the constructor too: a class without it is refused."""
    for method, whose in ((OWN, PREDICTOR), (f"{OWN}_oracle", "oracle")):
        known = plan.restore_parameters(config, TRACK, "nuclei_test1", "tilted_poisson", method)
        assert known["settings"]["predictor"] == whose
        made = methods.build(known["method"], known["parameters"])
        assert (made.predictor, made.noise) == (whose, 0.02)
        with pytest.raises(InputError, match="unexpected keyword argument 'predictor'"):
            methods.build("my_method:SmoothedStart", {"predictor": whose})


def test_it_sharpens_what_it_is_told_to(own):
    y, x = np.indices((48, 64))
    truth = 100.0 + 800 * (np.hypot(y % 16 - 8, x % 16 - 8) < 4)
    about = {"levels": {**even(3), "background": []}}
    blurred = np.rint(blur(truth, level_kernels(OPTICS), 3)).astype(np.float32)
    settings = {"optics": OPTICS, "patch": 16, "predictor": "oracle"}
    given = problem(Volume(blurred, "YX", (0.65, 0.65)), "level03", settings, about)
    restored = own(noise=1e-3).restore(given, quick_run()).estimate
    assert (restored.shape, restored.dtype) == (truth.shape, np.float32)
    assert np.std(restored - truth) < 0.6 * np.std(blurred - truth)
    given.extras["levels"][:] = BG
    assert np.array_equal(own().restore(given, quick_run()).estimate, blurred)
