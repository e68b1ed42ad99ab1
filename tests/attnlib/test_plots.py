"""Figures: queries down, keys across, words on the axes, and the same bytes each time."""

import io
import subprocess
import sys
import warnings
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from attnlib.plots import PALETTE, plot_history, plot_weights, use_book_style
from attnlib.training import Evaluation, History
from tests.attnlib.strategies import KINDS, fails, make, plain

ALIGNMENT = np.array([[0.94, 0.02, 0.04], [0.11, 0.01, 0.88], [0.03, 0.95, 0.02]])
FRENCH, ENGLISH = ["je", "t'", "aime"], ["I", "love", "you"]


@pytest.fixture(autouse=True)
def book_style():
    with mpl.rc_context():
        use_book_style()
        yield
        plt.close("all")


def words(labels):
    return [label.get_text() for label in labels]


def numbers(ax):
    return [text.get_text() for text in ax.texts]


def svg(figure):
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def overlapping(labels, figure):
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in labels if label.get_text()]
    return any(first.x1 > second.x0 for first, second in pairwise(boxes))


def test_the_scale_can_be_left_out():
    with_scale, without = plot_weights(ALIGNMENT), plot_weights(ALIGNMENT, colourbar=False)
    assert [len(ax.figure.axes) for ax in (with_scale, without)] == [2, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_queries_go_down_and_keys_across(kind):
    ax = plot_weights(make(ALIGNMENT, kind), FRENCH, ENGLISH, title="alignment")
    assert (words(ax.get_yticklabels()), ax.get_ylabel()) == (FRENCH, "query")
    assert (words(ax.get_xticklabels()), ax.get_xlabel()) == (ENGLISH, "key")
    assert ax.get_ylim() == (3, 0), "the first query is on top"
    assert ax.get_xlim() == (0, 3)
    assert ax.get_title() == "alignment"
    assert numbers(ax) == [f"{weight:.2f}" for weight in plain(make(ALIGNMENT, kind)).ravel()]
    (cells,) = ax.collections
    np.testing.assert_allclose(np.ravel(cells.get_array()), ALIGNMENT.ravel(), atol=0.01)
    place = {text.get_text(): text.get_position() for text in ax.texts}
    assert place["0.88"] == (2.5, 1.5)


def test_a_tensor_with_a_gradient_may_come():
    weights = torch.tensor(ALIGNMENT, requires_grad=True)
    assert numbers(plot_weights(weights))[0] == "0.94"


def test_the_scale_is_always_0_to_1_and_dark_cells_have_light_numbers():
    ax = plot_weights(np.array([[0.2, 0.3], [0.6, 0.1]]))
    assert ax.collections[0].get_clim() == (0, 1)
    assert [text.get_color() for text in ax.texts] == ["black", "black", "white", "black"]
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "weight"
    assert bar.get_ylim() == (0, 1)


def test_without_words_places_are_numbered():
    ax = plot_weights(np.full((2, 3), 1 / 3))
    assert words(ax.get_yticklabels()) == ["0", "1"]
    assert words(ax.get_xticklabels()) == ["0", "1", "2"]
    assert ax.get_title() == ""
    many = words(plot_weights(np.full((1, 60), 1 / 60)).get_xticklabels())
    assert many[:4] == ["0", "", "", "3"]
    assert len(many) == 60


def test_numbers_are_left_out_above_64_cells_or_as_asked():
    assert len(numbers(plot_weights(np.full((8, 8), 1 / 8)))) == 64
    assert numbers(plot_weights(np.full((5, 13), 1 / 13))) == []
    assert len(numbers(plot_weights(np.full((5, 13), 1 / 13), numbers=True))) == 65
    assert numbers(plot_weights(ALIGNMENT, numbers=False)) == []


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        (1, ["one"]),
        (3, ENGLISH),
        (12, [f"word{number}" for number in range(20)]),
        (4, ["incomprehensibilities", "internationalisation", "the", "of", "counterrevolutionary"]),
        (60, None),
    ],
)
def test_keys_do_not_run_into_each_other(rows, keys):
    columns = 60 if keys is None else len(keys)
    ax = plot_weights(np.full((rows, columns), 1 / columns), keys=keys)
    slanted = {label.get_rotation() for label in ax.get_xticklabels()}
    if slanted == {0.0}:
        assert not overlapping(ax.get_xticklabels(), ax.figure)
    else:
        assert slanted == {45.0}
        assert len(keys) >= 5
    assert max(ax.figure.get_size_inches()) < 14


def test_long_keys_are_turned_in_axes_that_are_given_too():
    _, axes = plt.subplots(1, 3, figsize=(9, 3))
    weights = np.full((4, 4), 0.25)
    turned = plot_weights(weights, keys=["alpha", "beta", "gamma", "delta"], ax=axes[0])
    assert {label.get_rotation() for label in turned.get_xticklabels()} == {45.0}
    straight = plot_weights(weights, keys=list("abcd"), ax=axes[1])
    assert {label.get_rotation() for label in straight.get_xticklabels()} == {0.0}
    assert turned is axes[0]
    assert len(plt.get_fignums()) == 1


def test_a_word_is_shown_as_it_is():
    ax = plot_weights(np.full((1, 2), 0.5), ["$x_1$"], ["$", "5$ or 6$"])
    assert not any(label.get_parse_math() for label in [*ax.get_xticklabels(), *ax.get_yticklabels()])
    svg(ax.figure)


