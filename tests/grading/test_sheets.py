"""What is written reads back, and nothing in it is a formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.sheets import SheetError, number, plain, read_sheet, safe, write_sheet

STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", ["", " ", '"', "x;", "x\n"])
def test_a_formula_gets_an_apostrophe(start, before):
    text = f"{before}{start}=HYPERLINK(1)"
    assert "'" in safe(text)
    assert safe(text).replace("'", "") == text


@given(st.text(st.sampled_from("ab =+-@\t\r\n;\"',0"), max_size=12))
def test_no_cell_begins_like_a_formula_however_it_is_cut(text):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(["x", safe(text)])
    if text.strip() == "-":
        return
    assert not safe(text).startswith(STARTS)
    for separator in ";\t":
        for line in written.getvalue().splitlines():
            for cell in line.split(separator)[1:]:
                assert not cell.strip().startswith(STARTS)


@pytest.mark.parametrize("text", ["Ada", "Ada-Maria", "a=b", "Müller, Jörg", "王 小明", "-", "", "7", "x+y;z"])
def test_other_text_stays(text):
    assert safe(text) == text


def test_plain_text_steers_no_terminal():
    assert plain("\x1b]0;title\x07 a\u202eb\x00\r\n c") == "]0;title ab c"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6))
def test_numbers_are_plain_decimals(value):
    text = number(value)
    assert "e" not in text
    assert "," not in text
    assert float(text) == pytest.approx(value, abs=5.1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_written(value):
    with pytest.raises(SheetError, match="no number"):
        number(value)


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8), min_size=2, max_size=2
        ),
        max_size=4,
    )
)
def test_what_is_written_reads_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    write_sheet(path, [["a", "b"], *rows], spreadsheet=True)
    sheet = read_sheet(path)
    assert sheet.header == ["a", "b"]
    assert sheet.rows == [row for row in rows if any(cell.strip() for cell in row)]


def test_excel_is_told_the_encoding_and_others_are_not(tmp_path):
    write_sheet(tmp_path / "with.csv", [["ü"]], spreadsheet=True)
    write_sheet(tmp_path / "without.csv", [["ü"]])
    assert (tmp_path / "with.csv").read_bytes() == b"\xef\xbb\xbf\xc3\xbc\n"
    assert (tmp_path / "without.csv").read_bytes() == b"\xc3\xbc\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found(tmp_path, separator):
    path = tmp_path / "sheet.csv"
    path.write_text(f'Student{separator}"a{separator} b"\n1{separator}2\n', encoding="utf-8")
    sheet = read_sheet(path)
    assert sheet.header == ["Student", f"a{separator} b"]
    assert sheet.rows == [["1", "2"]]


def test_short_rows_are_filled_up(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("a,b,c\n\n1\n1,2,3,,\n", encoding="utf-8")
    assert read_sheet(path).rows == [["1", "", ""], ["1", "2", "3"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n", "is empty"),
        ("Jörg,ü".encode("latin-1"), "not in UTF-8"),
        ("a,b".encode("utf-16"), "not in UTF-8"),
        (b'a,b\n1,"2\n', "line 2"),
        (b"a,b\n1,2,3\n", "more cells"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, said):
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(SheetError, match=said):
        read_sheet(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SheetError, match="No such file"):
        read_sheet(tmp_path / "none.csv")


def test_a_missing_or_double_column_is_named(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text("a,b,b\n", encoding="utf-8")
    with pytest.raises(SheetError, match="no column 'c'"):
        read_sheet(path).place("c")
    with pytest.raises(SheetError, match="2 columns 'b'"):
        read_sheet(path).place("b")
