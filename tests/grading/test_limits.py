"""Limits are numbers above 0, and travel as plain data."""

import json
from dataclasses import fields

import pytest

from grading.limits import Limits


def test_limits_come_back_from_json():
    limits = Limits(call_seconds=0.5, processes=3)
    assert Limits.from_json(json.loads(json.dumps(limits.to_json()))) == limits != Limits()


@pytest.mark.parametrize("field", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, float("nan"), True, "5", None])
def test_a_limit_is_a_number_above_0(field, value):
    with pytest.raises(ValueError, match=f"{field} must be a number above 0"):
        Limits(**{field: value})


def test_an_unknown_limit_is_an_error():
    with pytest.raises(TypeError, match="memory_gb"):
        Limits.from_json({"memory_gb": 1})


def test_a_limit_cannot_be_changed_afterwards():
    with pytest.raises(AttributeError):
        Limits().processes = 1000
