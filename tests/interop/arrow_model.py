#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is to be shown of an Arrow IPC file or stream: path -> bytes and attributes.

    arrow_model.py FILE...     checks this against pyarrow's own to_pylist()

pyarrow decodes: each record batch and each dictionary batch alone, by a schema in which
dictionary columns are their indices, extension types their storage, and types that it does
not know are bytes of their width (read()).  The rest is how columns are shown, in numpy."""
import itertools
import sys

import numpy as np
import pyarrow as pa

import arrow_flat as flat

UNITS = ["s", "ms", "us", "ns"]
TEXT = {"utf8": "string", "large_utf8": "large_string", "utf8_view": "string_view"}
BINARY = {"binary": "binary", "large_binary": "large_binary", "binary_view": "binary_view"}
LISTS = {"list", "large_list", "list_view", "large_list_view"}
INDEX = {(bits, signed): getattr(pa, ("int" if signed else "uint") + str(bits))() for bits in (8, 16, 32, 64) for signed in (True, False)}
LAST = 1 << 62      # later than every message


# --- decoding, by pyarrow -----------------------------------------------------

def plain(f):
    """The field as pyarrow is to decode it: no dictionaries, no extensions, known types only."""
    t, children = f["type"], f["children"]
    if f["dictionary"]:
        t, children = f["dictionary"]["index"], []
    elif t["is"] == "int" and t["bits"] == 128:
        t = {"is": "fixed_binary", "width": 16}
    elif t["is"] == "interval" and t["unit"] == 0:
        t = {"is": "int", "bits": 32, "signed": True}
    elif t["is"] == "interval" and t["unit"] == 1:
        t = {"is": "int", "bits": 64, "signed": True}
    return dict(f, type=t, dictionary=None, children=[plain(c) for c in children], metadata=[])


def decode(schema, fields, m):
    """The columns of one batch, of these fields."""
    as_plain = {"big": schema["big"], "fields": [plain(f) for f in fields], "metadata": []}
    data = flat.schema_message(as_plain, m.version) + flat.batch_message(m.batch(), m.body, m.version, custom=m.custom) + flat.END
    got = pa.ipc.open_stream(data).read_next_batch()
    return [storage(c) for c in got.columns]


def storage(a):
    return a.storage if isinstance(a, pa.ExtensionArray) else a


class Archive:
    """schema; batches: [(time, rows, columns)]; dictionaries: id -> [(time, whether it goes on, values)]."""

    def __init__(self, data):
        self.schema, self.messages = flat.read(data)
        self.in_file = flat.is_file(data)
        self.fields = self.schema["fields"]
        self.batches, self.dictionaries, codecs, times = [], {}, set(), itertools.count()
        self.codecs_of_dictionaries = {m.batch()["codec"] for m in self.messages if m.kind == flat.DICTIONARY}
        valued = {f["dictionary"]["id"]: dict(f, dictionary=None, nullable=True) for f in every_dictionary(self.fields)}
        for m in self.messages:
            time = next(times)
            if m.kind == flat.BATCH:
                batch = m.batch()
                codecs.add(batch["codec"] or dict(m.custom).get("ARROW:experimental_compression", "").lower() or None)   # so in 0.17
                self.batches.append((LAST if self.in_file else time, batch["length"], decode(self.schema, self.fields, m)))
            elif m.kind == flat.DICTIONARY:
                id, delta = m.dictionary()
                if id in valued:
                    values, = decode(self.schema, [valued[id]], m)
                    self.dictionaries.setdefault(id, []).append((time, delta, values))
        self.rows = sum(n for _, n, _ in self.batches)
        self.codec = codecs.pop() if len(codecs) == 1 else None

    def base(self, id, time):
        """Where the dictionary begins that holds at that time, and where it ends."""
        start = end = 0
        for when, delta, values in self.dictionaries.get(id, []):
            if when < time:
                start = start if delta else end
                end += len(values)
        return start, end

    def pieces(self, k):
        return [Piece(columns[k], np.arange(n), np.ones(n, bool), time) for time, n, columns in self.batches]


def every_dictionary(fields):
    for f in fields:
        if f["dictionary"]:
            yield f
        yield from every_dictionary(f["children"])


# --- words --------------------------------------------------------------------

def fixed(f):
    """(our dtype, width, widths of the numbers that the byte order swaps) of a type of fixed width, or None."""
    t = f["type"]
    kind = t["is"]
    if kind == "int":
        return ("int" if t["signed"] else "uint") + str(t["bits"]), t["bits"] // 8, [t["bits"] // 8]
    if kind == "float":
        return [("float16", 2, [2]), ("float32", 4, [4]), ("float64", 8, [8])][t["precision"]]
    if kind == "decimal":
        return "decimal%d(%d, %d)" % (t["bits"], t["precision"], t["scale"]), t["bits"] // 8, [t["bits"] // 8]
    if kind == "date":
        return [("date32[day]", 4, [4]), ("timestamp[ms]", 8, [8])][t["unit"]]
    if kind == "time":
        return "time%d[%s]" % (t["bits"], UNITS[t["unit"]]), t["bits"] // 8, [t["bits"] // 8]
    if kind in ("timestamp", "duration"):
        return "%s[%s]" % (kind, UNITS[t["unit"]]), 8, [8]
    if kind == "interval":
        return [("V4", 4, [4]), ("V8", 8, [4, 4]), ("V16", 16, [4, 4, 8])][t["unit"]]
    if kind == "fixed_binary":
        return "V%d" % t["width"], t["width"], [1]
    if kind == "bool":
        return "bool", 1, [1]
    return None


def arrow_type(f, storage_only=True):
    """pyarrow's type of a field; None where it has none for it."""
    t = f["type"]
    kind, children = t["is"], [arrow_field(c) for c in f["children"]]
    if f["dictionary"] and storage_only:
        d = f["dictionary"]
        value = arrow_type(f, False)
        return None if value is None else pa.dictionary(INDEX[d["index"]["bits"], d["index"]["signed"]], value, d["ordered"])
    if any(c is None for c in children) or kind == "int" and t["bits"] == 128 or kind == "interval" and t["unit"] != 2:
        return None
    if kind == "int":
        return INDEX[t["bits"], t["signed"]]
    if kind in TEXT or kind in BINARY:
        return getattr(pa, (TEXT | BINARY)[kind])()
    if kind == "union":
        return (pa.dense_union if t["mode"] else pa.sparse_union)(children, t["ids"] if t["ids"] is not None else list(range(len(children))))
    if kind == "map":
        entries = f["children"][0]["children"]
        return pa.map_(arrow_field(entries[0]), arrow_field(entries[1]), t["sorted"])
    make = {
        "null": pa.null, "bool": pa.bool_, "float": lambda: [pa.float16, pa.float32, pa.float64][t["precision"]](),
        "decimal": lambda: getattr(pa, "decimal%d" % t["bits"])(t["precision"], t["scale"]), "date": lambda: [pa.date32, pa.date64][t["unit"]](),
        "time": lambda: getattr(pa, "time%d" % t["bits"])(UNITS[t["unit"]]), "timestamp": lambda: pa.timestamp(UNITS[t["unit"]], t["zone"] or None),
        "duration": lambda: pa.duration(UNITS[t["unit"]]), "interval": pa.month_day_nano_interval, "fixed_binary": lambda: pa.binary(t["width"]),
        "list": lambda: pa.list_(children[0]), "large_list": lambda: pa.large_list(children[0]), "list_view": lambda: pa.list_view(children[0]),
        "large_list_view": lambda: pa.large_list_view(children[0]), "fixed_list": lambda: pa.list_(children[0], t["size"]),
        "struct": lambda: pa.struct(children), "run_end": lambda: pa.run_end_encoded(children[0].type, children[1].type)}
    return make[kind]()


