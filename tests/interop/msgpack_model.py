# SPDX-License-Identifier: MIT
"""What is to be shown of MessagePack's values, by the rules of docs/formats/msgpack.md, and documents
made at random.  Written from the rules, on whole lists in memory."""
import datetime
import json
import struct

import msgpack
import numpy as np

I64, U64 = 1 << 63, 1 << 64


class F32(float):
    """A float that is packed as one of 32 bits."""


class Other(Exception):
    """A list that is no array."""


# --- packing ------------------------------------------------------------------------------

def pack(value, default=None):
    """As msgpack does, but for F32 and keys that come twice (a list of pairs)."""
    p = msgpack.Packer(default=default)
    if isinstance(value, F32):
        return msgpack.Packer(use_single_float=True).pack(float(value))
    if isinstance(value, dict):
        return p.pack_map_header(len(value)) + b"".join(pack(k) + pack(v, default) for k, v in value.items())
    if isinstance(value, list):
        return p.pack_array_header(len(value)) + b"".join(pack(v, default) for v in value)
    return p.pack(value)


# --- columns ---------------------------------------------------------------------------------

def kind_of(v):
    for kind, type_ in (("null", type(None)), ("bool", bool), ("int", int), ("f32", F32), ("f64", float), ("string", str), ("bytes", bytes),
                        ("list", list), ("struct", dict)):
        if isinstance(v, type_):
            return kind
    if isinstance(v, msgpack.Timestamp):
        return "time" if -I64 <= v.to_unix_nano() < I64 else "ext-1"
    return f"ext{v.code}" if isinstance(v, msgpack.ExtType) else "other"


def join(values):
    kinds = {kind_of(v) for v in values} - {"null"}
    ints = [v for v in values if kind_of(v) == "int"]
    if kinds == {"int"}:
        return "int64" if max(ints) < I64 else "uint64" if min(ints) >= 0 else "mixed"
    if kinds == {"f32"}:
        return "float32"
    if kinds and kinds <= {"int", "f32", "f64"}:
        return "float64" if all(int(float(i)) == i for i in ints) else "mixed"
    if kinds == {"time", "ext-1"}:
        return "ext-1"
    return "null" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"


def bytes_of(v):
    if isinstance(v, msgpack.Timestamp):
        return v.to_bytes()
    return v.data if isinstance(v, msgpack.ExtType) else v.encode() if isinstance(v, str) else v


FIXED = {"bool": "?", "int64": "<i8", "uint64": "<u8", "float32": "<f4", "float64": "<f8", "time": "<i8"}


class Files(dict):
    """path: (dtype, shape, bytes); the bytes of a directory are None, those of mixed values a list of these."""

    def add(self, path, dtype, shape, data=None):
        assert path not in self, path
        self[path] = (dtype, None if shape is None else list(shape), data)

    def offsets(self, path, lengths):
        ends = np.concatenate([[0], np.cumsum(np.array(lengths, "i8"))]).astype("<i8")
        self.add(f"{path}/offsets", "int64", ends.shape, ends.tobytes())

    def column(self, path, values, valid, shape=None):
        """valid: of which the slots' own parent is not null."""
        n = len(values)
        shape = [n] if shape is None else shape
        type_ = join(values)
        there = [v for v in values if v is not None]
        if type_ in FIXED:
            raw = [0 if v is None else v.to_unix_nano() if type_ == "time" else v for v in values]
            self.add(path, "timestamp[ns]" if type_ == "time" else type_, shape, np.array(raw, FIXED[type_]).tobytes())
        elif type_ == "null":
            self.add(path, "null", shape, b"")
        elif type_ == "mixed":
            self.add(path, "string", shape)
            self.add(f"{path}/offsets", "int64", [n + 1], "mixed")
            self.add(f"{path}/values", "uint8", None, [None if v is None else v for v in values])
        elif type_ in ("string", "bytes") or type_.startswith("ext"):
            raw = [b"" if v is None else bytes_of(v) for v in values]
            self.add(path, "string" if type_ == "string" else "bytes", shape)
            self.offsets(path, [len(b) for b in raw])
            self.add(f"{path}/values", "uint8", [sum(map(len, raw))], b"".join(raw))
        elif type_ == "list":
            self.add(path, "list", shape)
            self.offsets(path, [len(v or []) for v in values])
            inner = [e for v in there for e in v]
            self.column(f"{path}/values", inner, [True] * len(inner))
        else:
            self.add(path, "struct", shape)
            self.fields(path + "/" if path else "", values)
        if type_ != "null" and any(v is None and ok for v, ok in zip(values, valid)):
            self.add(f"{path}.validity", "bool", shape, bytes(v is not None for v in values))

    def fields(self, before, values):
        names = list(dict.fromkeys(k for v in values if v is not None for k in v))
        for name in names:
            self.column(before + named(name), [None if v is None else v.get(name) for v in values], [v is not None for v in values])

    # --- documents ------------------------------------------------------------------------------

    def leaf(self, path, v):
        kind = kind_of(v)
        if kind == "int":
            kind = "int64" if v < I64 else "uint64"
        kind = {"f32": "float32", "f64": "float64"}.get(kind, kind)
        if kind in FIXED:
            raw = v.to_unix_nano() if kind == "time" else v
            self.add(path, "timestamp[ns]" if kind == "time" else kind, [], np.array(raw, FIXED[kind]).tobytes())
        elif kind == "null":
            self.add(path, "null", [], b"")
        elif kind == "string":
            self.add(path, f"S{len(v.encode())}", [], v.encode())
        elif kind == "bytes" or kind.startswith("ext"):
            self.add(path, "uint8", [len(bytes_of(v))], bytes_of(v))
        else:
            self.add(path, "complex128", [], np.array(v, "<c16").tobytes())

    def list(self, path, values):
        shape, inner = [len(values)], values
        level = values
        while level and join(level) == "list":     # down to what lists of lists hold
            level = [e for v in level if v is not None for e in v]
        if join(level) == "mixed" or any(holds_array(v) for v in values):
            for i, v in enumerate(values):
                self.value(f"{path}/{i}", v)
            return
        while inner and join(inner) == "list" and None not in inner and len({len(v) for v in inner}) == 1:
            shape.append(len(inner[0]))
            inner = [e for v in inner for e in v]
        if join(inner) in ("list", "struct"):
            self.column(path, values, [True] * len(values))
        else:
            self.column(path, inner, [True] * len(inner), shape)

    def value(self, path, v):
        if isinstance(v, (np.ndarray, np.generic)):
            from ndarrays import expected
            for p, dtype, _, shape, _, data in expected(path, np.ascontiguousarray(v).reshape(v.shape)):
                self.add(p, dtype, shape, data)
        elif isinstance(v, dict):
            for k, inner in v.items():
                self.value((path + "/" if path else "") + named(k), inner)
        elif isinstance(v, list):
            self.list(path, v)
        else:
            self.leaf(path, v)


