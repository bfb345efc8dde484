# SPDX-License-Identifier: MIT
"""Arrow streams of the other byte order, which no library writes on a machine of this one."""
import numpy as np
import pyarrow as pa

import arrow_flat as flat
from arrow_bad import Parts


def widths(f):
    """Of each buffer that the field has, how wide its numbers are; 1: nothing to turn round."""
    t = f["type"]["is"]
    if f["dictionary"]:
        return [1, f["dictionary"]["index"]["bits"] // 8]
    if t == "int":
        return [1, f["type"]["bits"] // 8]
    one = {"null": [], "run_end": [], "struct": [1], "fixed_list": [1], "bool": [1, 1], "fixed_binary": [1, 1], "utf8": [1, 4, 1], "binary": [1, 4, 1],
           "large_utf8": [1, 8, 1], "large_binary": [1, 8, 1], "list": [1, 4], "map": [1, 4], "large_list": [1, 8], "list_view": [1, 4, 4], "large_list_view": [1, 8, 8],
           "timestamp": [1, 8], "duration": [1, 8]}
    if t in one:
        return one[t]
    if t == "union":
        return [1, 4] if f["type"]["mode"] else [1]
    if t == "interval":
        return [1, [4, 4, (4, 4, 8)][f["type"]["unit"]]]
    return [1, {"float": [2, 4, 8][f["type"].get("precision", 0)] if t == "float" else 0, "date": 4 if f["type"].get("unit") == 0 else 8,
                "time": f["type"].get("bits", 0) // 8, "decimal": f["type"].get("bits", 0) // 8}[t]]


def turned(data, width):
    if width == 1:
        return data
    parts = width if isinstance(width, tuple) else (width,)
    whole = len(data) // sum(parts) * sum(parts)
    v = np.frombuffer(data[:whole], np.uint8).reshape(-1, sum(parts))
    at = np.cumsum([0, *parts])
    return np.concatenate([v[:, a:b][:, ::-1] for a, b in zip(at, at[1:])], axis=1).tobytes() + data[whole:]


def big_endian(data, legacy=False):
    """A stream of the other byte order, as a big-endian machine writes it; which pyarrow must read as the same table."""
    p = Parts(data)
    ids = {f["dictionary"]["id"]: dict(f, dictionary=None) for f in flat.walk(p.schema["fields"]) if f["dictionary"]}
    for x in p.parts:
        fields = p.schema["fields"] if x.kind == flat.BATCH else [ids[x.id]]
        for k, width in enumerate(w for f in flat.walk(fields) for w in widths(f)):
            v = x.buffer(k)
            v[:] = turned(bytes(v), width)
    p.schema["big"] = True
    out = p.stream(legacy=legacy)
    with pa.ipc.open_stream(data) as a, pa.ipc.open_stream(out) as b:
        a, b = a.read_all(), b.read_all()
        assert a.equals(b) or repr(a.to_pylist()) == repr(b.to_pylist())    # NaN is not NaN
    return out
