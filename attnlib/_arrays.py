"""Which array library a call is in, and checks of what came: shared by the functional core.

Every check raises before anything is computed, with what was expected and what came.
"""

from types import ModuleType

import array_api_compat
import array_api_compat.torch as torch_namespace
import numpy as np
import torch

Array = np.ndarray | torch.Tensor
TENSOR_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def namespace(**arrays: Array | None) -> ModuleType:
    """Return the array-API namespace that all the given arrays share; a mask of None is passed over.

    Raises
    ------
    TypeError
        If one is neither a NumPy array nor a torch tensor, if it is a masked array or a matrix, whose rules
        differ, or if the two kinds are mixed.
    """
    given = {name: array for name, array in arrays.items() if array is not None or name != "mask"}
    for name, array in given.items():
        if not isinstance(array, np.ndarray | np.generic | torch.Tensor):
            raise TypeError(f"{name} must be a NumPy array or a torch tensor, got {type(array).__name__}")
        _refuse_subclass(name, array)
    tensors = [name for name, array in given.items() if isinstance(array, torch.Tensor)]
    if tensors and len(tensors) < len(given):
        other = next(name for name in given if name not in tensors)
        raise TypeError(
            f"{tensors[0]} is a torch tensor but {other} is a NumPy array; "
            "convert one of them with torch.from_numpy or tensor.numpy()"
        )
    if tensors:
        return torch_namespace  # what array_namespace finds for tensors, without the search
    return array_api_compat.array_namespace(*given.values())


def require_floating(**arrays: Array) -> None:
    """Raise TypeError unless every array holds real floating-point numbers."""
    for name, array in arrays.items():
        if not _is_real_floating(array):
            raise TypeError(
                f"{name} must hold floating-point numbers, got dtype {dtype_name(array)}; "
                f"convert it first, for example to float32"
            )


def require_integer(**arrays: Array) -> None:
    """Raise TypeError unless every array holds integers."""
    for name, array in arrays.items():
        xp = namespace(**{name: array})
        if not xp.isdtype(array.dtype, "integral"):
            raise TypeError(f"{name} must hold integers, got dtype {dtype_name(array)}")


def require_mask(mask: Array | None, shape: tuple[int, ...], target: str = "scores") -> None:
    """Raise unless ``mask`` is boolean and broadcasts to ``shape`` without enlarging it."""
    if mask is None:
        return
    require_boolean(mask=mask)
    if not broadcasts_to(tuple(mask.shape), shape):
        raise ValueError(f"mask has shape {tuple(mask.shape)}, which does not broadcast to {target} of shape {shape}")


def require_boolean(**arrays: Array) -> None:
    """Raise TypeError unless every array is boolean."""
    for name, array in arrays.items():
        if array.dtype not in (np.dtype(bool), torch.bool):
            raise TypeError(
                f"{name} must be boolean (True = may be attended to), got dtype {dtype_name(array)}; "
                "turn 1/0 into True/False with a comparison such as `mask == 1`"
            )


def require_ndim(name: str, array: Array, layout: str) -> None:
    """Raise ValueError unless ``array`` has at least the named trailing axes of ``layout``."""
    least = layout.count(",")
    if array.ndim < least:
        cure = f"; for one number a row write {name}[:, None], for one row {name}[None, :]" if array.ndim == 1 else ""
        raise ValueError(f"{name} must have shape {layout}, got {tuple(array.shape)}{cure}")


def require_shape(name: str, array: Array, **sizes: int) -> None:
    """Raise ValueError unless ``array`` has exactly the named sizes, in this order."""
    if tuple(array.shape) != tuple(sizes.values()):
        layout = ", ".join(sizes) + ("," if len(sizes) == 1 else "")
        wanted = tuple(sizes.values())
        raise ValueError(f"{name} must have shape ({layout}) = {wanted}, got {tuple(array.shape)}")


def require_same_dim(query: Array, key: Array) -> None:
    """Raise ValueError unless queries and keys have the same width, of at least 1."""
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"key has dim {key.shape[-1]} but query has dim {query.shape[-1]}")
    if query.shape[-1] == 0:
        raise ValueError("query and key have dim 0: there is nothing to compare")


def require_dim(name: str, array: Array, dim: int, taker: str) -> None:
    """Raise ValueError unless the last axis of ``array`` has the width that ``taker`` takes."""
    if array.shape[-1] != dim:
        raise ValueError(f"{name} has dim {array.shape[-1]} but {taker} takes {dim}")


def require_same_length(key: Array, value: Array) -> None:
    """Raise ValueError unless there are as many keys as values."""
    if key.shape[-2] != value.shape[-2]:
        came = f"key has shape {tuple(key.shape)} and value {tuple(value.shape)}"
        raise ValueError(f"there are {key.shape[-2]} keys but {value.shape[-2]} values: {came}")


