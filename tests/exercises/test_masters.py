"""Checks that every master is built as nbgrader, the trusted test runner and a student need it."""

import ast
import re

import pytest
from nbformat import NotebookNode
from nbgrader.nbgraderformat import MetadataValidator

from tests.exercises.master import Master, master, masters

HEADING = re.compile(
    r"^## Exercise \d+: .+ \((?P<points>\d+) points?, difficulty (?P<difficulty>[123]) of 3, "
    r"(?P<minutes>\d+) minutes\)$",
    re.MULTILINE,
)
# A directive, a role, or a link to a page of the book.
MYST = re.compile(r"^:::|^(```|~~~)\s*\{|\{[a-z:]+\}`|\]\([^)]*\.md", re.MULTILINE)
SHAPE = re.compile(r"\((\.\.\.|[a-z_]+)?(, ?[a-z_]+)*,?\)")
TEST_IMPORTS = {"attnlib", "math", "numpy", "torch"}
# What reaches into objects, namespaces or the machine: nothing that plain data needs.
NOT_DATA = {
    *("isinstance", "issubclass", "type", "callable", "id", "hash", "super", "property"),
    *("globals", "locals", "vars", "dir", "getattr", "setattr", "delattr", "hasattr"),
    *("exec", "eval", "compile", "open", "input", "breakpoint", "__import__", "get_ipython"),
}

MASTERS = [pytest.param(master(name), id=name) for name in masters()]
FUNCTIONS = [
    pytest.param(master(name), function, id=f"{name}-{function}")
    for name in masters()
    for function in master(name).functions
]


@pytest.mark.parametrize("problem_set", MASTERS)
def test_every_cell_but_code_to_try_is_nbgraders(problem_set: Master):
    MetadataValidator().validate_nb(problem_set.notebook)
    for cell in problem_set.notebook.cells:
        assert "nbgrader" in cell.metadata or cell.cell_type == "code", cell.source[:60]
        assert "skip-execution" not in cell.metadata.get("tags", []), "nbgrader gives a skipped cell its points"


@pytest.mark.parametrize("problem_set", MASTERS)
def test_grade_ids_are_unique(problem_set: Master):
    ids = [cell.metadata.nbgrader.grade_id for cell in problem_set.notebook.cells if "nbgrader" in cell.metadata]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("problem_set", MASTERS)
def test_text_is_plain_markdown(problem_set: Master):
    for cell in problem_set.notebook.cells:
        if cell.cell_type == "markdown":
            assert not MYST.search(cell.source), cell.source


@pytest.mark.parametrize("problem_set", MASTERS)
def test_headings_show_the_points_that_are_given(problem_set: Master):
    shown = points = 0
    for cell in problem_set.notebook.cells:
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            assert shown == points, f"the exercise before {heading.group()} gives other points than it shows"
            shown += int(heading["points"])
        if _is_graded(cell):
            points += cell.metadata.nbgrader.points
    assert shown == points


@pytest.mark.parametrize("problem_set", MASTERS)
def test_introduction_shows_the_sums(problem_set: Master):
    introduction = problem_set.notebook.cells[0].source
    headings = [match for cell in problem_set.notebook.cells for match in HEADING.finditer(cell.source)]
    by_hand = sum(cell.metadata.nbgrader.points for cell in problem_set.written_cells)
    total = sum(int(heading["points"]) for heading in headings)
    minutes = sum(int(heading["minutes"]) for heading in headings)
    assert len(headings) == len(problem_set.test_cells) + len(problem_set.written_cells)
    assert f"{total} points" in introduction
    assert f"{total - by_hand:g} are counted by tests, {by_hand:g} are given by a person" in introduction
    assert f"{minutes} minutes" in introduction


@pytest.mark.parametrize(("problem_set", "function"), FUNCTIONS)
def test_solution_is_a_documented_function_with_a_hint(problem_set: Master, function: str):
    source = problem_set.source(function)
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert [node.name for node in nodes] == [function]
    docstring = ast.get_docstring(nodes[0])
    assert docstring, "no docstring"
    assert len(SHAPE.findall(docstring)) >= 2, "the docstring gives no shapes"
    lines = source.splitlines()
    begins = [number for number, line in enumerate(lines) if "### BEGIN SOLUTION" in line]
    assert begins, "no solution region"
    for begin in begins:
        assert lines[begin - 1].lstrip().startswith("# "), "no comment above the region says what to write"


