# SPDX-License-Identifier: MIT
"""The flatbuffers of Arrow IPC: read as dictionaries, and written from them.

pyarrow reads a file as a whole and tells neither which dictionaries came when nor what a
type is that it does not know.  With this, each message is taken alone (messages()), and
pyarrow is asked to decode it by a schema that it understands (arrow_model.py).  What
pyarrow does not write at all, files of the other byte order or hostile ones, is made by
writing the messages anew (scripts/fixtures/arrow.py).
"""
import struct

MAGIC = b"ARROW1"
SCHEMA, DICTIONARY, BATCH, TENSOR, SPARSE = 1, 2, 3, 4, 5
TYPES = ["none", "null", "int", "float", "binary", "utf8", "bool", "decimal", "date", "time", "timestamp", "interval", "list", "struct",
         "union", "fixed_binary", "fixed_list", "map", "duration", "large_binary", "large_utf8", "large_list", "run_end", "binary_view",
         "utf8_view", "list_view", "large_list_view"]
# type: its parameters, in the order of the table's slots
PARAMETERS = {
    "int": [("bits", "i", 0), ("signed", "?", False)], "float": [("precision", "h", 0)],
    "decimal": [("precision", "i", 0), ("scale", "i", 0), ("bits", "i", 128)], "date": [("unit", "h", 1)],
    "time": [("unit", "h", 1), ("bits", "i", 32)], "timestamp": [("unit", "h", 0), ("zone", "s", None)], "interval": [("unit", "h", 0)],
    "union": [("mode", "h", 0), ("ids", "i*", None)], "fixed_binary": [("width", "i", 0)], "fixed_list": [("size", "i", 0)],
    "map": [("sorted", "?", False)], "duration": [("unit", "h", 1)],
}


class Table:
    """A table of a flatbuffer that is read."""

    def __init__(self, data, at=None):
        self.data = data
        self.at = struct.unpack_from("<I", data)[0] if at is None else at
        self.vtable = self.at - struct.unpack_from("<i", data, self.at)[0]
        self.slots = (struct.unpack_from("<H", data, self.vtable)[0] - 4) // 2

    def where(self, slot):
        """Where the field stands, 0 if it has its default."""
        off = struct.unpack_from("<H", self.data, self.vtable + 4 + 2 * slot)[0] if slot < self.slots else 0
        return self.at + off if off else 0

    def scalar(self, slot, kind, default=0):
        at = self.where(slot)
        return struct.unpack_from("<" + kind, self.data, at)[0] if at else default

    def target(self, slot):
        at = self.where(slot)
        return at + struct.unpack_from("<I", self.data, at)[0] if at else 0

    def table(self, slot):
        at = self.target(slot)
        return Table(self.data, at) if at else None

    def vector(self, slot):
        """Where its elements stand, and how many they are."""
        at = self.target(slot)
        return (at + 4, struct.unpack_from("<I", self.data, at)[0]) if at else (0, 0)

    def string(self, slot, default=None):
        at, n = self.vector(slot)
        return bytes(self.data[at:at + n]).decode("utf-8", "surrogateescape") if at else default

    def tables(self, slot):
        at, n = self.vector(slot)
        return [Table(self.data, at + 4 * i + struct.unpack_from("<I", self.data, at + 4 * i)[0]) for i in range(n)]

    def structs(self, slot, kind):
        at, n = self.vector(slot)
        size = struct.calcsize("<" + kind)
        return [struct.unpack_from("<" + kind, self.data, at + size * i) for i in range(n)]


# --- writing ----------------------------------------------------------------

def put(fields):
    """The flatbuffer whose root is the table {slot: value}.  A value is (format, number); a
    str or bytes; a dict: a table; a list of dicts; (format, [tuples]): a vector of structs."""
    out = bytearray(4)
    struct.pack_into("<I", out, 0, put_table(out, fields))
    return bytes(out) + bytes(-len(out) % 8)


def put_table(out, fields):
    fields = {k: v for k, v in fields.items() if v is not None}
    scalars = {k: v for k, v in fields.items() if isinstance(v, tuple) and not isinstance(v[1], list)}
    layout, at = {}, 4
    for k in sorted(fields, key=lambda k: struct.calcsize("<" + scalars[k][0]) if k in scalars else 4):
        size = struct.calcsize("<" + scalars[k][0]) if k in scalars else 4
        at += -at % size
        layout[k] = at
        at += size
    slots = max(fields, default=-1) + 1
    size = 4 + 2 * slots
    out += bytes(-(len(out) + size) % 8)
    vtable = len(out)
    out += struct.pack("<HH", size, at) + b"".join(struct.pack("<H", layout.get(k, 0)) for k in range(slots))
    table = len(out)
    out += bytes(at)
    struct.pack_into("<i", out, table, table - vtable)
    for k, v in scalars.items():
        struct.pack_into("<" + v[0], out, table + layout[k], v[1])
    for k, v in fields.items():
        if k not in scalars:
            point(out, table + layout[k], lambda v=v: put_value(out, v))
    return table


