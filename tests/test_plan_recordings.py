"""Which weights restore a recording of one's own, and what they are trained on."""

import numpy as np
import pytest

from focusbench import config as configuration
from focusbench import plan
from focusbench.errors import InputError
from focusbench.images import write_volume

LENS = {"numerical_aperture": 1.2, "refractive_index": 1.33, "wavelength": 0.6}
VOXEL = (0.3, 0.1, 0.1)


@pytest.fixture
def build(tmp_path):
    """Merge the quick preset with two recordings and a training on `names` of them."""
    for name, seed in (("one", 1), ("two", 2)):
        counts = np.random.default_rng(seed).random((16, 32, 32), np.float32)
        write_volume(tmp_path / f"{name}.ome.tif", counts, "ZYX", VOXEL)

    def make(names=("one", "two"), **changed):
        entries = {
            name: {"path": str(tmp_path / f"{name}.ome.tif"), **LENS, "psf_shape": [5, 9, 9]}
            for name in ("one", "two")
        }
        section = {
            "samples": ["one", "microtubules_test1"],
            "methods": ["wiener", "cyclegan_blur_kernel"],
            "training": {"recordings": {"samples": list(names), **changed}},
        }
        overlay = {"data": {"fluorescence": entries}, "tracks": {"deconvolution": section}}
        return configuration.build(overlay)

    return make


def trained(config):
    return plan.trainings(config, "deconvolution")


def test_without_a_training_on_recordings_the_simulations_weights_restore_them(build):
    assert trained(build([])) == [("cyclegan_blur_kernel", "snr20-seed0")]
    with pytest.raises(InputError, match=r"training.recordings.samples: is empty"):
        plan.training_files(build([]), "deconvolution", "recorded-seed0")


def test_a_training_on_recordings_reads_them_and_what_a_classical_method_made_of_them(build):
    config = build(references="wiener")
    both = [("cyclegan_blur_kernel", f"{kind}-seed0") for kind in ("recorded", "snr20")]
    assert trained(config) == both
    for sample, kind in (("one", "recorded"), ("microtubules_test1", "snr20")):
        used = plan.weights(config, "deconvolution", "cyclegan_blur_kernel", 0, sample)
        assert f"/{kind}-seed0/" in used
    files = plan.training_files(config, "deconvolution", "recorded-seed0")
    folder = "results/deconvolution"
    assert files == {
        "observations": {n: f"{folder}/observed/{n}/recorded.ome.tif" for n in ("one", "two")},
        "truths": {
            n: f"{folder}/restored/{n}/recorded/wiener-seed0.ome.tif" for n in ("one", "two")
        },
    }


def test_a_training_is_told_the_problem_of_its_first_recording(build):
    ids = ("deconvolution", "cyclegan_blur_kernel_nonblind", "recorded-seed0")
    told = plan.train_parameters(build(["two"], blocks=3), *ids)["settings"]
    assert (told["recording"], told["blocks"], told["degradation"]) == ("two", 3, "recorded")
    assert {key: told[key] for key in LENS} == LENS
    assert told["psf_shape"] == [5, 9, 9]
    simulated = plan.train_parameters(build(["two"]), *ids[:2], "snr20-seed0")["settings"]
    assert not {"recording", "blocks", *LENS} & set(simulated)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"names": ["microtubules_train1"]}, "'microtubules_train1' is no recording; .*one, two"),
        (
            {"references": "supervised_mse"},
            "references: 'supervised_mse' is not.*accepted: .*wiener",
        ),
        ({"references": "input"}, "references: 'input' is not accepted"),
        ({"blocks": 0}, "blocks: 0 is not accepted"),
        ({"names": ["one", "one"]}, "training.recordings.samples"),
    ],
)
def test_mistakes(build, changed, message):
    with pytest.raises(InputError, match=message):
        build(**changed)


def test_what_a_study_restores_must_not_be_trained_on(build):
    study = {"psf": {"samples": ["microtubules_train1"]}}
    overlay = {"tracks": {"deconvolution": {"studies": study}}}
    with pytest.raises(InputError, match=r"microtubules_train1 is restored too .*studies.psf"):
        configuration.build(overlay)


def test_scores_are_told_the_recipe_of_made_volumes_alone(build):
    config = build()
    made = plan.score_parameters(config, "deconvolution", "microtubules_test1", "wiener")
    assert made["settings"]["sample"] == "microtubules_test1"
    assert made["settings"]["source"] == "microtubules"
    assert {"shape", "voxel_size", "microtubules"} <= set(made["settings"])
    own = plan.score_parameters(config, "deconvolution", "one", "wiener")["settings"]
    assert not {"sample", "source", "microtubules"} & set(own)


def test_recordings_of_other_voxels_are_not_restored_with_what_was_learned(build, tmp_path):
    write_volume(
        tmp_path / "two.ome.tif", np.ones((16, 32, 32), np.float32), "ZYX", (0.3, 0.2, 0.2)
    )
    with pytest.raises(
        InputError, match=r"two has voxels of 0.3 x 0.2 x 0.2|two of 0.3 x 0.2 x 0.2"
    ):
        build(["one", "two"])
    build([])


def test_the_aberration_concerns_offmodel_observations_alone(build):
    def told(degradation):
        ids = ("deconvolution", "microtubules_test1", degradation)
        return plan.observed_parameters(build(), *ids)["settings"]

    assert "aberration" not in told("snr20")
    assert "aberration" not in told("richards_wolf_snr20")
    assert "aberration" in told("offmodel_snr20")
