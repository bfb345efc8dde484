# SPDX-License-Identifier: MIT
"""Record batches at random, made from raw buffers: of nested types of all kinds, with
anything in the slots of nulls."""
import numpy as np
import pyarrow as pa

SIMPLE = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16(), pa.float32(),
          pa.float64(), pa.bool_(), pa.bool_(), pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"),
          pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Berlin"), pa.duration("s"),
          pa.duration("ns"), pa.month_day_nano_interval(), pa.decimal32(7, 2), pa.decimal64(15, -3), pa.decimal128(30, 10), pa.decimal256(60, 20),
          pa.binary(1), pa.binary(7), pa.binary(16), pa.null(), pa.string(), pa.string(), pa.large_string(), pa.string_view(), pa.binary(),
          pa.large_binary(), pa.binary_view()]
NESTED = ["list", "large_list", "list_view", "large_list_view", "fixed", "struct", "map", "sparse", "dense", "run_end", "dictionary", "dictionary",
          "extension"]
WORDS = ["", "a", "word", "größe", "twelve bytes", "thirteen byte", "a text of more than twelve bytes", "\U0001f600" * 9]
WIDTHS = {"time": 86_000, "timestamp": 1 << 31, "date": 20_000}


class Random:
    """Types and arrays from one seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, of):
        return of[int(self.rng.integers(len(of)))]

    # --- types

    def type(self, depth=0, runs=True):
        """runs: whether run-ends may be in it, which below lists are not comparable."""
        if depth > 3 or self.chance(.35 + .2 * depth):
            return self.pick(SIMPLE)
        kind = self.pick(NESTED)
        inner = lambda r=runs: self.type(depth + 1, r)
        if kind == "run_end":
            return pa.run_end_encoded(self.pick([pa.int16(), pa.int32(), pa.int64()]), inner()) if runs else self.pick(SIMPLE)
        if kind == "dictionary":
            return pa.dictionary(self.pick([pa.int8(), pa.uint8(), pa.int16(), pa.uint32(), pa.int64()]), self.dictionary_values(depth + 1), self.chance(.3))
        if kind == "map":
            return pa.map_(self.pick([pa.string(), pa.int32(), pa.binary(3)]), self.field("value", depth, False))
        if kind in ("list", "large_list", "list_view", "large_list_view"):
            return getattr(pa, kind + "_" * (kind == "list"))(self.field("item", depth, False))
        if kind == "fixed":
            return pa.list_(self.field("item", depth, runs), self.pick([0, 1, 2, 3]))
        if kind == "extension":
            return self.pick([pa.uuid(), pa.bool8(), pa.json_(), pa.fixed_shape_tensor(pa.float32(), [2, 3], permutation=[1, 0]),
                              pa.fixed_shape_tensor(pa.int8(), [2]), pa.opaque(pa.binary(), "thing", "somebody")])
        fields = [self.field("f%d" % k, depth, runs) for k in range(int(self.rng.integers(0 if kind == "struct" else 1, 4)))]
        if kind == "struct":
            return pa.struct(fields)
        ids = [int(i) for i in self.rng.choice(100, len(fields), replace=False)] if self.chance(.5) else list(range(len(fields)))
        return (pa.sparse_union if kind == "sparse" else pa.dense_union)([f.with_nullable(True) for f in fields], ids)

    def dictionary_values(self, depth):
        if self.chance(.7):
            return self.pick([t for t in SIMPLE if not pa.types.is_null(t)])
        t = self.type(depth, False)
        return pa.string() if pa.types.is_null(t) or isinstance(t, pa.BaseExtensionType) or pa.types.is_union(t) or pa.types.is_dictionary(t) else t

    def field(self, name, depth, runs):
        metadata = {"note": "of " + name} if self.chance(.15) else None
        t = self.type(depth + 1, runs)
        return pa.field(name, t, pa.types.is_null(t) or self.chance(.75), metadata)

    # --- arrays

    def validity(self, n, nullable):
        """A bitmap and how many are valid: none, some or all, or no bitmap."""
        if not nullable:
            return None
        p = self.pick([0, .2, .2, .5, 1])
        valid = self.rng.random(n) >= p
        if valid.all() and self.chance(.5):
            return None
        return pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())

    def junk(self, n):
        return pa.py_buffer(self.rng.bytes(n))

    def array(self, t, n, nullable=True, dictionaries=None, at=""):
        """dictionaries: {where in the schema: its values}, which other batches share."""
        d = dictionaries if dictionaries is not None else {}
        valid = self.validity(n, nullable)
        if isinstance(t, pa.BaseExtensionType):
            return pa.ExtensionArray.from_storage(t, self.array(t.storage_type, n, nullable, d, at))
        if pa.types.is_null(t):
            return pa.nulls(n)
        if pa.types.is_dictionary(t):
            return self.indices(t, n, valid, d, at)
        if pa.types.is_struct(t):
            children = [self.array(f.type, n, f.nullable, d, f"{at}/{f.name}") for f in t]
            return pa.Array.from_buffers(t, n, [valid], children=children)
        if pa.types.is_map(t):
            ends, m = self.ends(n, np.int32)
            entries = pa.struct([t.key_field, t.item_field])
            parts = [self.array(f.type, m, f.nullable, d, f"{at}/{f.name}") for f in (t.key_field, t.item_field)]
            return pa.Array.from_buffers(t, n, [valid, ends], children=[pa.Array.from_buffers(entries, m, [None], children=parts)])
        if pa.types.is_fixed_size_list(t):
            f = t.value_field
            return pa.Array.from_buffers(t, n, [valid], children=[self.array(f.type, n * t.list_size, f.nullable, d, at + "/item")])
        if any(is_list(t) for is_list in (pa.types.is_list, pa.types.is_large_list)):
            ends, m = self.ends(n, np.int64 if pa.types.is_large_list(t) else np.int32)
            return pa.Array.from_buffers(t, n, [valid, ends], children=[self.array(t.value_type, m, t.value_field.nullable, d, at + "/item")])
        if pa.types.is_list_view(t) or pa.types.is_large_list_view(t):
            dtype, m = np.int64 if pa.types.is_large_list_view(t) else np.int32, int(self.rng.integers(0, 2 * n + 2))
            first = self.rng.integers(0, m + 1, n)
            sizes = np.minimum(self.rng.integers(0, 4, n), m - first)
            buffers = [valid, pa.py_buffer(first.astype(dtype).tobytes()), pa.py_buffer(sizes.astype(dtype).tobytes())]
            return pa.Array.from_buffers(t, n, buffers, children=[self.array(t.value_type, m, t.value_field.nullable, d, at + "/item")])
        if pa.types.is_union(t):
            return self.union(t, n, d, at)
        if pa.types.is_run_end_encoded(t):
            return self.runs(t, n, d, at)
        return self.simple(t, n, valid)

    def ends(self, n, dtype):
        """Offsets of n lists, of which some hide below nulls; and how many elements there are."""
        ends = np.cumsum(np.concatenate([[self.pick([0, 0, 2])], self.rng.choice([0, 0, 1, 2, 3], n)])).astype(dtype)
        return pa.py_buffer(ends.tobytes()), int(ends[-1]) + self.pick([0, 0, 2])

    def simple(self, t, n, valid):
        if pa.types.is_boolean(t):
            return pa.Array.from_buffers(t, n, [valid, self.junk((n + 7) // 8)])
        texts = pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t)
        if texts or pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_binary_view(t):
            words = [w.encode() if texts else w.encode()[::-1] for w in map(self.pick, [WORDS] * n)]
            return self.views(t, words, valid) if "view" in str(t) else self.strings(t, words, valid)
        width = t.bit_width // 8
        word = next((w for w in WIDTHS if w in str(t)), None)
        if word:        # within what Python's own types hold
            v = self.rng.integers(0, WIDTHS[word], n)
            v = v * 86_400_000 if pa.types.is_date64(t) else v
            return pa.Array.from_buffers(t, n, [valid, pa.py_buffer(v.astype(f"i{width}").tobytes())])
        if pa.types.is_duration(t) or pa.types.is_decimal(t) or pa.types.is_interval(t):
            v = self.rng.integers(-100_000, 100_000, n)     # of any width: the sign goes on
            out = v.astype("i4").tobytes() if width == 4 else v.astype("i8").tobytes() if width == 8 else b"".join(
                int(x).to_bytes(width, "little", signed=True) for x in v)
            return pa.Array.from_buffers(t, n, [valid, pa.py_buffer(out)])
        return pa.Array.from_buffers(t, n, [valid, self.junk(n * width)])

    def strings(self, t, words, valid):
        first = self.pick([b"", b"", b"before"])
        ends = np.cumsum([len(first), *map(len, words)]).astype(np.int64 if "large" in str(t) else np.int32)
        return pa.Array.from_buffers(t, len(words), [valid, pa.py_buffer(ends.tobytes()), pa.py_buffer(first + b"".join(words) + b"behind")])

    def views(self, t, words, valid):
        rest, views = [bytearray(b"before"), bytearray()], b""
        for w in words:
            if len(w) <= 12:
                views += len(w).to_bytes(4, "little") + w.ljust(12, b"\0")
            else:
                k = int(self.rng.integers(2))
                views += len(w).to_bytes(4, "little") + w[:4] + k.to_bytes(4, "little") + len(rest[k]).to_bytes(4, "little")
                rest[k] += w
        return pa.Array.from_buffers(t, len(words), [valid, pa.py_buffer(views), *(pa.py_buffer(bytes(r)) for r in rest)])

    def union(self, t, n, d, at):
        ids = np.array(t.type_codes, np.int8)
        types = self.rng.choice(ids, n) if n else np.zeros(0, np.int8)
        types = types.astype(np.int8)
        buffers, lengths = [None, pa.py_buffer(types.tobytes())], [n] * len(ids)
        if t.mode == "dense":
            offsets = np.zeros(n, np.int32)
            for k, i in enumerate(ids):
                mine = types == i
                offsets[mine] = np.arange(mine.sum())
                lengths[k] = int(mine.sum()) + self.pick([0, 1])
            buffers.append(pa.py_buffer(offsets.tobytes()))
        children = [self.array(f.type, m, f.nullable, d, f"{at}/{f.name}") for f, m in zip(t, lengths)]
        return pa.Array.from_buffers(t, n, buffers, children=children)

    def runs(self, t, n, d, at):
        ends = np.unique(np.append(self.rng.integers(1, n + 1, max(1, n // 3)), n)) if n else np.zeros(0, np.int64)
        values = self.array(t.value_type, len(ends), True, d, at + "/values")
        return pa.Array.from_buffers(t, n, [None], children=[pa.array(ends, t.run_end_type), values])

    def indices(self, t, n, valid, d, at):
        if at not in d:
            d[at] = self.array(t.value_type, self.pick([1, 3, 7]), self.chance(.5), d, at + "/dictionary")
        width = t.index_type.bit_width // 8
        v = self.rng.integers(0, len(d[at]), n).astype(t.index_type.to_pandas_dtype())
        if valid is not None:       # beyond the dictionary, below nulls
            ok = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[:n].astype(bool)
            v = np.where(ok, v, np.iinfo(v.dtype).max).astype(v.dtype)
        indices = pa.Array.from_buffers(t.index_type, n, [valid, pa.py_buffer(v.tobytes())])
        assert len(v.tobytes()) == n * width
        return pa.DictionaryArray.from_arrays(indices, d[at], ordered=t.ordered, safe=False)

    # --- tables

    def schema(self):
        columns = int(self.rng.integers(1, 7))
        fields = [self.field("c%d" % k, -1, True) for k in range(columns)]
        return pa.schema(fields, {"made": "at random", "größe": "x"} if self.chance(.5) else None)

    def batches(self, schema, replace=False):
        """A few, of any length; of one dictionary each column, or of a new one now and then."""
        out, dictionaries = [], {}
        for _ in range(self.pick([0, 1, 2, 3, 5])):
            n = self.pick([0, 1, 3, 8, 20, 65])
            if replace and self.chance(.5):
                dictionaries = {}
            arrays = [self.array(f.type, n, f.nullable, dictionaries, f.name) for f in schema]
            b = pa.RecordBatch.from_arrays(arrays, schema=schema)
            if n > 3 and self.chance(.3):
                a = int(self.rng.integers(0, n))
                b = b.slice(a, int(self.rng.integers(0, n - a + 1)))
            out.append(b)
        return out