@pytest.mark.parametrize(("problem_set", "function"), FUNCTIONS)
def test_released_cells_hold_no_solution_and_no_hidden_test(problem_set: Master, function: str):
    solution, test = (problem_set.source(name, released=True) for name in (function, f"test_{function}"))
    assert "NotImplementedError" in solution
    assert "SOLUTION" not in solution
    assert "course_seed" not in test
    assert "HIDDEN" not in test
    assert "checks.check_" in test


@pytest.mark.parametrize(("problem_set", "function"), FUNCTIONS)
def test_hidden_tests_come_last_and_draw_from_the_course_seed(problem_set: Master, function: str):
    source = problem_set.source(f"test_{function}")
    assert source.count("### BEGIN HIDDEN TESTS") == 1
    assert source.rstrip().endswith("### END HIDDEN TESTS")
    hidden = source.split("### BEGIN HIDDEN TESTS")[1]
    assert "np.random.default_rng([checks.course_seed(), " in hidden


@pytest.mark.parametrize("problem_set", MASTERS)
def test_hidden_tests_of_different_functions_draw_different_numbers(problem_set: Master):
    constants = [
        re.search(r"default_rng\(\[checks\.course_seed\(\), (\d+)\]\)", problem_set.source(f"test_{function}"))[1]
        for function in problem_set.functions
    ]
    assert len(constants) == len(set(constants))


@pytest.mark.parametrize(("problem_set", "function"), FUNCTIONS)
def test_test_cell_is_data_only(problem_set: Master, function: str):
    broken = not_data_only(problem_set.source(f"test_{function}"), set(problem_set.functions))
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("assert isinstance(attend(1), Tensor)", "isinstance"),
        ("attend.__code__.co_code", "__code__"),
        ("np.exp = None", "assigns to an attribute"),
        ("globals()['attend']", "globals"),
        ("import inspect", "inspect"),
        ("_call = attend", "attend is not called"),
        ("list(map(attend, [1]))", "attend is not called"),
        ("checks.check_close(attend(1), 1)\n1.0", "may show a result"),
        ("weights = attend(1)", "weights"),
        ("for row in attend(1):\n    pass", "row"),
    ],
)
def test_what_is_not_data_only_is_found(source: str, says: str):
    assert says in "\n".join(not_data_only(source, {"attend"}))


def not_data_only(source: str, functions: set[str]) -> list[str]:
    """Return what in a test cell is more than plain data in and plain data out, or touches a student's names."""
    tree = ast.parse(source)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in NOT_DATA:
                found.append(f"uses {name}")
            case ast.Name(id=name) if name in functions and node not in called:
                found.append(f"{name} is not called: a student's function is called with data and nothing else")
            case ast.Attribute(attr=name) if name.startswith("_"):
                found.append(f"reads the private attribute {name}")
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()):
                found.append(f"assigns to an attribute: {name}")
            case ast.Import(names=names):
                found += [f"imports {name.name}" for name in names if name.name.split(".")[0] not in TEST_IMPORTS]
            case ast.ImportFrom(module=module) if module.split(".")[0] not in TEST_IMPORTS:
                found.append(f"imports {module}")
            case ast.Global() | ast.Nonlocal() | ast.ClassDef() | ast.Delete() | ast.Try():
                found.append(f"has a {type(node).__name__}")
    for node in tree.body:
        shows = isinstance(node, ast.Expr) and not ast.unparse(node).startswith("checks.check_")
        if shows:
            found.append(f"may show a result, which nbgrader takes for points: {ast.unparse(node)}")
    kept = {name for name in _assigned(tree) if not name.startswith("_")}
    return found + [f"overwrites the name {name}, which may be a student's" for name in sorted(kept)]


def _assigned(tree: ast.Module) -> set[str]:
    """Return the names that a cell leaves behind; those inside functions and comprehensions stay there."""
    names, open_nodes = set(), list(tree.body)
    inner = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif not isinstance(node, inner):
            open_nodes += ast.iter_child_nodes(node)
    return names


def _is_graded(cell: NotebookNode) -> bool:
    return cell.metadata.get("nbgrader", {}).get("grade", False)
