"""attnlib: attention, from weighted sums to Transformers.

The package behind the book *Attention from the Ground Up*, one module a chapter. Each idea is first a pure function
of arrays, for NumPy arrays and torch tensors alike. Shapes are (..., query, dim), batch first; masks are boolean,
True = may be attended to.

>>> from attnlib.softmax import softmax
>>> from attnlib.weighted_sum import weighted_sum
"""

from importlib.metadata import version

from attnlib.runtime import device, scale

__version__ = version("attnlib")

__all__ = ["__version__", "device", "scale"]