def broadcast_batch(**batches: tuple[int, ...]) -> tuple[int, ...]:
    """Return the common shape of leading dimensions, or raise ValueError that names them all."""
    first, *others = batches.values()
    if all(other == first for other in others):
        return first
    try:
        return np.broadcast_shapes(*batches.values())
    except ValueError:
        came = " and ".join(f"{name} has {tuple(batch)}" for name, batch in batches.items())
        raise ValueError(f"leading dimensions must broadcast: {came}") from None


def broadcasts_to(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Tell whether ``shape`` broadcasts to exactly ``target``."""
    if len(shape) > len(target):
        return False
    return all(have in (1, want) for have, want in zip(shape[::-1], target[::-1], strict=False))


def resolve_axis(axis: int, array: Array, name: str = "scores") -> int:
    """Return ``axis`` counted from the front, or raise TypeError or ValueError."""
    if not is_integer(axis):
        raise TypeError(f"axis must be an integer, got {type(axis).__name__}")
    index = int(axis)
    if not -array.ndim <= index < array.ndim:
        raise ValueError(f"axis {index} is out of range for {name} of shape {tuple(array.shape)}")
    return index % array.ndim


def require_integers(**numbers: int) -> None:
    """Raise TypeError unless every number is an integer."""
    for name, number in numbers.items():
        if not is_integer(number):
            raise TypeError(f"{name} must be an integer, got {type(number).__name__}")


def require_count(**numbers: int) -> None:
    """Raise unless every number is an integer that is not negative."""
    require_integers(**numbers)
    for name, number in numbers.items():
        if number < 0:
            raise ValueError(f"{name} must not be negative, got {number}")


def require_sizes(**sizes: int) -> None:
    """Raise unless every size is an integer of at least 1."""
    require_integers(**sizes)
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def require_positive(name: str, number: float) -> None:
    """Raise unless ``number`` is a finite real number above zero."""
    if isinstance(number, bool) or not isinstance(number, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {type(number).__name__}")
    if not 0 < number < float("inf"):
        raise ValueError(f"{name} must be a positive finite number, got {number}")


def require_dropout(dropout_p: float) -> None:
    """Raise unless ``dropout_p`` is a number from 0 to below 1."""
    if isinstance(dropout_p, bool) or not isinstance(dropout_p, int | float | np.integer | np.floating):
        raise TypeError(f"dropout_p must be a number, got {type(dropout_p).__name__}")
    if not 0 <= dropout_p < 1:
        raise ValueError(f"dropout_p must be at least 0 and below 1, got {dropout_p}")


def is_integer(number) -> bool:
    """Tell whether ``number`` is an int of Python's or NumPy's; True and False are none."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def accumulation_dtype(xp: ModuleType, *arrays: Array):
    """Return the dtype to compute in: the arrays' common one, but at least float32."""
    return xp.result_type(*(array.dtype for array in arrays), xp.float32)


def in_range(xp: ModuleType, number: float, dtype) -> float:
    """Return a positive number, moved to the nearest one that ``dtype`` can divide by: neither 0 nor infinite."""
    limits = xp.finfo(dtype)
    return float(min(max(number, float(limits.smallest_normal)), float(limits.max)))


def constant(array: Array) -> Array:
    """Return ``array`` cut off from the gradient; a NumPy array has none and comes back as it is."""
    return array.detach() if isinstance(array, torch.Tensor) else array


def dtype_name(array: Array) -> str:
    """Return the dtype's short name, the same for both libraries: ``float32``, ``bool``."""
    return str(array.dtype).removeprefix("torch.")


def _is_real_floating(array: Array) -> bool:
    if isinstance(array, torch.Tensor):
        return array.dtype in TENSOR_FLOATS
    return array.dtype in (np.float16, np.float32, np.float64)


def _refuse_subclass(name: str, array: Array) -> None:
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a NumPy masked array, whose own mask says the opposite of ours (True = left out); "
            "pass array.data, and ~array.mask as the mask"
        )
    if isinstance(array, np.matrix):
        raise TypeError(f"{name} is an np.matrix, whose `*` is a matrix product; pass np.asarray({name})")


def require_first_derivative(cure: str) -> None:
    """Raise RuntimeError in a backward pass that is to be differentiated itself (create_graph=True).

    torch.autograd.function.once_differentiable raises too late or, where the loss is linear, never: a second
    derivative then comes out as zero.
    """
    if torch.is_grad_enabled():
        raise RuntimeError(f"this code can be differentiated once; for second derivatives {cure}")


def in_transform() -> bool:
    """Tell whether a transform of torch.func (vmap, grad, jacrev, ...) is at work."""
    # torch has no public way to ask; torch.autograd.Function asks in this one.
    return torch._C._are_functorch_transforms_active()
