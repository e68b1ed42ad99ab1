"""The checks of the exercises: what passes, what fails, and what the message says."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from attnlib import checks
from tests.attnlib.strategies import KINDS, any_size, copy_of, make, softmax_loop

kinds = pytest.mark.parametrize("kind", KINDS)


def says(message):
    return pytest.raises(AssertionError, match=f"^{re.escape(message)}")


def says_only(message):
    return pytest.raises(AssertionError, match=f"^{re.escape(message)}$")


class TestShape:
    @kinds
    def test_right(self, kind):
        checks.check_shape(make(np.zeros((2, 3)), kind), (2, 3))
        checks.check_shape(make(np.zeros((2, 3)), kind, grad=kind.startswith("torch")), (2, 3))

    @pytest.mark.parametrize(
        ("came", "expected", "hint"),
        [
            ((2, 3), (3, 2), " The axes are in another order: is one matrix transposed?"),
            ((4, 2, 3), (2, 3, 4), " The axes are in another order: is one matrix transposed?"),
            ((2, 1), (2,), " Only axes of length 1 differ: was one kept (keepdims) or lost?"),
            ((3,), (1, 3), " Only axes of length 1 differ: was one kept (keepdims) or lost?"),
            ((1,), (), " Only axes of length 1 differ: was one kept (keepdims) or lost?"),
            ((3,), (2, 3), " An axis is missing: was it summed away?"),
            ((2, 3), (3,), " There is an axis too many: was it not summed over?"),
            ((2, 3), (2, 4), ""),
        ],
    )
    def test_wrong(self, came, expected, hint):
        with says_only(f"the answer has shape {came}, expected {expected}.{hint}"):
            checks.check_shape(np.zeros(came), expected)
        with says_only(f"W has shape {came}, expected {expected}.{hint}"):
            checks.check_shape(torch.zeros(came), expected, name="W")

    def test_other_things(self):
        checks.check_shape([[1, 2], [3, 4]], (2, 2))
        checks.check_shape((1, 2), (2,))
        checks.check_shape(3.5, ())
        with says_only("y is None. Does the function end without a return statement?"):
            checks.check_shape(None, (2,), name="y")
        with says("the answer is not an array: setting an array element with a sequence"):
            checks.check_shape([[1, 2], [3]], (2, 2))
        with says("the answer is not an array: "):
            checks.check_shape([torch.ones(2, requires_grad=True), 1], (2,))
        with says_only("the answer must hold real numbers, got str."):
            checks.check_shape("ab", (2,))
        with says_only("the answer must hold real numbers, got function."):
            checks.check_shape(lambda: None, ())
        with says_only("the answer must hold real numbers, got dtype complex128."):
            checks.check_shape(np.ones(2, dtype=complex), (2,))

    @pytest.mark.parametrize("first", [np.ones((2, 3)), torch.ones(2, 3), torch.ones(2, 3, requires_grad=True)])
    def test_more_than_one_thing(self, first):
        with says_only("W is not an array. Does the function return more than one thing?"):
            checks.check_shape((first, 1), (2, 3), name="W")
        with says_only("W is not an array. Does the function return more than one thing?"):
            checks.check_close((first, None), np.ones((2, 3)), name="W")

    def test_two_arrays_of_one_shape(self):
        with says_only("W has shape (2, 3), expected (3,). Does the function return more than one thing?"):
            checks.check_close((np.ones(3), np.ones(3)), np.ones(3), name="W")


class TestDtype:
    @kinds
    def test_right(self, kind):
        checks.check_dtype(make([1.0], kind), kind.split("-")[1])

    def test_wrong(self):
        for answer, came in [
            (np.ones(2), "float64"),
            (torch.ones(2).bfloat16(), "bfloat16"),
            ([1.0], "list"),
            (1, "int"),
        ]:
            with says_only(f"w has dtype {came}, expected float32: keep the dtype of the input."):
                checks.check_dtype(answer, "float32", name="w")
        with says_only("m has dtype float32, expected bool: a mask is boolean, as a comparison makes it."):
            checks.check_dtype(np.ones(2, np.float32), "bool", name="m")
        with says("w is None."):
            checks.check_dtype(None, "float32", name="w")


class TestClose:
    @given(st.sampled_from(KINDS), hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, min_side=0), elements=any_size))
    def test_an_array_is_close_to_itself(self, kind, values):
        checks.check_close(make(values, kind), make(values, kind))

    @kinds
    def test_a_rounding_error_passes_and_a_mistake_does_not(self, kind):
        weights = np.array([[0.1, 0.9], [0.3, 0.7]])
        checks.check_close(make(weights, kind), make(weights, kind))
        checks.check_close(weights, make(weights, kind))
        with says("the answer is wrong. Largest difference at (1, 0): got 0."):
            checks.check_close(make([[0.1, 0.9], [0.2, 0.7]], kind), make(weights, kind))

    def test_tolerances_follow_the_dtype_of_what_is_expected(self):
        for dtype, near, far in [
            ("float64", 1e-9, 1e-6),
            ("float32", 3e-6, 1e-4),
            ("float16", 1e-3, 1e-2),
            ("bfloat16", 1e-2, 1e-1),
        ]:
            kind = f"{'torch' if dtype == 'bfloat16' else 'numpy'}-{dtype}"
            checks.check_close(np.array([1 + near]), make([1.0], kind))
            with says("the answer is wrong."):
                checks.check_close(np.array([1 + far]), make([1.0], kind))
        checks.check_close(1.0, 1.5, atol=0.6)
        checks.check_close(100.0, 101.0, rtol=0.02)
        with says("the answer is wrong."):
            checks.check_close(1.0, 1.0 + 1e-9, rtol=0, atol=1e-12)

    def test_a_coarse_answer_does_not_widen_the_tolerance(self):
        checks.check_close(np.array([1.0], dtype="float32"), [1 + 3e-6])
        checks.check_close(torch.tensor([1.0]), np.array([1 + 3e-6]))
        for kind in ("numpy-float16", "torch-float16", "torch-bfloat16"):
            dtype = kind.split("-")[1]
            checks.check_close(make([1.0], kind), [1 + 3e-6])
            with says_only(
                f"w is wrong. It has dtype {dtype}, which is too coarse to tell it from a wrong one: return float64."
            ):
                checks.check_close(make([1.0], kind), [1 + 1e-3], name="w")
            with says("w is wrong. Largest difference at (0,): got 1, expected 1.1."):
                checks.check_close(make([1.0], kind), [1.1], name="w")
            with says_only("w is wrong. You forgot it."):
                checks.check_close(make([1.0], kind), [1.001], name="w", mistakes={"You forgot it.": [1.0]})
            checks.check_close(make([1.0], kind), [1 + 1e-3], rtol=2e-3, atol=0)

    def test_numbers_that_print_alike(self):
        with says_only(
            "the answer is wrong. Largest difference at (0, 0): got 17.5, expected 17.5: off by 4.4e-07. "
            "Is a small number added, or a step done in float32?"
        ):
            checks.check_close(np.array([[17.5 - 4.4e-7]]), [[17.5]])
        with says("the answer is wrong. Largest difference: got 1, expected 1: off by 3e-08. Is a small number"):
            checks.check_close(1 + 3e-8, 1.0)
        with says_only("the answer is wrong. Largest difference: got 0.5, expected 0.500001."):
            checks.check_close(0.5, 0.500001)

    def test_lists_numbers_and_booleans(self):
        checks.check_close([1, 2], np.array([1.0, 2.0]))
        checks.check_close(2, 2.0)
        checks.check_close(np.array([True, False]), torch.tensor([True, False]))
        with says_only("m is wrong. Largest difference at (1,): got 1, expected 0."):
            checks.check_close(np.array([True, True]), np.array([True, False]), name="m")
        with says_only("the answer is wrong. Largest difference: got 2, expected 3."):
            checks.check_close(2, 3)

    def test_nan_and_infinity(self):
        nan, inf = np.nan, np.inf
        checks.check_close(np.array([nan, inf, -inf]), np.array([nan, inf, -inf]))
        with says_only("the answer is wrong. It holds NaN in 2 of 3 places."):
            checks.check_close(np.array([nan, nan, 1.0]), np.ones(3))
        with says_only("the answer is wrong. Largest difference at (1,): got 2, expected 1."):
            checks.check_close(np.array([nan, 2.0]), np.array([nan, 1.0]))
        with says_only("the answer is wrong. Largest difference at (1,): got -inf, expected inf."):
            checks.check_close(np.array([inf, -inf]), np.array([inf, inf]))
        with says_only("the answer is wrong. Largest difference at (1,): got 1, expected nan."):
            checks.check_close(np.array([5.0, 1.0]), np.array([1.0, nan]))
        with says("the answer is wrong. Largest difference at (0,): got 1.7e+308, expected -1.7e+308."):
            checks.check_close(np.array([1.7e308]), np.array([-1.7e308]))

    def test_a_shape_that_would_broadcast_is_wrong(self):
        with says("the answer has shape (1, 2), expected (2,). Only axes of length 1 differ"):
            checks.check_close(np.ones((1, 2)), np.ones(2))

    def test_the_first_mistake_that_fits_is_named(self):
        scores = np.array([[1.0, 2.0], [3.0, 5.0]])
        right = softmax_loop(scores)
        mistakes = {
            "You did not normalise.": np.exp(scores),
            "Rows sum to 1 over the queries; normalise over the keys.": softmax_loop(scores, axis=0),
            "The same again.": softmax_loop(scores, axis=0),
            "You summed a row away.": right.sum(-1),
            "NaN where nothing may be attended to.": np.full_like(right, np.nan),
        }
        checks.check_close(right, right, mistakes=mistakes)
        for said, answer in list(mistakes.items())[:2] + list(mistakes.items())[3:]:
            with says_only(f"W is wrong. {said}"):
                checks.check_close(torch.tensor(answer), right, mistakes=mistakes, name="W")
        with says("W is wrong. Largest difference at"):
            checks.check_close(right + 0.5, right, mistakes=mistakes, name="W")
        with says("the answer has shape (3,), expected (2, 2)."):
            checks.check_close(np.ones(3), right, mistakes=mistakes)

    def test_a_right_answer_passes_though_a_mistake_gives_the_same(self):
        checks.check_close([0.5, 0.5], [0.5, 0.5], mistakes={"wrong": [0.5, 0.5]})


class TestRows:
    @kinds
    def test_weights_and_empty_rows_pass(self, kind):
        weights = softmax_loop(np.linspace(-3, 3, 600).reshape(2, 3, 100), np.arange(3)[:, None] > 0)
        checks.check_rows_sum_to_one(make(weights, kind))
        checks.check_rows_sum_to_one(make(np.moveaxis(weights, -1, 0), kind), axis=0)
        checks.check_rows_sum_to_one(make(np.zeros((2, 0)), kind))

    @kinds
    def test_sums_a_little_off_do_not_pass(self, kind):
        with says_only("w do not sum to 1 along axis -1: a row sums to 1.125."):
            checks.check_rows_sum_to_one(make([[0.5, 0.5], [0.5, 0.625]], kind), name="w")

    def test_the_worst_row_is_named(self):
        with says_only("the weights do not sum to 1 along axis 1: a row sums to 0.25."):
            checks.check_rows_sum_to_one(np.array([[0.5, 0.6], [0.25, 0.0]]), axis=1)

    def test_the_axis_that_does_sum_to_one_is_named(self):
        weights = np.array([[0.25, 0.9], [0.75, 0.1]])
        with says_only("the weights sum to 1 along axis 0, not along axis -1: normalise along axis -1."):
            checks.check_rows_sum_to_one(weights)
        with says_only("the weights sum to 1 along axis 1, not along axis 0: normalise along axis 0."):
            checks.check_rows_sum_to_one(weights.T, axis=0)

    def test_no_weights_at_all(self):
        with says("the weights hold NaN. Did you divide 0 by 0"):
            checks.check_rows_sum_to_one(np.array([0.5, np.nan]))
        with says_only("the weights hold an infinity. Did you let exp overflow?"):
            checks.check_rows_sum_to_one(np.array([0.5, np.inf]))
        with says_only("the weights hold the negative number -0.5."):
            checks.check_rows_sum_to_one(np.array([1.5, -0.5]))
        with says("the weights is None."):
            checks.check_rows_sum_to_one(None)
        with says_only("the weights have shape (): there is no axis -1 to sum along."):
            checks.check_rows_sum_to_one(1.0)
        with says_only("the weights have shape (2,): there is no axis 1 to sum along."):
            checks.check_rows_sum_to_one([0.5, 0.5], axis=1)


class TestUnchanged:
    @kinds
    def test_it(self, kind):
        scores = make([[1.0, np.nan], [np.inf, 2.0]], kind)
        before = copy_of(scores)
        checks.check_unchanged(scores, before)
        scores -= 1
        with says("scores was changed by the call. Work on a new array: `x = x - m` makes one, `x -= m` writes"):
            checks.check_unchanged(scores, before, name="scores")

    def test_masks_too(self):
        mask = np.array([True, False])
        checks.check_unchanged(mask, mask.copy())
        with says("the input was changed"):
            checks.check_unchanged(~mask, mask)


def test_the_seed_of_the_course(monkeypatch):
    monkeypatch.delenv("ATTNLIB_COURSE_SEED", raising=False)
    assert checks.course_seed() == 0
    monkeypatch.setenv("ATTNLIB_COURSE_SEED", "2027")
    assert checks.course_seed() == 2027


@kinds
def test_checks_change_nothing(kind):
    answer = make([[0.5, 0.5]], kind)
    before = copy_of(answer)
    checks.check_close(answer, [[0.5, 0.5]])
    checks.check_rows_sum_to_one(answer)
    checks.check_unchanged(answer, before)