@pytest.mark.usefixtures("unchecked")
class TestErrors:
    @pytest.mark.parametrize("shape", [(3,), (), (1, 2, 2), (0, 2), (2, 0)])
    def test_shape(self, shape):
        with fails(ValueError, f"weights must have shape (query, key), both at least 1, got {shape}"):
            plot_weights(np.ones(shape))

    def test_words(self):
        with fails(ValueError, "queries has 2 words but weights has 3 of them"):
            plot_weights(ALIGNMENT, FRENCH[:2], ENGLISH)
        with fails(ValueError, "keys has 4 words but weights has 3 of them"):
            plot_weights(ALIGNMENT, FRENCH, [*ENGLISH, "."])
        assert plt.get_fignums() == []


def history_of(updates, evaluations=(), seed=0):
    rng = np.random.default_rng(seed)
    return History(
        losses=rng.uniform(1, 3, updates).tolist(),
        words=rng.integers(1, 90, updates).tolist(),
        evaluations=[Evaluation(*each) for each in evaluations],
    )


def legend(ax):
    return words(ax.get_legend().get_texts())


@pytest.mark.parametrize(("updates", "window"), [(1, 1), (24, 1), (75, 3), (500, 20)])
def test_a_loss_is_the_mean_over_the_words_of_the_last_updates(updates, window):
    history = history_of(updates)
    ax = plot_history(history, title="training")
    line, _ = ax.lines
    assert line.get_xdata().tolist() == list(range(1, updates + 1))
    for place, drawn in enumerate(line.get_ydata()):
        first = max(0, place + 1 - window)
        read = history.words[first : place + 1]
        nats = [loss * count for loss, count in zip(history.losses[first : place + 1], read, strict=True)]
        assert drawn == pytest.approx(sum(nats) / sum(read))
    assert legend(ax) == ["training" if window == 1 else f"training, mean of {window} updates"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("update", "loss (nats per word)", "training")


def test_held_out_losses_are_dots():
    ax = plot_history(history_of(75, [(25, 2.5), (50, 2.0), (75, 1.5)]))
    training, held_out = ax.lines
    assert held_out.get_xydata().tolist() == [[25, 2.5], [50, 2.0], [75, 1.5]]
    assert held_out.get_marker() == "o"
    assert training.get_marker() == "None"
    assert legend(ax) == ["training, mean of 3 updates", "held-out"]


def test_each_training_has_its_colour_and_all_the_same_smoothing():
    histories = {"dot": history_of(100, [(100, 2.0)]), "additive": history_of(50), "none": history_of(10, [(10, 2.2)])}
    _, ax = plt.subplots()
    assert plot_history(histories, ax=ax) is ax
    assert [line.get_color() for line in ax.lines] == [colour for colour in PALETTE[:3] for _ in range(2)]
    assert legend(ax) == ["dot", "additive", "none", "training, mean of 4 updates", "held-out"]
    assert [handle.get_color() for handle in ax.get_legend().legend_handles[:3]] == list(PALETTE[:3])
    assert len(plt.get_fignums()) == 1
    svg(ax.figure)


def test_one_training_can_have_a_name():
    assert legend(plot_history({"dot": history_of(5)})) == ["dot", "training"]


def test_more_trainings_than_colours_begin_again():
    ax = plot_history({str(number): history_of(3) for number in range(8)})
    assert ax.lines[-1].get_color() == PALETTE[0]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({}, ValueError, "there is no history to draw"),
        (History(), ValueError, "history has no updates to draw"),
        ({"dot": History()}, ValueError, "history 'dot' has no updates to draw"),
        ([1.0, 2.0], TypeError, "history must be what attnlib.training.train returns, got list"),
        ({"dot": [1.0]}, TypeError, "history 'dot' must be what attnlib.training.train returns, got list"),
    ],
)
def test_only_histories_are_drawn(wrong, error, message):
    with fails(error, message):
        plot_history(wrong)
    assert plt.get_fignums() == []


def test_the_same_figure_gives_the_same_bytes():
    first, second = (svg(plot_weights(ALIGNMENT, FRENCH, ENGLISH).figure) for _ in range(2))
    assert first == second


def test_weights_stay_as_they_were():
    before = ALIGNMENT.copy()
    svg(plot_weights(ALIGNMENT).figure)
    assert (before == ALIGNMENT).all()


def test_the_style_can_be_set_twice():
    first = dict(mpl.rcParams)
    use_book_style()
    assert dict(mpl.rcParams) == first
    assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(PALETTE)


def test_a_figure_in_the_style_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, (left, right) = plt.subplots(1, 2)
        left.plot([1, 2], label="line")
        left.legend()
        left.set_title("title")
        plot_weights(ALIGNMENT, FRENCH, ENGLISH, ax=right)
        svg(figure)


def test_in_a_notebook_figures_are_svg_without_a_date():
    script = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
from attnlib.plots import use_book_style
use_book_style(), use_book_style()
import matplotlib.pyplot as plt
figure, ax = plt.subplots()
ax.plot([1, 2])
data, _ = shell.display_formatter.format(figure)
assert set(data) == {"image/svg+xml", "text/plain"}, set(data)
assert "<dc:date>" not in data["image/svg+xml"]
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)
