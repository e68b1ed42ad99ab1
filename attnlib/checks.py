"""Checks whose message says what probably went wrong: the visible half of every exercise.

A check compares an answer with what is expected; where they differ, it compares the answer with what known
mistakes give, and names the mistake that fits.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

_TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-5}


def check_shape(answer: Any, shape: tuple[int, ...], *, name: str = "the answer") -> None:
    """Check that an answer is an array of the expected shape.

    Raises
    ------
    AssertionError
        With both shapes, and a hint where the two differ by a transposition or a kept or lost axis.

    Examples
    --------
    >>> check_shape(np.zeros((2, 3)), (3, 2), name="W")
    Traceback (most recent call last):
    AssertionError: W has shape (2, 3), expected (3, 2). The axes are in another order: is one matrix transposed?
    """
    came = tuple(_as_numpy(answer, name).shape)
    if came != tuple(shape):
        hint = " Does the function return more than one thing?" if isinstance(answer, tuple) else ""
        hint = hint or _shape_hint(came, tuple(shape))
        raise AssertionError(f"{name} has shape {came}, expected {tuple(shape)}.{hint}")


def check_dtype(answer: Any, dtype: str, *, name: str = "the answer") -> None:
    """Check that an answer has the expected dtype, given by its short name (``float32``).

    Raises
    ------
    AssertionError
        With both dtypes.

    Examples
    --------
    >>> check_dtype(torch.zeros(2), "float16")
    Traceback (most recent call last):
    AssertionError: the answer has dtype float32, expected float16: keep the dtype of the input.
    """
    _as_numpy(answer, name)
    came = str(answer.dtype).removeprefix("torch.") if hasattr(answer, "dtype") else type(answer).__name__
    if came != dtype:
        cure = "a mask is boolean, as a comparison makes it" if dtype == "bool" else "keep the dtype of the input"
        raise AssertionError(f"{name} has dtype {came}, expected {dtype}: {cure}.")


def check_close(
    answer: Any,
    expected: Any,
    *,
    name: str = "the answer",
    mistakes: Mapping[str, Any] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Check that an answer has the expected shape and values.

    Parameters
    ----------
    answer, expected : numbers, NumPy arrays or torch tensors
    name : str
        What the answer is called in messages.
    mistakes : mapping from str to values
        What to say, and the values that a known mistake gives. The first that fits is said.
    rtol, atol : float or None
        Relative and absolute tolerance; None picks them from the precision of what is expected: 1e-8 for float64,
        numbers and lists, 1e-5 for float32, 2e-3 for float16, 2e-2 for bfloat16. A float32 answer gets 1e-5 whatever
        is expected. A float16 or bfloat16 answer gets no more than that by itself: give ``expected`` that dtype, or
        give the tolerances, where a coarser answer is asked for.

    Raises
    ------
    AssertionError
        If shape or values differ, with the mistake where one fits, and the place of the largest difference where
        none does.

    Examples
    --------
    >>> check_close(np.array([4.0]), np.array([2.0]), mistakes={"You added; take the mean.": np.array([4.0])})
    Traceback (most recent call last):
    AssertionError: the answer is wrong. You added; take the mean.
    """
    came, wanted = _as_numpy(answer, name), _as_numpy(expected, "expected")
    coarse = _tolerance(answer)
    default = max(_tolerance(expected), min(coarse, _TOLERANCE["float32"]))
    rtol, atol = default if rtol is None else rtol, default if atol is None else atol
    mistakes = mistakes or {}
    if came.shape != wanted.shape:
        diagnosis = _fitting_mistake(came, mistakes, rtol, atol)
        if diagnosis is None:
            check_shape(answer, wanted.shape, name=name)  # says how the shapes differ
        raise AssertionError(f"{name} is wrong. {diagnosis}")
    if _close(came, wanted, rtol, atol):
        return
    diagnosis = _fitting_mistake(came, mistakes, rtol, atol)
    if diagnosis is None and coarse > max(default, rtol, atol) and _close(came, wanted, coarse, coarse):
        dtype = str(answer.dtype).removeprefix("torch.")
        diagnosis = f"It has dtype {dtype}, which is too coarse to tell it from a wrong one: return float64."
    raise AssertionError(f"{name} is wrong. {diagnosis or _difference(came, wanted)}")