def arrow_field(f):
    t = arrow_type(f)
    return None if t is None else pa.field(f["name"], t, f["nullable"] or pa.types.is_null(t))


def words(f):
    """What may stand as its type: what pyarrow prints; of what has children also the word before them."""
    t = f["type"]
    if not f["dictionary"] and t["is"] == "int" and t["bits"] == 128:
        return {"int128" if t["signed"] else "uint128"}
    if not f["dictionary"] and t["is"] == "interval" and t["unit"] < 2:
        return {["month_interval", "day_time_interval"][t["unit"]]}
    known = arrow_type(f)
    head = "dictionary" if f["dictionary"] else t["is"]
    printed = str(known) if known is not None else head
    out = {printed}
    if "<" in printed or known is None:
        out.add(printed.split("<")[0])
    if known is None:
        out.add(None)
    if t["is"] == "fixed_list" and not f["dictionary"]:
        out |= words(f["children"][0])      # the file holds its elements
    return out


# --- names --------------------------------------------------------------------

def components(name):
    return [escaped(p) for p in name.encode("utf-8", "surrogateescape").split(b"/") if p] or ["_"]


def escaped(part):
    out = ""
    for c in part.decode("utf-8", "surrogateescape"):
        o = ord(c)
        out += "%%%02X" % (o - 0xdc00) if 0xdc80 <= o <= 0xdcff else "%%%02X" % o if o < 32 or o == 127 else c
    return out.replace(".", "%2E") if out in (".", "..") else out


