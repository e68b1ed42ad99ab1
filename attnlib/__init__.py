"""attnlib: attention, from weighted sums to Transformers.

The package behind the book *Attention from the Ground Up*, one module a chapter. Each idea is first a pure function
of arrays, for NumPy arrays and torch tensors alike. Shapes are (..., query, dim), batch first; masks are boolean,
True = may be attended to.

>>> import numpy as np
>>> from attnlib.attention import attend
>>> query, key, value = np.array([[9.0, 0.0]]), np.eye(2), np.array([[1.0], [2.0]])
>>> attend(query, key, value).round(2)
array([[1.]])
"""

from importlib.metadata import version

from attnlib.runtime import device, scale

__version__ = version("attnlib")

__all__ = ["__version__", "device", "scale"]