def check_rows_sum_to_one(weights: Any, *, axis: int = -1, name: str = "the weights") -> None:
    """Check that weights are finite, not negative and sum to one along an axis; a row of zeros passes too.

    Raises
    ------
    AssertionError
        Saying which of these fails, and whether another axis sums to one instead.

    Examples
    --------
    >>> check_rows_sum_to_one(np.array([[0.5, 0.5], [0.5, 0.9]]))
    Traceback (most recent call last):
    AssertionError: the weights do not sum to 1 along axis -1: a row sums to 1.4.
    """
    rows = _as_numpy(weights, name)
    if not -rows.ndim <= axis < rows.ndim:
        raise AssertionError(f"{name} have shape {rows.shape}: there is no axis {axis} to sum along.")
    tolerance = _tolerance(weights)
    if np.isnan(rows).any():
        raise AssertionError(
            f"{name} hold NaN. Did you divide 0 by 0 in a row with nothing to attend to, or let exp overflow to inf?"
        )
    if np.isinf(rows).any():
        raise AssertionError(f"{name} hold an infinity. Did you let exp overflow?")
    if (rows < 0).any():
        raise AssertionError(f"{name} hold the negative number {rows.min():.4g}.")
    if _sums_to_one(rows, axis, tolerance):
        return
    for other in range(rows.ndim):
        if _sums_to_one(rows, other, tolerance):
            raise AssertionError(
                f"{name} sum to 1 along axis {other}, not along axis {axis}: normalise along axis {axis}."
            )
    total = rows.sum(axis=axis)
    worst = total.flat[np.abs(total - 1).argmax()]
    raise AssertionError(f"{name} do not sum to 1 along axis {axis}: a row sums to {worst:.4g}.")


def check_unchanged(array: Any, before: Any, *, name: str = "the input") -> None:
    """Check that a call left its argument as it was.

    Raises
    ------
    AssertionError
        If the array differs from the copy taken before the call.

    Examples
    --------
    >>> scores = np.array([1.0, 2.0])
    >>> before = scores.copy()
    >>> weights = np.exp(scores)
    >>> check_unchanged(scores, before, name="scores")
    """
    if not np.array_equal(_as_numpy(array, name), _as_numpy(before, name), equal_nan=True):
        raise AssertionError(
            f"{name} was changed by the call. Work on a new array: `x = x - m` makes one, `x -= m` writes into the old."
        )


def course_seed() -> int:
    """Return the seed of the hidden tests' inputs, which the course sets in ``ATTNLIB_COURSE_SEED``; 0 without one.

    Examples
    --------
    >>> rng = np.random.default_rng(course_seed())
    """
    return int(os.environ.get("ATTNLIB_COURSE_SEED", "0"))


def _as_numpy(answer: Any, name: str) -> np.ndarray:
    if answer is None:
        raise AssertionError(f"{name} is None. Does the function end without a return statement?")
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu()
        answer = answer.float() if answer.dtype == torch.bfloat16 else answer
    try:
        array = np.asarray(answer)
    except (ValueError, TypeError, RuntimeError) as error:
        if isinstance(answer, tuple):
            raise AssertionError(f"{name} is not an array. Does the function return more than one thing?") from None
        raise AssertionError(f"{name} is not an array: {error}") from None
    if array.dtype.kind not in "biuf":
        what = f"dtype {array.dtype}" if hasattr(answer, "dtype") else type(answer).__name__
        raise AssertionError(f"{name} must hold real numbers, got {what}.")
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _tolerance(array: Any) -> float:
    return _TOLERANCE.get(str(getattr(array, "dtype", "")).removeprefix("torch."), 1e-8)


def _close(came: np.ndarray, wanted: np.ndarray, rtol: float, atol: float) -> bool:
    with np.errstate(over="ignore"):
        return np.allclose(came, wanted, rtol=rtol, atol=atol, equal_nan=True)


def _fitting_mistake(came: np.ndarray, mistakes: Mapping[str, Any], rtol: float, atol: float) -> str | None:
    for diagnosis, values in mistakes.items():
        wrong = _as_numpy(values, "mistake")
        if wrong.shape == came.shape and _close(came, wrong, rtol, atol):
            return diagnosis
    return None


def _difference(came: np.ndarray, wanted: np.ndarray) -> str:
    if np.isnan(came).any() and not np.isnan(wanted).any():
        return f"It holds NaN in {np.isnan(came).sum()} of {came.size} places."
    came, wanted = came.astype(float), wanted.astype(float)
    same = (came == wanted) | (np.isnan(came) & np.isnan(wanted))
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where(same, 0.0, np.nan_to_num(np.abs(came - wanted), nan=np.inf, posinf=np.inf))
    place = np.unravel_index(gap.argmax(), gap.shape)
    where = f" at {tuple(int(index) for index in place)}" if came.ndim else ""
    got, right = f"{came[place]:.6g}", f"{wanted[place]:.6g}"
    if got != right:
        return f"Largest difference{where}: got {got}, expected {right}."
    return (
        f"Largest difference{where}: got {got}, expected {right}: off by {gap[place]:.2g}. "
        "Is a small number added, or a step done in float32?"
    )


def _shape_hint(came: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if len(came) == len(wanted) and sorted(came) == sorted(wanted):
        return " The axes are in another order: is one matrix transposed?"
    squeezed = tuple(size for size in came if size != 1)
    if squeezed == tuple(size for size in wanted if size != 1):
        return " Only axes of length 1 differ: was one kept (keepdims) or lost?"
    if len(came) < len(wanted):
        return " An axis is missing: was it summed away?"
    if len(came) > len(wanted):
        return " There is an axis too many: was it not summed over?"
    return ""


def _sums_to_one(rows: np.ndarray, axis: int, tolerance: float) -> bool:
    total = rows.sum(axis=axis)
    empty = (rows == 0).all(axis=axis)
    return bool(np.all(empty | (np.abs(total - 1) <= tolerance)))