def named(key):
    return key if isinstance(key, str) else key.decode() if isinstance(key, bytes) else json.dumps(key)


def holds_array(v):
    if isinstance(v, (list, dict)):
        return any(map(holds_array, v.values() if isinstance(v, dict) else v))
    return isinstance(v, (np.ndarray, np.generic))


def as_json(v):
    """What the text of a mixed value reads back as."""
    import base64
    if isinstance(v, dict):
        return {named(k): as_json(x) for k, x in v.items()}
    if isinstance(v, list):
        return [as_json(x) for x in v]
    if isinstance(v, msgpack.Timestamp):
        when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=v.seconds)
        return when.strftime("%Y").zfill(4) + when.strftime("-%m-%dT%H:%M:%S") + f".{v.nanoseconds:09}Z"
    if isinstance(v, (bytes, msgpack.ExtType)):
        return base64.b64encode(bytes_of(v)).decode()
    if isinstance(v, float) and v - v != 0:
        return "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"
    return float(str(np.float32(v))) if isinstance(v, F32) else v


# --- at random -----------------------------------------------------------------------------------

def f32(v):
    return F32(struct.unpack("<f", struct.pack("<f", v))[0])


INTS = [0, 1, -1, 127, 128, -32, -33, 255, 256, -129, 65536, 2**31, -2**31 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -2**63]
FLOATS = [0.0, -0.0, 1.5, 0.1, 1e300, float("inf"), float("nan")]


def scalar(rng, kind):
    if kind == "int":
        return rng.choice(INTS) if rng.random() < 0.3 else rng.randrange(-100, 1000)
    if kind == "f64":
        return rng.choice(FLOATS)
    if kind == "f32":
        return f32(rng.choice([0.0, 1.5, 0.1, float("inf")]))
    if kind == "string":
        return rng.choice(["", "a", "\u00e4\u20ac", "x" * 40, "y" * 300, "NaN", "\"\\\n"])
    if kind == "bytes":
        return rng.randbytes(rng.choice([0, 1, 5, 300]))
    if kind == "time":
        return msgpack.Timestamp(rng.choice([0, 1, -1, 1 << 33, 1 << 37]), rng.choice([0, 1, 999999999]))
    if kind == "ext":
        return msgpack.ExtType(rng.choice([5, 5, 5, 100]), rng.randbytes(rng.choice([0, 1, 2, 4, 8, 16, 17])))
    return rng.random() < 0.5


SCALARS = ["int", "f64", "f32", "string", "bytes", "time", "ext", "bool"]


def value(rng, depth=0):
    r = rng.random()
    if depth < 4 and r < 0.2:
        return {rng.choice("abcdefgh") + rng.choice(["", "1", "_x"]): value(rng, depth + 1) for _ in range(rng.randrange(0, 5))}
    if depth < 4 and r < 0.5:
        return a_list(rng, depth)
    return None if r > 0.95 else scalar(rng, rng.choice(SCALARS))


def a_list(rng, depth):
    n = rng.choice([0, 1, 2, 3, 7, 40])
    r = rng.random()
    kinds = rng.sample(SCALARS, 1 if rng.random() < 0.8 else 2)
    nulls = rng.choice([0, 0, 0.2])

    def one():
        return None if rng.random() < nulls else scalar(rng, rng.choice(kinds))
    if r < 0.4:
        return [one() for _ in range(n)]
    if r < 0.6:      # lists of lists
        width = rng.choice([None, None, 0, 1, 3])
        return [None if rng.random() < nulls / 4 else [one() for _ in range(rng.randrange(4) if width is None else width)] for _ in range(n)]
    if r < 0.8:
        return [record(rng, depth + 1) for _ in range(n)]
    return [value(rng, depth + 1) for _ in range(min(n, 7))]


def record(rng, depth=1):
    kinds = {"a": "int", "b": "f64", "c": "string", "d": "bool", "e": "time", "f": "f32", "g": "bytes", "h": "ext"}
    r = {}
    for name in rng.sample("abcdefghijkl", rng.randrange(0, 9)):
        if rng.random() < 0.1:
            r[name] = None
        elif name in kinds:
            r[name] = scalar(rng, kinds[name] if rng.random() < 0.97 else rng.choice(SCALARS))
        elif name in "ij":
            r[name] = [None if rng.random() < 0.1 else scalar(rng, "int" if name == "i" else "string") for _ in range(rng.randrange(4))]
        elif depth < 3:
            r[name] = record(rng, depth + 1) if name == "k" else [record(rng, depth + 1) for _ in range(rng.randrange(3))]
    return r
