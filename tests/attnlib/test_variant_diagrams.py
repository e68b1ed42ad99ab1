"""Diagrams of the variants: what is drawn is what the classes declare."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from attnlib.plots import use_book_style
from attnlib.variant_diagrams import FROM_DECODER, HEIGHT, WIDTH, draw_variant
from attnlib.variants import VARIANTS, Arrow, VariantConfig

every_variant = pytest.mark.parametrize("variant", VARIANTS.values(), ids=lambda variant: str(variant.number))
BOXES = set("XHTSWCY")


@pytest.fixture(autouse=True)
def book_style():
    with mpl.rc_context():
        use_book_style()
        yield
        plt.close("all")


def texts(drawing):
    return [text.get_text() for text in drawing.ax.texts]


def coloured(drawing, colour):
    return [patch for patch in drawing.ax.patches if to_hex(patch.get_edgecolor()) == colour]


@every_variant
def test_every_tensor_and_operation_of_the_wiring_is_there_once(variant):
    drawn = texts(draw_variant(variant))
    symbols = {"⊗": "×", "⊕": "+"}
    operations = [symbols.get(arrow.operation, arrow.operation) for arrow in variant.wiring]
    tensors = {name for arrow in variant.wiring for name in (*arrow.inputs, arrow.output)} & BOXES
    labels = {arrow.output for arrow in variant.wiring} & set("KQV")
    expected = [*(name for name in operations if name != "start"), *tensors, *labels]
    assert sorted(drawn) == sorted(expected)


@every_variant
def test_the_way_back_from_the_decoder_has_a_colour_where_the_weights_need_it(variant):
    assert bool(coloured(draw_variant(variant), FROM_DECODER)) is variant.needs_decoder


@every_variant
def test_nothing_leaves_the_drawing(variant):
    drawing = draw_variant(variant)
    figure = drawing.ax.figure
    figure.canvas.draw()
    inches = figure.dpi_scale_trans.inverted()
    for patch in drawing.ax.patches:
        box = patch.get_window_extent().transformed(inches)
        assert box.x0 >= 0
        assert box.x1 <= WIDTH
        assert box.y0 >= 0
        assert box.y1 <= HEIGHT


def test_an_object_is_drawn_as_its_class_and_a_title_can_be_given():
    model = VARIANTS[2](VariantConfig(source_vocab=9, target_vocab=9, embedding_dim=2, hidden_dim=2), seed=0)
    assert texts(draw_variant(model)) == texts(draw_variant(VARIANTS[2]))
    assert draw_variant(model).ax.get_title() == "2: encoder-decoder QKV"
    assert draw_variant(model, title="two").ax.get_title() == "two"


def test_several_are_drawn_side_by_side():
    _, axes = plt.subplots(2)
    for ax, number in zip(axes, (1, 3), strict=True):
        assert draw_variant(VARIANTS[number], ax=ax).ax is ax
        assert any(isinstance(patch, FancyArrowPatch) for patch in ax.patches)


def test_what_has_no_place_is_refused():
    class Odd(VARIANTS[1]):
        wiring = (*VARIANTS[1].wiring, Arrow(("S",), "memory", "M"))

    with pytest.raises(ValueError, match=r"^there is no place for 'memory' in the drawing"):
        draw_variant(Odd)
