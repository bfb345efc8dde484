# SPDX-License-Identifier: MIT
"""Tables whose columns differ in types that a dataset widens, and what they are together."""
import numpy as np
import pyarrow as pa

VALUES = {pa.int8(): 100, pa.int16(): -1000, pa.int32(): 1 << 20, pa.int64(): -1 << 40, pa.uint8(): 200, pa.uint16(): 60000,
          pa.uint32(): 1 << 31, pa.uint64(): 1 << 63, pa.float16(): 1.5, pa.float32(): 1e30, pa.float64(): 1e300}
WIDER = {("int8", "int16"): "int16", ("int32", "int64"): "int64", ("uint8", "uint32"): "uint32", ("uint8", "int16"): "int16",
         ("uint32", "int64"): "int64", ("uint32", "int8"): "int64", ("int8", "uint8"): "int16", ("halffloat", "float"): "float",
         ("halffloat", "double"): "double", ("float", "double"): "double", ("uint16", "uint64"): "uint64"}


def pairs():
    """(one table, another, both as one)"""
    kinds = {str(k): k for k in VALUES}
    for (a, b), to in WIDER.items():
        for first, second in ((a, b), (b, a)):
            one, other = (np.array([VALUES[kinds[k]], 0, 3] * 30, kinds[k].to_pandas_dtype()) for k in (first, second))
            x = pa.table({"x": pa.array(one), "l": pa.array([[v, None] for v in one.tolist()], pa.list_(kinds[first]))})
            y = pa.table({"x": pa.array(other), "l": pa.array([[v] for v in other.tolist()], pa.list_(kinds[second]))})
            target = pa.schema([("x", kinds[to]), ("l", pa.list_(kinds[to]))])
            yield x, y, pa.concat_tables([x.cast(target), y.cast(target)])