def free(name, *taken):
    """The name, or the first with a number that is not taken."""
    return next(n for n in itertools.chain([name], ("%s~%d" % (name, k) for k in itertools.count(2))) if not any(n in t for t in taken))


def names(fields, taken=()):
    """Their names, of which none occurs twice; those that are called as another's validity come last."""
    out, leaves, implied = {}, set(taken), {}
    late = lambda f: any(p.endswith(".validity") and p != ".validity" for p in f["name"].split("/"))
    for k, f in sorted(enumerate(fields), key=lambda p: late(p[1])):
        *above, last = components(f["name"])
        at = ""
        for part in above:
            at = implied.setdefault(at + part, free(at + part, leaves)) + "/"
        out[k] = free(shortened(at, last), leaves, implied.values())
        leaves |= {out[k], out[k] + ".validity"}
    return [out[k] for k in range(len(fields))]


def shortened(at, part):
    """A component of over 240 bytes: its first 223 and a hash."""
    raw = part.encode("utf-8", "surrogateescape")
    if len(raw) <= 240:
        return at + part
    h = 0xcbf29ce484222325
    for c in raw:
        h = (h ^ c) * 0x100000001b3 % (1 << 64)
    return at + raw[:223].decode("utf-8", "ignore") + "~%016x" % h


# --- columns ------------------------------------------------------------------

class Piece:
    """Some slots of an array, in order; those that are not live lie below a null."""

    def __init__(self, array, slots, live, time):
        self.array, self.slots, self.live, self.time = array, slots, live, time

    def valid(self):
        a = self.array
        own = np.zeros(len(a), bool) if pa.types.is_null(a.type) else np.asarray(a.is_valid(), dtype=bool)
        return own[self.slots] & self.live

    def below(self, array, slots=None, live=None):
        slots = np.arange(len(array)) if slots is None else slots
        return Piece(array, slots, np.ones(len(slots), bool) if live is None else live, self.time)

    def whole(self):
        return len(self.slots) == len(self.array) and bool((self.slots == np.arange(len(self.slots))).all())


