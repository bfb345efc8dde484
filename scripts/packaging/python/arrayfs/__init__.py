# SPDX-License-Identifier: MIT
"""Archives of arrays (safetensors, PyTorch, Parquet, HDF5, NumPy, GGUF ...) as NumPy arrays.

    import arrayfs

    model = arrayfs.open("model.safetensors")
    model                                  # its tree
    weight = model["lm_head.weight"]       # mapped, not read: a read-only numpy.memmap
    weight.torch()                         # the same memory as a tensor

    with arrayfs.mount("model.safetensors") as path:
        ...                                # a folder, with a plain file for each array

The program `arrayfs` does the work: $ARRAYFS names it, else it is the one that was installed
with this package, else the one in the search path.
"""
from ._archive import Archive, open
from ._arrays import Array
from ._mount import mount
from ._program import Error, MissingError, version

for _public in (Archive, Array, Error, MissingError):
    _public.__module__ = __name__  # where people find it

__all__ = ["Archive", "Array", "Error", "MissingError", "mount", "open", "version"]
