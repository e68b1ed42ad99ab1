"""What a late submission loses."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_notebook
from nbgrader.api import MissingEntry
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from traitlets import TraitError
from traitlets.config import Config

from grading.late import LatePolicy, configured_policy, update_penalties
from tests.grading.gradebooks import hand_in, make_course, open_gradebook

DAY = 24 * 60 * 60
scores = st.floats(min_value=0, max_value=1000)
seconds = st.floats(min_value=0, max_value=100 * DAY)
percents = st.floats(min_value=0, max_value=100)
policies = st.builds(
    lambda method, **traits: LatePolicy(penalty_method=method, **traits),
    st.sampled_from(["none", "zero", "percent"]),
    rate=percents,
    cap=percents,
    grace_minutes=st.floats(min_value=0, max_value=3000),
)


def lost(policy, score, late):
    return policy.late_submission_penalty("ada", score, late) or 0.0


@given(policies, scores, seconds)
def test_nobody_loses_more_than_there_is(policy, score, late):
    assert 0 <= lost(policy, score, late) <= score


@given(policies, scores, seconds, seconds)
def test_later_is_never_cheaper(policy, score, one, other):
    assert lost(policy, score, min(one, other)) <= lost(policy, score, max(one, other))


@given(scores, percents, percents, seconds)
def test_the_cap_holds(score, rate, cap, late):
    policy = LatePolicy(penalty_method="percent", rate=rate, cap=cap)
    assert lost(policy, score, late) <= score * cap / 100 + 1e-9


@given(policies, scores)
def test_within_the_grace_nothing_is_lost(policy, score):
    assert policy.late_submission_penalty("ada", score, policy.grace_minutes * 60) is None


@given(scores, seconds)
def test_zero_takes_all(score, late):
    assert lost(LatePolicy(penalty_method="zero"), score, late) == (score if late > 0 else 0)


@pytest.mark.parametrize(
    ("late", "points"), [(0, 0), (1, 2), (DAY, 2), (DAY + 1, 4), (3 * DAY, 6), (5 * DAY + 1, 10), (90 * DAY, 10)]
)
def test_days_that_have_begun_count(late, points):
    policy = LatePolicy(penalty_method="percent", rate=10, cap=50)
    assert lost(policy, 20, late) == points


def test_after_the_grace_days_count_from_the_due_date():
    policy = LatePolicy(penalty_method="percent", rate=10, grace_minutes=60)
    assert lost(policy, 20, 3600) == 0
    assert lost(policy, 20, 3601) == 2
    assert lost(policy, 20, DAY + 1) == 4


@pytest.mark.parametrize("traits", [{"rate": -1}, {"rate": 101}, {"cap": -1}, {"grace_minutes": -1}])
def test_settings_that_make_no_sense_are_refused(traits):
    with pytest.raises(TraitError):
        LatePolicy(**traits)


def configured(**traits):
    config = Config()
    config.AssignLatePenalties.plugin_class = LatePolicy
    config.LatePolicy.update(traits)
    return config


def test_nbgrader_takes_it_from_its_configuration(tmp_path):
    course = make_course(tmp_path)
    with open_gradebook(course) as gradebook:
        hand_in(gradebook, "ada", {"test_softmax": 2, "test_scores": 3}, timestamp="2026-09-02 13:00:00 UTC")
    where = {"student": "ada", "assignment": "ps1", "notebook": "ps1", "db_url": course.directory.db_url}
    config = configured(penalty_method="percent", rate=10)
    AssignLatePenalties(config=config).preprocess(new_notebook(), {"nbgrader": where})
    with open_gradebook(course) as gradebook:
        assert gradebook.find_submission("ps1", "ada").late_submission_penalty == 1.0


def test_the_configured_policy_is_nbgraders_where_nothing_is_set():
    assert type(configured_policy(Config())) is LateSubmissionPlugin
    policy = configured_policy(configured(penalty_method="percent", rate=25, grace_minutes=5))
    assert (type(policy), policy.rate, policy.grace_minutes) == (LatePolicy, 25, 5)


def test_points_that_a_person_gives_later_are_late_too(tmp_path):
    course = make_course(tmp_path)
    policy = LatePolicy(penalty_method="zero")
    with open_gradebook(course) as gradebook:
        late = {"timestamp": "2026-09-03 12:00:00 UTC"}
        hand_in(gradebook, "ada", {"test_softmax": 2, "why_softmax": None}, **late)
        hand_in(gradebook, "bob", {"test_softmax": 2}, timestamp="2026-09-01 11:59:00 UTC")
        hand_in(gradebook, "eve", {"test_softmax": 2})
        assert update_penalties(gradebook, "ps1", policy) == {"ada": 2, "bob": 0, "eve": 0}
        grade = gradebook.find_grade("why_softmax", "ps1", "ps1", "ada")
        grade.manual_score, grade.needs_manual_grade = 1.0, False
        gradebook.db.commit()
        assert update_penalties(gradebook, "ps1", policy) == {"ada": 3, "bob": 0, "eve": 0}
        gradebook.grant_extension("ps1", "ada", days=2)
        assert update_penalties(gradebook, "ps1", policy)["ada"] == 0
    with open_gradebook(course) as gradebook:
        assert gradebook.find_submission("ps1", "ada").late_submission_penalty == 0


def test_a_policy_of_the_instructors_own_is_kept_within_the_score(tmp_path):
    class Greedy(LateSubmissionPlugin):
        def late_submission_penalty(self, student_id, score, total_seconds_late):
            return {"ada": math.inf, "bob": -5.0}[student_id]

    course = make_course(tmp_path)
    with open_gradebook(course) as gradebook:
        for student in ("ada", "bob"):
            hand_in(gradebook, student, {"test_softmax": 2}, timestamp="2026-09-03 12:00:00 UTC")
        assert update_penalties(gradebook, "ps1", Greedy()) == {"ada": 2, "bob": 0}


def test_an_unknown_problem_set_is_named(tmp_path):
    with open_gradebook(make_course(tmp_path)) as gradebook, pytest.raises(MissingEntry):
        update_penalties(gradebook, "ps9", LatePolicy())