def buffer(a, k, dtype):
    b = a.buffers()[k]
    return np.frombuffer(b, np.uint8)[:b.size // np.dtype(dtype).itemsize * np.dtype(dtype).itemsize].view(dtype) if b else np.zeros(0, dtype)


def joined(arrays, dtype):
    return np.concatenate([np.zeros(0, dtype), *arrays]).astype(dtype)


class Node(dict):
    """What is told of a path; data: its bytes, None of a directory."""


class Shown:
    """path -> Node; optional: paths that may be missing; unknown: below these nothing is expected."""

    def __init__(self, archive):
        self.archive, self.big = archive, archive.schema["big"]
        self.nodes, self.optional, self.unknown = {}, set(), set()
        self.nodes[""] = Node(data=None, attributes=dict(archive.schema["metadata"]), rows=archive.rows)
        for k, (f, name) in enumerate(zip(archive.fields, names(archive.fields, (".arrayfs",)))):
            self.column(name, name, f, archive.pieces(k), [archive.rows])

    # path: where it is shown; own: what its validity is called after
    def column(self, path, own, f, pieces, shape):
        if not f["dictionary"] and f["type"]["is"] in ("union", "run_end"):
            (self.union if f["type"]["is"] == "union" else self.runs)(path, f, pieces, shape)
        else:
            self.validity(own, f, pieces, shape)
            self.values(path, own, f, pieces, shape)
        self.describe(path, own, f)

    def describe(self, path, own, f):
        node = self.nodes[path]
        kv = dict(f["metadata"])
        if "ARROW:extension:name" in kv and path == own:
            node["extension"] = kv["ARROW:extension:name"]
            node["extension_metadata"] = kv.get("ARROW:extension:metadata", "")
        kv = {k: v for k, v in kv.items() if k not in ("ARROW:extension:name", "ARROW:extension:metadata")}
        if path == own:
            node["attributes"] = kv
            node["types"] = words(f)
        else:               # the element of a fixed-size list, whose file is the list's
            node["shared"] = True

    def validity(self, own, f, pieces, shape):
        told = any(p.array.null_count for p in pieces)
        if not f["nullable"] and not told:
            return
        valid = joined([p.valid() for p in pieces], bool)
        path = own + ".validity"
        self.file(path, valid.tobytes(), "bool", shape)
        if not f["nullable"] and valid.all():
            self.optional.add(path)

    def file(self, path, data, dtype, shape, byteorder=None):
        self.nodes[path] = Node(data=data, dtype=dtype, shape=list(shape), byteorder=byteorder)

    def numbers(self, path, values, dtype, shape):
        """Ours: little-endian whatever the file is."""
        self.file(path, values.astype("<" + np.dtype(dtype).str[1:]).tobytes(), dtype, shape, "little" if np.dtype(dtype).itemsize > 1 else None)

    def directory(self, path, dtype, shape):
        self.nodes[path] = Node(data=None, dtype=dtype, shape=list(shape))

    def values(self, path, own, f, pieces, shape):
        t, kind = f["type"], f["type"]["is"]
        if f["dictionary"]:
            self.dictionary(path, f, pieces, shape)
        elif kind == "null":
            self.file(path, b"", "null", shape)
        elif fixed(f):
            self.leaf(path, f, pieces, shape)
        elif kind in TEXT or kind in BINARY:
            self.strings(path, f, pieces, shape)
        elif kind == "struct":
            self.directory(path, "struct", shape)
            self.members(path, f, [p.below(p.array, p.slots, p.valid()) for p in pieces], shape)
        elif kind in LISTS or kind == "map":
            self.lists(path, f, pieces, shape)
        else:
            assert kind == "fixed_list", kind
            self.fixed_list(path, own, f, pieces, shape)

    def leaf(self, path, f, pieces, shape):
        dtype, width, parts = fixed(f)
        rows = []
        for p in pieces:
            if dtype == "bool":
                v = np.asarray(p.array.fill_null(False), dtype=np.uint8).reshape(-1, 1)
            else:
                v = buffer(p.array, 1, np.uint8)[:len(p.array) * width].reshape(len(p.array), width)
            v = v[p.slots].copy()
            v[~p.valid()] = 0
            rows.append(v)
        v = np.concatenate([np.zeros((0, width), np.uint8), *rows])
        number = dtype != "bool" and f["type"]["is"] != "fixed_binary"
        if self.big and number and not dtype.endswith("int128"):     # pyarrow has turned it round
            at = np.cumsum([0, *parts])
            v = np.concatenate([v[:, a:b][:, ::-1] for a, b in zip(at, at[1:])], axis=1)
        order = ("big" if self.big else "little") if number and width > 1 else None
        self.file(path, v.tobytes(), dtype, shape, order)

    def strings(self, path, f, pieces, shape):
        out = [s for p in pieces for s in texts(f["type"]["is"], p)]
        self.directory(path, "string" if f["type"]["is"] in TEXT else "bytes", shape)
        ends = np.cumsum([0, *map(len, out)]).astype(np.int64)
        self.numbers(path + "/offsets", ends, "int64", [len(out) + 1])
        self.file(path + "/values", b"".join(out), "uint8", [int(ends[-1])])

    def lists(self, path, f, pieces, shape):
        lengths, below = [], []
        for p in pieces:
            first, count = extents(f["type"]["is"], p)
            lengths.append(count)
            slots = joined([np.arange(a, a + n) for a, n in zip(first, count)], np.int64)
            below.append((p, slots))
        lengths = joined(lengths, np.int64)
        total = int(lengths.sum())
        is_map = f["type"]["is"] == "map"
        self.directory(path, "map" if is_map else "list", shape)
        self.numbers(path + "/offsets", np.concatenate([[0], np.cumsum(lengths)]), "int64", [len(lengths) + 1])
        child = f["children"][0]
        if is_map:
            self.directory(path + "/values", "struct", [total])
            if child["nullable"]:
                self.file(path + "/values.validity", b"\1" * total, "bool", [total])
                self.optional.add(path + "/values.validity")
            for word, get, c in zip(("key", "value"), (lambda a: a.keys, lambda a: a.items), child["children"]):
                self.column(f"{path}/values/{word}", f"{path}/values/{word}", c, [p.below(get(p.array), s) for p, s in below], [total])
        else:
            self.column(path + "/values", path + "/values", child, [p.below(storage(p.array.values), s) for p, s in below], [total])

    def fixed_list(self, path, own, f, pieces, shape):
        size, inner = f["type"]["size"], None
        kv = dict(f["metadata"])
        if kv.get("ARROW:extension:name") == "arrow.fixed_shape_tensor":
            import json
            told = json.loads(kv.get("ARROW:extension:metadata") or "{}")
            if int(np.prod(told.get("shape", []), dtype=object)) == size:
                inner = told["shape"]
        below = []
        for p in pieces:
            slots = (p.slots[:, None] * size + np.arange(size)).reshape(-1)
            below.append(p.below(storage(p.array.values), slots, np.repeat(p.valid(), size)))
        self.column(path, own + ".values", f["children"][0], below, list(shape) + (inner or [size]))

    def members(self, path, f, pieces, shape):
        for k, (c, name) in enumerate(zip(f["children"], names(f["children"]))):
            at = f"{path}/{name}"
            self.column(at, at, c, [p.below(storage(p.array.field(k)), p.slots, p.live) for p in pieces], shape)

    def union(self, path, f, pieces, shape):
        dense = f["type"]["mode"] == 1
        self.directory(path, "union", shape)
        types = joined([buffer(p.array, 1, np.int8)[p.slots] for p in pieces], np.int8)   # type_codes crashes where there are none
        self.numbers(path + "/types", types, "int8", shape)
        ids = f["type"]["ids"] if f["type"]["ids"] is not None else list(range(len(f["children"])))
        if dense:
            offsets, before = [], [0] * len(ids)
            for p in pieces:
                base = dict(zip(ids, before))
                codes = buffer(p.array, 1, np.int8)
                offsets.append([int(o) + base[int(c)] for o, c in zip(buffer(p.array, 2, np.int32)[p.slots], codes[p.slots])])
                before = [b + len(p.array.field(k)) for k, b in enumerate(before)]
            self.numbers(path + "/offsets", joined([np.array(o, np.int64) for o in offsets], np.int64), "int64", shape)
        for k, (c, name) in enumerate(zip(f["children"], names(f["children"], ("types", "offsets") if dense else ("types",)))):
            at = f"{path}/{name}"
            if dense:
                below = [p.below(storage(p.array.field(k))) for p in pieces]
                self.column(at, at, c, below, [sum(len(p.slots) for p in below)])
            else:
                self.column(at, at, c, [p.below(storage(p.array.field(k)), p.slots, p.live) for p in pieces], shape)

    def runs(self, path, f, pieces, shape):
        """As stored; cut where a list hides some of its slots, which is told nowhere: then unknown."""
        self.directory(path, "run_end", shape)
        if not all(p.whole() for p in pieces):
            self.unknown.add(path)
        ends, below, rows = [], [], 0
        for p in pieces:
            e = np.asarray(storage(p.array.run_ends)).astype(np.int64)
            e = np.minimum(e, len(p.array))
            ends.append(e + rows)
            rows += len(p.array)
            below.append(p.below(storage(p.array.values)))
        ends = joined(ends, np.int64)
        self.numbers(path + "/run_ends", ends, "int64", [len(ends)])
        self.column(path + "/values", path + "/values", f["children"][1], below, [sum(len(p.slots) for p in below)])

    def dictionary(self, path, f, pieces, shape):
        d, archive = f["dictionary"], self.archive
        events = archive.dictionaries.get(d["id"], [])
        total = sum(len(v) for _, _, v in events)
        indices = []
        for p in pieces:
            start, _ = archive.base(d["id"], p.time)
            v = buffer(p.array, 1, INDEX[d["index"]["bits"], d["index"]["signed"]].to_pandas_dtype())[:len(p.array)][p.slots].astype(np.int64)
            indices.append(np.where(p.valid(), v + start, 0))
        bits = d["index"]["bits"]
        while bits < 64 and total - 1 > (1 << bits - d["index"]["signed"]) - 1:
            bits *= 2
        dtype = np.dtype(("i" if d["index"]["signed"] else "u") + str(bits // 8))
        self.directory(path, "dictionary", shape)
        if d["ordered"]:
            self.nodes[path]["ordered"] = True
        order = ("big" if self.big else "little") if bits > 8 else None
        self.file(path + "/indices", joined(indices, dtype).astype(dtype.newbyteorder(">" if self.big else "<")).tobytes(), dtype.name, shape, order)
        values = dict(f, dictionary=None, nullable=False, metadata=[])
        below = [Piece(v, np.arange(len(v)), np.ones(len(v), bool), LAST if archive.in_file else time) for time, _, v in events]
        self.column(path + "/dictionary", path + "/dictionary", values, below, [total])


def texts(kind, p):
    """The strings of these slots; of a null, none."""
    a, valid, out = p.array, p.valid(), []
    if kind.endswith("view"):
        views, rest = buffer(a, 1, np.uint8), a.buffers()[2:]
        for i, ok in zip(p.slots, valid):
            v = views[16 * i:16 * i + 16]
            n, _, k, at = map(int, v.view("<i4"))
            out.append(b"" if not ok else v[4:4 + n].tobytes() if n <= 12 else rest[k].slice(at, n).to_pybytes())
        return out
    ends = buffer(a, 1, "<i8" if kind.startswith("large") else "<i4")
    data = a.buffers()[2]
    data = data.to_pybytes() if data else b""
    return [data[ends[i]:ends[i + 1]] if ok else b"" for i, ok in zip(p.slots, valid)]


def extents(kind, p):
    """Where the lists of these slots begin and how long they are; 0 of a null."""
    width = "<i8" if kind.startswith("large") else "<i4"
    start = buffer(p.array, 1, width).astype(np.int64)
    if kind.endswith("view"):
        first, count = start[p.slots], buffer(p.array, 2, width).astype(np.int64)[p.slots]
    elif len(p.slots):
        first, count = start[p.slots], start[p.slots + 1] - start[p.slots]
    else:
        first = count = np.zeros(0, np.int64)
    return first, np.where(p.valid(), count, 0)


def shown(path_or_bytes):
    data = path_or_bytes if isinstance(path_or_bytes, bytes) else open(path_or_bytes, "rb").read()
    return Shown(Archive(data))


# --- the way back: pyarrow's arrays out of what is shown ------------------------

def bits(data):
    return pa.py_buffer(np.packbits(np.frombuffer(data, np.uint8), bitorder="little").tobytes())


def rebuilt(nodes, path, own, f, n):
    """The array that the files say, n elements of it."""
    v = nodes.get(own + ".validity")
    valid = bits(v["data"]) if v else None
    t, kind = f["type"], f["type"]["is"]
    data = lambda end="": pa.py_buffer(nodes[path + end]["data"])
    count = lambda end: nodes[path + end]["shape"][0]
    if f["dictionary"]:
        values = dict(f, dictionary=None, nullable=False)
        d = rebuilt(nodes, path + "/dictionary", path + "/dictionary", values, count("/dictionary"))
        indices = pa.Array.from_buffers(getattr(pa, nodes[path + "/indices"]["dtype"])(), n, [valid, data("/indices")])
        return d.take(indices)
    if kind == "null":
        return pa.nulls(n)
    if kind == "bool":
        return pa.Array.from_buffers(pa.bool_(), n, [valid, bits(nodes[path]["data"])])
    if kind == "union":
        ids = t["ids"] if t["ids"] is not None else list(range(len(f["children"])))
        parts = [rebuilt(nodes, f"{path}/{x}", f"{path}/{x}", c, count(f"/{x}") if t["mode"] else n)
                 for x, c in zip(names(f["children"], ("types", "offsets") if t["mode"] else ("types",)), f["children"])]
        types = pa.array(np.frombuffer(nodes[path + "/types"]["data"], np.int8))
        if t["mode"]:
            offsets = pa.array(np.frombuffer(nodes[path + "/offsets"]["data"], np.int64).astype(np.int32))
            return pa.UnionArray.from_dense(types, offsets, parts, [c["name"] for c in f["children"]], ids)
        return pa.UnionArray.from_sparse(types, parts, [c["name"] for c in f["children"]], ids)
    if kind == "run_end":
        ends = pa.array(np.frombuffer(nodes[path + "/run_ends"]["data"], np.int64))
        return pa.RunEndEncodedArray.from_arrays(ends, rebuilt(nodes, path + "/values", path + "/values", f["children"][1], len(ends)))
    if fixed(f):
        known = arrow_type(dict(f, dictionary=None)) or pa.binary(fixed(f)[1])
        return pa.Array.from_buffers(known, n, [valid, data()])
    if kind in TEXT or kind in BINARY:
        return pa.Array.from_buffers(pa.large_string() if kind in TEXT else pa.large_binary(), n, [valid, data("/offsets"), data("/values")])
    if kind in LISTS:
        child = rebuilt(nodes, path + "/values", path + "/values", f["children"][0], int(np.frombuffer(nodes[path + "/offsets"]["data"], np.int64)[-1]))
        return pa.Array.from_buffers(pa.large_list(child.type), n, [valid, data("/offsets")], children=[child])
    if kind == "map":
        m = count("/values")
        k, v = (rebuilt(nodes, f"{path}/values/{w}", f"{path}/values/{w}", c, m) for w, c in zip(("key", "value"), f["children"][0]["children"]))
        entries = pa.StructArray.from_arrays([k, v], fields=[pa.field("key", k.type, False), pa.field("value", v.type)])
        ends = pa.py_buffer(np.frombuffer(nodes[path + "/offsets"]["data"], np.int64).astype(np.int32).tobytes())
        return pa.Array.from_buffers(pa.map_(k.type, v.type), n, [valid, ends], children=[entries])
    if kind == "fixed_list":
        child = rebuilt(nodes, path, own + ".values", f["children"][0], n * t["size"])
        return pa.Array.from_buffers(pa.list_(child.type, t["size"]), n, [valid], children=[child])
    parts = [rebuilt(nodes, f"{path}/{x}", f"{path}/{x}", c, n) for x, c in zip(names(f["children"]), f["children"])]
    kind = pa.struct([pa.field(c["name"], p.type) for c, p in zip(f["children"], parts)])
    return pa.Array.from_buffers(kind, n, [valid], children=parts)


def self_check(data):
    """Faults of the model: columns whose files do not say what pyarrow says."""
    for known in ("arrow.uuid", "arrow.bool8"):     # whose values are not those of their storage
        try:
            pa.unregister_extension_type(known)
        except KeyError:
            pass
    s = shown(data)
    if s.big:
        return []
    if s.archive.in_file:
        r = pa.ipc.open_file(data)
        batches = [r.get_batch(i) for i in range(r.num_record_batches)]
    else:
        batches = list(pa.ipc.open_stream(data))
    out = []
    for k, (f, name) in enumerate(zip(s.archive.fields, names(s.archive.fields, (".arrayfs",)))):
        if any(u == name or u.startswith(name + "/") for u in s.unknown):
            continue
        want = [v for b in batches for v in storage(b.column(k)).to_pylist()]
        got = rebuilt(s.nodes, name, name, f, s.archive.rows).to_pylist()
        if repr(got) != repr(want):
            out.append("%s: %.200r is not %.200r" % (name, got, want))
    return out


if __name__ == "__main__":
    failed = False
    for path in sys.argv[1:]:
        try:
            faults = self_check(open(path, "rb").read())
        except Exception as fault:
            faults = ["%s: %s" % (type(fault).__name__, fault)]
        failed |= bool(faults)
        for fault in faults:
            print(path, fault)
    sys.exit(failed)
