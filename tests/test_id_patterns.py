import re
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from focusbench.data import registry
from focusbench.id_patterns import any_of

ALL = ["".join(word) for length in range(4) for word in product("a.1]-", repeat=length)]


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(st.sets(st.sampled_from(ALL), max_size=30))
def test_exactly_the_ids_match(ids):
    expression = re.compile(any_of(ids))
    assert {word for word in ALL if expression.fullmatch(word)} == ids
    before = re.compile(f"<{any_of(ids)}>")  # a piece that others may stand beside
    assert {word for word in ALL if before.fullmatch(f"<{word}>")} == ids


def test_nothing_matches_no_ids():
    assert not re.fullmatch(any_of([]), "")


def test_all_samples_of_the_package_in_a_few_words():
    """The workflow walks through the expression for each job: 23 thousand letters were slow."""
    ids = registry.names()
    expression = any_of(ids)
    assert all(re.fullmatch(expression, one) for one in ids)
    others = [one + "0" for one in ids] + [one[:-1] for one in ids]
    assert not [one for one in {*others} - {*ids} if re.fullmatch(expression, one)]
    assert len(expression) < 1000
