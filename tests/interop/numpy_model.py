# SPDX-License-Identifier: MIT
"""What is shown of a NumPy array."""
import sys

import numpy as np

ORDERS = {"<": "little", ">": "big", "=": sys.byteorder}


def dtype_of(dtype):
    """Our name for it."""
    if dtype.kind in "SV":
        return f"{dtype.kind}{dtype.itemsize}"
    if dtype.kind == "U":
        return f"U{dtype.itemsize // 4}"
    if dtype.itemsize == 16 and dtype.kind == "f":
        return "V16"
    if dtype.kind in "Mm":
        unit, step = np.datetime_data(dtype)
        if unit in ("s", "ms", "us", "ns") and step == 1:
            return {"M": "timestamp", "m": "duration"}[dtype.kind] + f"[{unit}]"
        name = {"M": "datetime64", "m": "timedelta64"}[dtype.kind]
        return name if unit == "generic" else f"{name}[{unit}]" if step == 1 else f"{name}[{step}{unit}]"
    return dtype.newbyteorder("=").name


def leaves(path, array, fortran, own=False):
    """What is to be shown of it: (path, dtype, byteorder, shape, order, bytes).  NumPy takes what has no name for void;
    the byteorder that such numbers have in the file is asked for where they are made."""
    if array.dtype.names is not None:
        for name in array.dtype.names:
            field = array.dtype.fields[name][0]
            yield from leaves(f"{path}/{name}", array[name], fortran, own or field.shape != ())
        return
    as_f = fortran and not own
    order = array.dtype.byteorder if array.dtype.kind in "iufcMmU" else "|"
    yield (path, dtype_of(array.dtype), ORDERS.get(order), list(array.shape), "F" if as_f else "C", array.tobytes("F" if as_f else "C"))


def expected(path, array):
    return leaves(path, array, array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous)
