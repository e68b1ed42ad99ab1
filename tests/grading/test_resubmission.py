"""Which submission counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.resubmission import keep

scores = st.floats(min_value=0, max_value=100)


@given(scores, st.lists(scores, min_size=1))
def test_better_ends_with_the_best_whatever_the_order(first, following):
    kept = first
    for score in following:
        kept = score if keep(kept, score, "better") else kept
    assert kept == max(first, *following)


@given(st.none() | scores, scores)
def test_later_is_always_kept(previous, new):
    assert keep(previous, new, "later")


def test_the_first_is_kept_even_at_zero():
    assert keep(None, 0.0, "better")


def test_of_two_equal_ones_the_later_is_kept():
    assert keep(5.0, 5.0, "better")


def test_a_worse_one_is_not():
    assert not keep(5.0, 4.9, "better")


def test_another_policy_is_refused():
    with pytest.raises(ValueError, match="later or better, got 'best'"):
        keep(1.0, 2.0, "best")