def point(out, slot, write):
    target = write()
    struct.pack_into("<I", out, slot, target - slot)


def put_value(out, v):
    if isinstance(v, dict):
        return put_table(out, v)
    if isinstance(v, str):
        v = v.encode("utf-8", "surrogateescape")
    if isinstance(v, bytes):
        out += bytes(-len(out) % 4)
        at = len(out)
        out += struct.pack("<I", len(v)) + v + b"\0"
        return at
    if isinstance(v, tuple):
        out += bytes(-(len(out) + 4) % 8)
        at = len(out)
        out += struct.pack("<I", len(v[1])) + b"".join(struct.pack("<" + v[0], *e) for e in v[1])
        return at
    out += bytes(-len(out) % 4)
    at = len(out)
    out += struct.pack("<I", len(v)) + bytes(4 * len(v))
    for i, e in enumerate(v):
        point(out, at + 4 + 4 * i, lambda e=e: put_table(out, e))
    return at


# --- schemas ----------------------------------------------------------------

def pairs(table, slot):
    return [(t.string(0, ""), t.string(1, "")) for t in table.tables(slot)]


def put_pairs(kv):
    return [{0: k, 1: v} for k, v in kv] if kv else None


def type_of(name, table):
    t = {"is": name}
    for slot, (word, kind, default) in enumerate(PARAMETERS.get(name, [])):
        if kind == "s":
            t[word] = table.string(slot)
        elif kind == "i*":
            t[word] = [v for v, in table.structs(slot, "i")] if table.where(slot) else None
        else:
            t[word] = table.scalar(slot, kind, default)
    return t


def put_type(t):
    out = {}
    for slot, (word, kind, default) in enumerate(PARAMETERS.get(t["is"], [])):
        v = t[word]
        if kind == "s":
            out[slot] = v
        elif kind == "i*":
            out[slot] = None if v is None else ("i", [(x,) for x in v])
        elif v != default:
            out[slot] = (kind, v)
    return out


def field_of(table):
    f = {"name": table.string(0, ""), "nullable": table.scalar(1, "?", False), "type": type_of(TYPES[table.scalar(2, "B")], table.table(3)),
         "dictionary": None, "children": [field_of(c) for c in table.tables(5)], "metadata": pairs(table, 6)}
    d = table.table(4)
    if d:
        index = d.table(1)
        f["dictionary"] = {"id": d.scalar(0, "q"), "index": type_of("int", index) if index else {"is": "int", "bits": 32, "signed": True},
                           "ordered": d.scalar(2, "?", False)}
    return f


def put_field(f):
    d = f["dictionary"]
    return {0: f["name"], 1: ("?", True) if f["nullable"] else None, 2: ("B", TYPES.index(f["type"]["is"])), 3: put_type(f["type"]),
            4: {0: ("q", d["id"]), 1: put_type(d["index"]), 2: ("?", d["ordered"])} if d else None,
            5: [put_field(c) for c in f["children"]], 6: put_pairs(f["metadata"])}


def schema_of(table):
    return {"big": table.scalar(0, "h") == 1, "fields": [field_of(f) for f in table.tables(1)], "metadata": pairs(table, 2)}


def put_schema(s):
    return {0: ("h", 1) if s["big"] else None, 1: [put_field(f) for f in s["fields"]], 2: put_pairs(s["metadata"])}


def batch_of(table):
    c = table.table(3)
    return {"length": table.scalar(0, "q"), "nodes": table.structs(1, "qq"), "buffers": table.structs(2, "qq"),
            "codec": ["lz4", "zstd"][c.scalar(0, "b")] if c else None, "variadic": [v for v, in table.structs(4, "q")]}


def put_batch(b):
    return {0: ("q", b["length"]), 1: ("qq", b["nodes"]), 2: ("qq", b["buffers"]),
            3: {0: ("b", ["lz4", "zstd"].index(b["codec"])), 1: ("b", 0)} if b["codec"] else None,
            4: ("q", [(v,) for v in b["variadic"]]) if b["variadic"] else None}


