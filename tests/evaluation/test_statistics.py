import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from focusbench.errors import InputError
from focusbench.evaluation.statistics import best_mean, clear_winner, paired_interval

SCORES = np.random.default_rng(3).normal(40, 4, 8)  # samples differ more than methods do


def test_interval_agrees_with_scipy():
    first = SCORES + np.random.default_rng(4).normal(1, 0.5, 8)
    own = paired_interval(first, SCORES)
    expected = bootstrap(
        (first - SCORES,),
        np.mean,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(5),
    ).confidence_interval
    assert own.mean == pytest.approx((first - SCORES).mean())
    assert own.low == pytest.approx(expected.low, abs=0.03)
    assert own.high == pytest.approx(expected.high, abs=0.03)


def test_interval_is_repeatable_and_depends_on_the_seed():
    first = SCORES + np.random.default_rng(4).normal(1, 0.5, 8)
    assert paired_interval(first, SCORES, seed=7) == paired_interval(first, SCORES, seed=7)
    assert paired_interval(first, SCORES, seed=7) != paired_interval(first, SCORES, seed=8)


def test_interval_is_paired():
    # a constant gain: certain, however much the samples differ
    interval = paired_interval(SCORES + 0.1, SCORES)
    assert interval == pytest.approx((0.1, 0.1, 0.1))


def test_interval_turns_with_its_arguments():
    first = SCORES + np.random.default_rng(4).normal(1, 0.5, 8)
    there, back = paired_interval(first, SCORES), paired_interval(SCORES, first)
    assert (there.mean, there.low, there.high) == pytest.approx((-back.mean, -back.high, -back.low))


def test_bad_scores_are_refused():
    with pytest.raises(InputError, match="same samples"):
        paired_interval([1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="same samples"):
        paired_interval([], [])
    with pytest.raises(InputError, match="infinite"):
        paired_interval([math.inf, 2.0], [1.0, 1.0])
    with pytest.raises(InputError, match="at least one"):
        best_mean({})


def test_a_constant_lead_wins():
    assert clear_winner({"a": SCORES, "b": SCORES + 0.1}) == "b"
    assert clear_winner({"a": SCORES, "b": SCORES + 0.1}, higher_is_better=False) == "a"


def test_a_lead_on_some_samples_does_not_win():
    lead = np.array([3, -2, 2, -2, 3, -2, 2, -1.0])
    assert lead.mean() > 0
    assert clear_winner({"a": SCORES, "b": SCORES + lead}) is None


def test_every_other_method_must_be_told_apart_not_the_runner_up_alone():
    lead = np.array([3, -2, 2, -2, 3, -2, 2, -1.0])
    # close behind the best but surely below it; further behind, but with a wide interval
    scores = {"best": SCORES, "runner_up": SCORES - 0.1, "erratic": SCORES - 0.2 + lead}
    scores["erratic"] = scores["erratic"] - lead.mean()
    assert clear_winner({key: scores[key] for key in ("best", "runner_up")}) == "best"
    assert clear_winner(scores) is None


def test_fewer_than_five_samples_have_no_winner():
    assert clear_winner({"a": SCORES[:4], "b": SCORES[:4] + 5}) is None
    assert clear_winner({"a": SCORES[:5], "b": SCORES[:5] + 5}) == "b"


def test_one_method_or_an_infinite_score_has_no_winner():
    assert clear_winner({"a": SCORES}) is None
    assert clear_winner({}) is None
    exact = np.full(8, math.inf)
    assert clear_winner({"a": SCORES, "b": exact}) is None


def test_equal_methods_have_no_winner():
    assert clear_winner({"a": SCORES, "b": SCORES}) is None
