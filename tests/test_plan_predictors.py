"""Who tells a restoration its levels, what predictors learn from, and what they are judged on."""

import pytest

from focusbench import config as configuration
from focusbench import plan
from focusbench.errors import InputError
from focusbench.paths import Restored

TRACK = "defocus"
FIELD = "nuclei_test1"


def build(data=None, **section):
    variants = {
        "told": {"uses": "depth_variant_field", "predictor": "oracle"},
        "fixed": {"uses": "depth_variant_field", "level": 10},
        "noisy": {"uses": "delpnet", "poisson": 0.5},
        "leaky": {"uses": "delpnet", "split": "image"},
        "of_noisy": {"uses": "depth_variant_field", "predictor": "noisy"},
    }
    return configuration.build(
        {
            "preset": "test",
            "data": data or {},
            "tracks": {TRACK: section},
            "methods": {TRACK: variants},
        }
    )


def item(method):
    return Restored(FIELD, "tilted_poisson", method, 0)


def test_a_restoration_reads_the_levels_of_its_predictor():
    config = build()
    folder = f"results/defocus/levels/{FIELD}/tilted_poisson"
    assert plan.levels(config, TRACK, item("depth_variant_field")) == f"{folder}/delpnet-seed0.csv"
    assert plan.levels(config, TRACK, item("of_noisy")) == f"{folder}/noisy-seed0.csv"
    for needs_none in ("told", "fixed", "input"):
        assert plan.levels(config, TRACK, item(needs_none)) is None


def test_the_one_that_is_told_the_truth_says_so_in_its_problem():
    config = build()
    for method, told in (("told", "oracle"), ("of_noisy", "noisy"), ("input", None)):
        known = plan.restore_parameters(config, TRACK, FIELD, "tilted_poisson", method)
        assert known["settings"]["predictor"] == told


def test_predictors_of_restorations_are_trained_though_none_is_compared():
    config = build(methods=["of_noisy", "told"], predictors=[])
    assert plan.trainings(config, TRACK) == [("noisy", "levels-seed0")]
    assert plan.accuracies(config, TRACK) == []
    config = build(methods=["told"], predictors=["logistic_features"])
    assert plan.trainings(config, TRACK) == [("logistic_features", "levels-seed0")]


def test_test_fields_reach_only_a_training_that_is_split_by_image():
    config = build(predictors=["delpnet", "leaky"])
    by_field = plan.training_files(config, TRACK, "levels-seed0", "delpnet")
    assert set(by_field) == {"truths", "validation_truths"}
    assert FIELD not in {name for files in by_field.values() for name in files}
    by_image = plan.training_files(config, TRACK, "levels-seed0", "leaky")
    assert list(by_image["test_truths"]) == [FIELD]
    assert set(plan.accuracy_files(config, TRACK, "delpnet")) == {"held_out", "judged"}
    # what it is judged on comes from the images that its training set leaves for the test
    assert "held_out" not in plan.accuracy_files(config, TRACK, "leaky")
    assert plan.accuracy_files(config, TRACK, "leaky")["test_truths"] == by_image["test_truths"]


def test_what_a_predictor_is_judged_on_knows_no_seed():
    config = build(predictors=["delpnet"])
    other = {**config, "seed": 5}
    assert plan.accuracy_parameters(config, TRACK, "delpnet") == plan.accuracy_parameters(
        other, TRACK, "delpnet"
    )


def test_a_predictor_does_not_restore_and_a_restorer_does_not_predict():
    with pytest.raises(InputError, match=r"tracks.defocus.methods: unknown method 'delpnet'"):
        build(methods=["delpnet"])
    with pytest.raises(InputError, match=r"tracks.defocus.predictors: unknown predictor 'blind'"):
        build(predictors=["blind"])
    with pytest.raises(InputError, match=r"blind is no predictor of track defocus"):
        plan.levels_parameters(build(), TRACK, FIELD, "tilted", "blind")


def test_real_stacks_ask_for_their_figure():
    assert "stacks" not in plan.reports(build(), TRACK, "figures")
    with pytest.raises(InputError, match=r"tracks.defocus.stacks: is empty"):
        plan.report_inputs(build(), TRACK, "stacks")
    planes = {"bbbc006": {"planes": [15, 16, 17]}}
    config = build(planes, stacks=["bbbc006_a01_s1"], predictors=["delpnet"])
    assert "stacks" in plan.reports(config, TRACK, "figures")
    judged = ["results/defocus/accuracy/delpnet/levels-seed0.csv"]
    assert plan.report_inputs(config, TRACK, "stacks") == judged
