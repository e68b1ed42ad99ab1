"""Python's parser, for one thread at a time.

In Python 3.11 and 3.12 threads that build syntax trees at once can be told ``SystemError: AST constructor recursion
depth mismatch``: they share one counter (python/cpython, issue 106905).
"""

import ast
import threading

_one = threading.RLock()  # again in the same thread, if the garbage collector runs something that parses


def parse(source: str) -> ast.Module:
    """Return the syntax tree of a source, as :func:`ast.parse` does.

    Raises
    ------
    SyntaxError
        If the source isn't Python.
    """
    with _one:
        return ast.parse(source)
