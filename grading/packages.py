"""Which modules of attnlib an answer can import: those of its problem set's setup cells, and what they stand on.

An exercise asks for what attnlib has. So the student's process sees a copy of the package that holds no more than the
master's own cells import, and the tests' process sees all of it.
"""

import ast
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from grading.parsing import parse

PACKAGE = "attnlib"


def package_directory() -> Path:
    """Return the directory of attnlib itself."""
    return Path(find_spec(PACKAGE).origin).parent


def allowed_modules(master: NotebookNode, package: Path | None = None) -> set[str]:
    """Return the modules of attnlib that the master's setup cells import, with all that these import in turn.

    Names are those of files below the package, as ``softmax`` or ``data.tokens``.
    """
    package = package or package_directory()
    waiting = {"__init__"}
    for cell in master.cells:
        if cell.cell_type == "code" and not is_grade(cell) and not is_solution(cell):
            waiting |= set(_imported(_parsed(cell.source), package))
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        parents = {f"{parent}.__init__" for parent in _parents(name)}
        waiting |= (parents | set(_imported(parse(_file(package, name).read_text()), package))) - found
    return found


def copy_modules(names: set[str], target: Path, package: Path | None = None) -> Path:
    """Copy modules of attnlib to ``target/attnlib``; return the target, to be put on the path."""
    package = package or package_directory()
    for name in names:
        source = _file(package, name)
        copied = target / PACKAGE / source.relative_to(package)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copied)
    return target


def _parsed(source: str) -> ast.Module:
    try:
        return parse(source)
    except SyntaxError:  # a line for IPython, as %pip
        return ast.Module(body=[], type_ignores=[])


def _imported(tree: ast.Module, package: Path) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            within = name.removeprefix(f"{PACKAGE}.")
            if name.startswith(f"{PACKAGE}.") and _file(package, within) is not None:
                yield within if _file(package, within).name != "__init__.py" else f"{within}.__init__"


def _parents(name: str) -> list[str]:
    parts = name.removesuffix(".__init__").split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _file(package: Path, name: str) -> Path | None:
    path = package.joinpath(*name.split("."))
    candidates = (path.with_name(f"{path.name}.py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)
