# SPDX-License-Identifier: MIT
"""What is to be shown of NumPy's arrays, wherever they are, and arrays made at random."""
import sys

import numpy as np

from tap import arrayfs, listed

SOUND = ["<i1", "<i2", ">i4", "<i8", "<u1", ">u2", "<u4", "<u8", "?", "<f2", ">f4", "<f8", "<c8", ">c16", "S1", "S7", "<U1", ">U5",
         "V1", "V2", "V9", "<M8[D]", "<M8[ns]", ">M8[s]", "<m8[h]", "<m8[us]", "<M8[25s]", "<M8", "<f16"]
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


def compare(source, wanted):
    told = {o["path"]: o for o in listed(source)}
    wanted = list(wanted)
    names = [w[0] for w in wanted]
    assert sorted(n for n in told if n in names) == sorted(names), f"{list(told)} for {names}"
    for path, dtype, order, shape, by, data in wanted:
        o = told[path]
        assert (o.get("dtype"), o.get("shape"), o.get("size")) == (dtype, shape, len(data)), f"{path}: {o} for {dtype} {shape} {len(data)}"
        if o["type"][0] != "<" or o["dtype"] != "V2":
            assert o.get("byteorder") == order, f"{path}: {o.get('byteorder')} for {order}"
        assert (o.get("order") or "C") == by, f"{path}: {o.get('order')} for {by}"
        assert arrayfs("--cat", source, path).stdout == data, f"{path}: bytes differ"


def random_dtype(rng, depth=0):
    if depth < 3 and rng.random() < 0.35:
        fields = []
        for i in range(rng.randrange(1, 5)):
            shape = tuple(rng.randrange(0, 4) for _ in range(rng.randrange(0, 3))) if rng.random() < 0.3 else ()
            fields.append((f"f{i}", random_dtype(rng, depth + 1), shape))
        return np.dtype(fields, align=rng.random() < 0.3)
    return np.dtype(rng.choice(SOUND))


def random_array(rng, dtype):
    shape = tuple(rng.choice([0, 1, 1, 2, 3, 5, 17]) for _ in range(rng.randrange(0, 4)))
    n = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = rng.randbytes(n) if dtype.kind not in "U" else bytes(n)
    a = np.frombuffer(raw, np.uint8).view(dtype).reshape(shape) if n else np.zeros(shape, dtype)
    return np.asfortranarray(a) if rng.random() < 0.4 and a.ndim > 1 else a
