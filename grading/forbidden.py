"""What an exercise asks for, PyTorch often has ready-made: in the student's process it isn't there.

A master's metadata say what a problem set does not allow, as names in PyTorch (with ``*`` for any letters) and as
whole libraries::

    not_allowed:
      torch: [scaled_dot_product_attention, MultiheadAttention]
      modules: [scipy]

In the process that reads the answers each such function, class and method, wherever PyTorch keeps it, is replaced by
one that says so when it is used. This stops a call of the ready-made function, also by a longer way. It doesn't stop
someone who types the function in: no program can tell that from an answer.
"""

import ctypes
import fnmatch
import gc
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

METADATA = "not_allowed"
_KINDS = ("torch", "modules")
# By these a function can be had without its name's being looked up in Python.
_COMPILERS = (
    "CompilationUnit",
    "parse_ir",
    "script",
    "trace",
    "_jit_script_compile",
    "_dispatch_get_computed_kernel_for_dispatch_key",
)


class NotAllowedError(Exception):
    """The problem set doesn't allow this function."""


def not_allowed(master: Any) -> dict[str, list[str]]:
    """Return what a master doesn't allow: names in ``torch``, and ``modules``.

    Raises
    ------
    ValueError
        If its metadata say something else.
    """
    said = master.metadata.get(METADATA, {})
    lists = said.values() if isinstance(said, dict) else ()
    if not isinstance(said, dict) or not set(said) <= set(_KINDS) or not all(_is_names(each) for each in lists):
        raise ValueError(f"{METADATA} in a master's metadata must hold lists of names under {_KINDS}, got {said!r}")
    return {kind: list(said.get(kind, [])) for kind in _KINDS}


def _is_names(each: object) -> bool:
    return isinstance(each, list) and all(isinstance(name, str) and name for name in each)


def take_away(names: list[str], modules: list[str]) -> int:
    """Replace what isn't allowed in this process, for good; return how many things that were.

    Parameters
    ----------
    names : list of str
        What PyTorch calls it, as ``softmax`` or ``*MultiheadAttention*``, in lower or upper case as it stands there.
    modules : list of str
        Libraries that can't be imported any more.
    """
    if modules:
        _take_modules(set(modules))
    if not names:
        return 0
    is_meant = re.compile("|".join(fnmatch.translate(name) for name in names)).match
    torch = importlib.import_module("torch")
    found = list(_places(torch, is_meant))
    for owner, name, thing in found:
        _put(owner, name, _instead(name, thing))
    _take_operators(torch, is_meant)
    return len(found)


class _Refusing(MetaPathFinder):
    """Finds libraries that aren't allowed, before anything else does, and says so."""

    def __init__(self, names: set[str]):
        self.names = names

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"this problem set doesn't allow the library {fullname.partition('.')[0]}")


def _take_modules(names: set[str]) -> None:
    for loaded in [each for each in sys.modules if each.partition(".")[0] in names]:
        del sys.modules[loaded]
    sys.meta_path.insert(0, _Refusing(names))


def _places(torch: ModuleType, is_meant: Callable[[str], Any]) -> Iterator[tuple[Any, str, Any]]:
    """Yield where PyTorch keeps what is meant: module or class, name, and the thing itself."""
    modules = [module for name, module in list(sys.modules.items()) if f"{name}.".startswith("torch.")]
    classes = [*torch.Tensor.__mro__[:-1], type(torch._C._VariableFunctions)]
    owners = [owner for owner in (*modules, *_inner(torch._C), *classes) if hasattr(owner, "__dict__")]
    # A name stands in many modules, and is looked at once.
    meant = {name for name in set().union(*(vars(owner) for owner in owners)) if is_meant(name)}
    for owner in owners:
        wanted = meant | set(_COMPILERS) if owner in (torch.jit, torch._C) else meant
        for name in wanted & vars(owner).keys():
            thing = getattr(owner, name)
            if callable(thing) and not isinstance(thing, ModuleType):
                yield owner, name, thing


def _inner(module: ModuleType) -> list[ModuleType]:
    """Return the modules of compiled code, which are not all among those that were imported."""
    return [each for each in vars(module).values() if isinstance(each, ModuleType)]


def _put(owner: Any, name: str, thing: Any) -> None:
    try:
        setattr(owner, name, thing)
    except TypeError:  # a class of compiled code: its own dictionary can be reached all the same
        gc.get_referents(owner.__dict__)[0][name] = thing
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))


def _instead(name: str, thing: Any) -> Any:
    def refuse(*arguments: Any, **keywords: Any) -> None:
        _refuse(name)

    if isinstance(thing, type):
        return type(name, (), {"__new__": refuse, "__init_subclass__": refuse})
    refuse.__name__ = refuse.__qualname__ = name
    return refuse


def _refuse(name: str) -> None:
    raise NotAllowedError(f"This problem set doesn't allow PyTorch's `{name}`: write it yourself.")


def _take_operators(torch: ModuleType, is_meant: Callable[[str], Any]) -> None:
    """Have the operators of ``torch.ops`` stay what they are, but for a call: much of PyTorch looks at them."""
    for name in ("_jit_get_operation", "_get_operation_overload"):
        setattr(torch._C, name, _refusing(getattr(torch._C, name), is_meant))
    spaces = [space for space in vars(torch.ops).values() if isinstance(space, torch._ops._OpNamespace)]
    for packet in [each for space in spaces for each in vars(space).values() if hasattr(each, "_op")]:
        name = packet._qualified_op_name.rpartition("::")[2]
        if is_meant(name):
            for each in (packet, *(each for each in vars(packet).values() if hasattr(each, "_op"))):
                each._op = _Operator(name, each._op)


class _Operator:
    """In an operator's place, with its hash, by which PyTorch's tables know it."""

    def __init__(self, name: str, operator: Any):
        self._name, self._hash = name, hash(operator)

    def __hash__(self) -> int:
        return self._hash

    def __call__(self, *arguments: Any, **keywords: Any) -> None:
        _refuse(self._name)


def _refusing(look_up: Callable, is_meant: Callable[[str], Any]) -> Callable:
    """Return what looks an operator up, and finds one that refuses where it is meant."""

    def found(qualified: str, *more: Any) -> Any:
        name, found = qualified.rpartition("::")[2], look_up(qualified, *more)
        if not is_meant(name) or not isinstance(found, tuple):
            return found
        return tuple(_Operator(name, part) if callable(part) else part for part in found)

    return found