# --- messages ---------------------------------------------------------------

class Message:
    """One message: its metadata as a table, its body, and where in the file it stands."""

    def __init__(self, meta, body, at=0, size=0):
        self.meta, self.body, self.at, self.size = meta, body, at, size
        t = Table(meta)
        self.version, self.kind, self.header, self.custom = t.scalar(0, "h"), t.scalar(1, "B"), t.table(2), pairs(t, 4)

    def schema(self):
        return schema_of(self.header)

    def batch(self):
        return batch_of(self.header if self.kind == BATCH else self.header.table(1))

    def dictionary(self):
        """(id, whether it goes on)"""
        return self.header.scalar(0, "q"), self.header.scalar(2, "?", False)


def message_at(data, at):
    """The message there and what follows it; None at the end."""
    if at + 4 > len(data):
        return None, at
    n, head = struct.unpack_from("<i", data, at)[0], 4
    if n == -1:
        n, head = struct.unpack_from("<i", data, at + 4)[0], 8
    if n == 0:
        return None, at + head
    meta = data[at + head:at + head + n]
    size = Table(meta).scalar(3, "q")
    end = at + head + n + size
    return Message(meta, data[at + head + n:end], at, head + n), end


def stream(data, at=0):
    out = []
    while True:
        m, at = message_at(data, at)
        if m is None:
            return out
        out.append(m)


def footer_of(data):
    n = struct.unpack_from("<i", data, len(data) - 10)[0]
    t = Table(data[len(data) - 10 - n:len(data) - 10])
    return {"version": t.scalar(0, "h"), "schema": schema_of(t.table(1)), "dictionaries": t.structs(2, "qi4xq"), "batches": t.structs(3, "qi4xq"),
            "metadata": pairs(t, 4)}


def put_footer(f):
    meta = put({0: ("h", f["version"]), 1: put_schema(f["schema"]), 2: ("qi4xq", f["dictionaries"]), 3: ("qi4xq", f["batches"]),
                4: put_pairs(f["metadata"])})
    return meta + struct.pack("<i", len(meta)) + MAGIC


def is_file(data):
    return data[:6] == MAGIC


def read(data):
    """(schema, the other messages in order): of a file by its footer, dictionaries first."""
    if not is_file(data):
        first, *rest = stream(data)
        return first.schema(), rest
    f = footer_of(data)
    return f["schema"], [message_at(data, at)[0] for at, _, _ in f["dictionaries"] + f["batches"]]


def put_message(kind, header, body=b"", version=4, custom=None, legacy=False):
    meta = put({0: ("h", version), 1: ("B", kind), 2: header, 3: ("q", len(body)), 4: put_pairs(custom)})
    return (b"" if legacy else b"\xff\xff\xff\xff") + struct.pack("<i", len(meta) + (4 if legacy and (len(meta) + 4) % 8 else 0)) + meta + (
        bytes(4) if legacy and (len(meta) + 4) % 8 else b"") + body


def schema_message(s, version=4, legacy=False):
    return put_message(SCHEMA, put_schema(s), version=version, legacy=legacy)


def batch_message(b, body, version=4, legacy=False, custom=None):
    return put_message(BATCH, put_batch(b), body, version, custom, legacy)


def dictionary_message(id, delta, b, body, version=4, legacy=False):
    return put_message(DICTIONARY, {0: ("q", id), 1: put_batch(b), 2: ("?", True) if delta else None}, body, version, legacy=legacy)


END = b"\xff\xff\xff\xff\0\0\0\0"


def put_file(schema, parts, footer_version=4, leading=None):
    """A file of messages that are written already: [(DICTIONARY or BATCH, bytes)]."""
    out = bytearray(MAGIC + b"\0\0" + (schema_message(schema) if leading is None else leading))
    blocks = {DICTIONARY: [], BATCH: []}
    for kind, data in parts:
        out += bytes(-len(out) % 8)
        m, _ = message_at(data, 0)
        blocks[kind].append((len(out), m.size, len(m.body)))
        out += data
    out += bytes(-len(out) % 8) + END
    return bytes(out) + put_footer({"version": footer_version, "schema": schema, "dictionaries": blocks[DICTIONARY], "batches": blocks[BATCH],
                                    "metadata": []})


def walk(fields):
    """All fields, in the order of their buffers."""
    for f in fields:
        yield f
        if not f["dictionary"]:
            yield from walk(f["children"])
