# SPDX-License-Identifier: MIT
"""Arrow files and streams that break the rules: base() with one thing changed, and what is
to come of each.  tests/data/arrow/bad holds them, made by scripts/fixtures/arrow.py.

    refused   the sentence holds these words
    fault     reading these paths fails; every other column is as in base()
    either    one of both, as long as nothing that can be read differs from base()"""
import io
import struct
import sys
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.feather

import arrow_flat as flat


# --- files as parts that can be changed -----------------------------------------

class Part:
    """A message: of a record batch, or of a dictionary (id, delta)."""

    def __init__(self, m):
        self.kind, self.version, self.batch, self.body = m.kind, m.version, m.batch(), bytearray(m.body)
        self.id, self.delta = m.dictionary() if m.kind == flat.DICTIONARY else (None, None)

    def buffer(self, k):
        at, n = self.batch["buffers"][k]
        return memoryview(self.body)[at:at + n]

    def message(self, legacy=False):
        if self.kind == flat.BATCH:
            return flat.batch_message(self.batch, bytes(self.body), self.version, legacy)
        return flat.dictionary_message(self.id, self.delta, self.batch, bytes(self.body), self.version, legacy)


class Parts:
    def __init__(self, data):
        self.schema, messages = flat.read(data)
        self.parts = [Part(m) for m in messages]
        self.batches = [p for p in self.parts if p.kind == flat.BATCH]
        self.dictionaries = [p for p in self.parts if p.kind == flat.DICTIONARY]

    def where(self, path):
        """(its first node, its first buffer) of a field: f/x of struct f."""
        nodes = buffers = 0
        variadic = iter(self.batches[1].batch["variadic"])
        for f, at in self.places():
            if at == path:
                return nodes, buffers
            own, n = layout(f)
            nodes += own
            buffers += n + (next(variadic) if f["type"]["is"].endswith("_view") and not f["type"]["is"].startswith("l") else 0)
        raise KeyError(path)

    def places(self):
        def walk(fields, above):
            for f in fields:
                at = above + f["name"]
                yield f, at
                if not f["dictionary"]:
                    yield from walk(f["children"], at + "/")
        return walk(self.schema["fields"], "")

    def stream(self, end=flat.END, legacy=False, version=4, **how):
        return flat.schema_message(self.schema, version, legacy) + b"".join(p.message(legacy) for p in self.parts) + end

    def file(self, **how):
        return flat.put_file(self.schema, [(p.kind, p.message()) for p in self.parts], **how)


def layout(f):
    """How many nodes and buffers a field has of its own; variadic ones are not counted."""
    t = f["type"]["is"]
    if f["dictionary"]:
        return 1, 2
    if t in ("null", "run_end"):
        return 1, 0
    if t == "union":
        return 1, 1 + f["type"]["mode"]
    if t in ("struct", "fixed_list"):
        return 1, 1
    if t in ("utf8", "binary", "large_utf8", "large_binary", "list_view", "large_list_view"):
        return 1, 3
    return 1, 2


# --- the sound file they are made from --------------------------------------------

def base_batches():
    words = pa.array(["red", "green", "blue"])
    out = []
    for k, n in enumerate((4, 6)):
        i = range(10 * k, 10 * k + n)
        out.append(pa.record_batch({
            "i": pa.array([x if x % 4 else None for x in i], pa.int32()),
            "b": pa.array([x % 3 == 0 for x in i], pa.bool_()),
            "s": pa.array(["s%d" % x for x in i]),
            "l": pa.array([[x] * (x % 3) for x in i], pa.list_(pa.int16())),
            "m": pa.array([[("k%d" % x, x)] * (x % 2) for x in i], pa.map_(pa.string(), pa.int8())),
            "d": pa.DictionaryArray.from_arrays(pa.array([x % 3 for x in i], pa.int8()), words),
            "g": pa.array([[x, x + 1] for x in i], pa.list_view(pa.int8())),
            "u": pa.UnionArray.from_dense(pa.array([x % 2 for x in i], pa.int8()), pa.array([x // 2 - 5 * k for x in i], pa.int32()),
                                          [pa.array(range(n), pa.int32()), pa.array(["u%d" % x for x in range(n)])], ["a", "z"]),
            "r": pa.RunEndEncodedArray.from_arrays(pa.array([2, n], pa.int32()), pa.array([7.5 + k, 8.5])),
            "f": pa.array([[x, x + 1] for x in i], pa.list_(pa.int32(), 2)),
            "t": pa.array([{"x": x, "y": "y%d" % x} for x in i], pa.struct([("x", pa.int64()), ("y", pa.string())])),
            "v": pa.array(["v%d" % x if x % 2 else "a longer text of number %d" % x for x in i], pa.string_view()),
            "z": pa.array([x * .5 for x in i], pa.float64())}))
    return out


def base(stream=True, codec=None):
    out, batches = io.BytesIO(), base_batches()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(out, batches[0].schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as w:
        for b in batches:
            w.write_batch(b)
    return out.getvalue()


# --- what is changed ----------------------------------------------------------------

def edited(edit, stream=True, codec=None):
    """edit(parts, second batch): then written again."""
    p = Parts(base(stream, codec))
    edit(p, p.batches[1])
    return p.stream() if stream else p.file()


def number(path, buffer, kind, index, value):
    """An element of one of its buffers."""
    def edit(p, b):
        k = p.where(path)[1] + buffer
        struct.pack_into("<" + kind, b.buffer(k), index * struct.calcsize(kind), value)
    return edit


def buffer_is(path, buffer, change):
    """change(offset, length) of its buffer, as the metadata have it."""
    def edit(p, b):
        k = p.where(path)[1] + buffer
        b.batch["buffers"][k] = change(*b.batch["buffers"][k])
    return edit


def node_is(path, change):
    def edit(p, b):
        k = p.where(path)[0]
        b.batch["nodes"][k] = change(*b.batch["nodes"][k])
    return edit


def batch_is(**what):
    return lambda p, b: b.batch.update(what)


def field_is(k, **what):
    def edit(p, b):
        p.schema["fields"][k].update(what)
    return edit


def type_is(path, **what):
    def edit(p, b):
        next(f for f, at in p.places() if at == path)["type"].update(what)
    return edit


def without_dictionary(p, b):
    p.parts = [x for x in p.parts if x.kind == flat.BATCH]


def dictionary_twice(p, b):
    p.parts.insert(1, p.parts[0])


def union_nulls():
    """Metadata V4: a union has a bitmap of its own, here with a null in it."""
    p = Parts(base())
    b = p.batches[1]
    k, at = p.where("u")
    for x in p.parts:
        x.version = 3
    for x in p.batches:     # so has a run-end encoded column
        x.batch["buffers"].insert(p.where("r")[1], (0, 0))
        x.batch["buffers"].insert(at, (0, 0))
    b.body += bytes(-len(b.body) % 8)
    b.batch["buffers"][at] = (len(b.body), 1)
    b.body += b"\x3e" + bytes(7)
    n, _ = b.batch["nodes"][k]
    b.batch["nodes"][k] = (n, 1)
    return p.stream(version=3)


def deep(levels):
    sys.setrecursionlimit(10_000)

    def edit(p, b):
        f = p.schema["fields"][0]
        for _ in range(levels):
            f = dict(f, type={"is": "struct"}, children=[f])
        p.schema["fields"][0] = f
    return edit


def cut(by, stream=True):
    data = base(stream)
    return data[:by(data)]


def second_body(data):
    """Where the second batch's body begins."""
    m = [m for m in flat.stream(data) if m.kind == flat.BATCH][1]
    return m.at + m.size


def tensor():
    out = pa.BufferOutputStream()
    pa.ipc.write_tensor(pa.Tensor.from_numpy(np.arange(6.0).reshape(2, 3)), out)
    return out.getvalue().to_pybytes()


def sparse_tensor():
    return flat.put_message(flat.SPARSE, {0: ("B", 3)}, bytes(64))


def feather1():
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")     # that it is deprecated
        pa.feather.write_feather(pa.table({"i": [1, None, 3], "s": ["a", "b", None]}), out, version=1)
    return out.getvalue()


def footer_says(**what):
    p = Parts(base(False))
    data = bytearray(p.file())
    n = struct.unpack_from("<i", data, len(data) - 10)[0]
    f = flat.footer_of(data)
    for k, change in what.items():
        f[k] = change(f[k])
    return bytes(data[:-10 - n]) + flat.put_footer(f)


def footer_length(n):
    data = base(False)
    return data[:-10] + struct.pack("<i", n) + flat.MAGIC


def body_length(n):
    """The second batch's message, whose body is said to be so long."""
    data = bytearray(base())
    m = [m for m in flat.stream(bytes(data)) if m.kind == flat.BATCH][1]
    t = flat.Table(m.meta)
    struct.pack_into("<q", data, m.at + 8 + t.where(3), n)
    return bytes(data)


def raw_schema(change):
    """The first message's metadata, changed as bytes."""
    data = base()
    m = flat.stream(data)[0]
    meta = bytearray(m.meta)
    change(meta, flat.Table(bytes(meta)))
    return data[:8] + bytes(meta) + data[m.size:]


def compressed(path, buffer, change):
    """One LZ4 buffer of the second batch: change(its bytes, after the length)."""
    def edit(p, b):
        k = p.where(path)[1] + buffer
        change(b.buffer(k))
    return edited(edit, codec="lz4")


def says(n):
    return lambda v: struct.pack_into("<q", v, 0, n)


def scribble(v):
    v[8:] = bytes(len(v) - 8)


def loop(meta, t):
    """The fields' first table is the schema's own."""
    s = t.table(2)
    at, n = s.vector(1)
    struct.pack_into("<I", meta, at, (s.at - at) & 0xffffffff)


def version_is(v):
    p = Parts(base())
    for x in p.parts:
        x.version = v
    return p.stream(version=v)


def itself(p, b):
    """Dictionary 0, whose values are lists of what is in dictionary 0."""
    f = next(f for f in p.schema["fields"] if f["dictionary"])
    f["children"] = [dict(f, name="item", children=[])]
    f["type"] = {"is": "list"}


REFUSED, FAULT, EITHER = "refused", "fault", "either"
E = edited
# file: (how it is made, what comes of it, words or paths)
BAD = {
    # framing
    "cut-in-body.arrows": (lambda: cut(lambda d: second_body(d) + 100), REFUSED, ["792", "100"]),
    "cut-in-metadata.arrows": (lambda: cut(lambda d: second_body(d) - 40), REFUSED, []),
    "cut-in-prefix.arrows": (lambda: cut(lambda d: flat.stream(d)[-1].at + 6), REFUSED, []),
    "cut-in-schema.arrows": (lambda: cut(lambda d: 50), REFUSED, []),
    "cut.arrow": (lambda: cut(lambda d: len(d) - 30, False), REFUSED, ["ARROW1"]),
    "feather-v1.feather": (feather1, REFUSED, ["Feather"]),
    "tensor.arrows": (tensor, REFUSED, ["tensor"]),
    "sparse-tensor.arrows": (sparse_tensor, REFUSED, ["tensor"]),
    "metadata-v3.arrows": (lambda: version_is(2), REFUSED, ["version"]),
    "metadata-v6.arrows": (lambda: version_is(5), REFUSED, ["version"]),
    "footer-length-negative.arrow": (lambda: footer_length(-8), REFUSED, []),
    "footer-length-huge.arrow": (lambda: footer_length(0x7fffffff), REFUSED, ["2147483647"]),
    "footer-version-7.arrow": (lambda: footer_says(version=lambda v: 7), EITHER, []),
    "block-outside.arrow": (lambda: footer_says(batches=lambda v: [v[0], (1 << 40, *v[1][1:])]), REFUSED, ["1099511627776"]),
    "block-negative.arrow": (lambda: footer_says(batches=lambda v: [v[0], (-8, *v[1][1:])]), REFUSED, ["-8"]),
    "block-metadata-negative.arrow": (lambda: footer_says(batches=lambda v: [v[0], (v[1][0], -8, v[1][2])]), REFUSED, ["-8"]),
    "block-body-huge.arrow": (lambda: footer_says(batches=lambda v: [v[0], (*v[1][:2], (1 << 63) - 8)]), EITHER, []),
    "no-dictionary-blocks.arrow": (lambda: footer_says(dictionaries=lambda v: []), FAULT, ["d/indices"]),
    "block-of-a-dictionary.arrow": (lambda: footer_says(batches=lambda v: [v[0], flat.footer_of(Parts(base(False)).file())["dictionaries"][0]]), EITHER, ["*"]),
    "dictionary-block-of-a-batch.arrow": (lambda: footer_says(dictionaries=lambda v: v[:0] + [Parts_block()]), EITHER, ["d"]),
    "body-huge.arrows": (lambda: body_length(1 << 62), REFUSED, ["4611686018427387904"]),
    "body-negative.arrows": (lambda: body_length(-64), REFUSED, ["-64"]),
    "two-schemas.arrows": (lambda: base()[:flat.stream(base())[1].at] + base(), EITHER, ["d"]),
    "field-offset-loops.arrows": (lambda: raw_schema(loop), REFUSED, []),
    "field-offset-leaves.arrows": (lambda: raw_schema(lambda m, t: struct.pack_into("<I", m, t.table(2).vector(1)[0], 1 << 30)), REFUSED, []),
    "fields-huge.arrows": (lambda: raw_schema(lambda m, t: struct.pack_into("<I", m, t.table(2).vector(1)[0] - 4, 1 << 29)), REFUSED, []),
    "vtable-leaves.arrows": (lambda: raw_schema(lambda m, t: struct.pack_into("<i", m, t.table(2).at, -(1 << 20))), REFUSED, []),
    "root-leaves.arrows": (lambda: raw_schema(lambda m, t: struct.pack_into("<I", m, 0, 0xfffffff0)), REFUSED, []),
    # types
    "nested-300-deep.arrows": (lambda: E(deep(300)), REFUSED, ["deep"]),
    "type-unknown.arrows": (lambda: raw_schema(lambda m, t: struct.pack_into("<B", m, t.table(2).tables(1)[0].where(2), 77)), EITHER, ["i"]),
    "int-of-24-bits.arrows": (lambda: E(type_is("i", bits=24)), EITHER, ["i"]),
    "int-of-negative-bits.arrows": (lambda: E(type_is("i", bits=-32)), EITHER, ["i"]),
    "fixed-list-negative.arrows": (lambda: E(type_is("f", size=-2)), EITHER, ["f"]),
    "list-without-child.arrows": (lambda: E(field_is(3, children=[])), EITHER, ["*"]),
    "list-of-two-children.arrows": (lambda: E(lambda p, b: p.schema["fields"][3]["children"].append(p.schema["fields"][0])), EITHER, ["*"]),
    "union-ids-too-few.arrows": (lambda: E(type_is("u", ids=[0])), EITHER, ["u"]),
    "union-ids-negative.arrows": (lambda: E(type_is("u", ids=[-1, 300])), EITHER, ["u"]),
    "run-ends-of-int8.arrows": (lambda: E(type_is("r/run_ends", bits=8)), EITHER, ["r"]),
    "index-of-list.arrows": (lambda: E(lambda p, b: p.schema["fields"][5]["dictionary"].update(index={"is": "int", "bits": 7, "signed": True})), EITHER, ["d"]),
    # batches
    "rows-negative.arrows": (lambda: E(batch_is(length=-1)), EITHER, ["*"]),
    "rows-huge.arrows": (lambda: E(batch_is(length=1 << 62)), EITHER, ["*"]),
    "nodes-missing.arrows": (lambda: E(lambda p, b: b.batch["nodes"].pop()), EITHER, ["z"]),
    "buffers-missing.arrows": (lambda: E(lambda p, b: b.batch["buffers"].pop()), EITHER, ["z"]),
    "variadic-missing.arrows": (lambda: E(batch_is(variadic=[])), EITHER, ["v", "z"]),
    "variadic-negative.arrows": (lambda: E(batch_is(variadic=[-1])), EITHER, ["v", "z"]),
    "variadic-huge.arrows": (lambda: E(batch_is(variadic=[1 << 62])), EITHER, ["v", "z"]),
    "node-other-length.arrows": (lambda: E(node_is("i", lambda n, z: (n - 1, z))), FAULT, ["i"]),
    "node-negative-length.arrows": (lambda: E(node_is("i", lambda n, z: (-n, z))), FAULT, ["i"]),
    "node-more-nulls.arrows": (lambda: E(node_is("i", lambda n, z: (n, n + 5))), EITHER, ["i", "i.validity"]),
    "node-negative-nulls.arrows": (lambda: E(node_is("z", lambda n, z: (n, -1))), EITHER, ["z", "z.validity"]),
    "nulls-without-bitmap.arrows": (lambda: E(node_is("z", lambda n, z: (n, 1))), FAULT, ["z"]),
    "child-shorter-struct.arrows": (lambda: E(node_is("t/x", lambda n, z: (n - 1, z))), FAULT, ["t/x"]),
    "child-shorter-fixed-list.arrows": (lambda: E(node_is("f/item", lambda n, z: (n - 1, z))), FAULT, ["f"]),
    "child-shorter-list.arrows": (lambda: E(node_is("l/item", lambda n, z: (n - 1, z))), FAULT, ["l/values"]),
    "buffer-short.arrows": (lambda: E(buffer_is("i", 1, lambda at, n: (at, n - 1))), FAULT, ["i"]),
    "buffer-empty.arrows": (lambda: E(buffer_is("z", 1, lambda at, n: (at, 0))), FAULT, ["z"]),
    "bitmap-short.arrows": (lambda: E(buffer_is("i", 0, lambda at, n: (at, 0))), FAULT, ["i"]),
    "bools-short.arrows": (lambda: E(buffer_is("b", 1, lambda at, n: (at, 0))), FAULT, ["b"]),
    "offsets-short.arrows": (lambda: E(buffer_is("s", 1, lambda at, n: (at, n - 4))), FAULT, ["s/offsets"]),
    "text-short.arrows": (lambda: E(buffer_is("s", 2, lambda at, n: (at, n - 1))), FAULT, ["s/values"]),
    "buffer-negative.arrows": (lambda: E(buffer_is("i", 1, lambda at, n: (at, -n))), FAULT, ["i"]),
    "buffer-offset-negative.arrows": (lambda: E(buffer_is("i", 1, lambda at, n: (-64, n))), FAULT, ["i"]),
    "buffer-leaves.arrows": (lambda: E(buffer_is("i", 1, lambda at, n: (1 << 40, n))), FAULT, ["i"]),
    "buffer-wraps.arrows": (lambda: E(buffer_is("i", 1, lambda at, n: ((1 << 63) - 8, n))), FAULT, ["i"]),
    # values
    "offsets-fall.arrows": (lambda: E(number("s", 1, "i", 3, 1)), FAULT, ["s/offsets"]),
    "offsets-fall-in-list.arrows": (lambda: E(number("l", 1, "i", 3, -5)), FAULT, ["l/offsets"]),
    "offsets-fall-in-map.arrows": (lambda: E(number("m", 1, "i", 4, 0)), FAULT, ["m/offsets"]),
    "offsets-begin-negative.arrows": (lambda: E(number("s", 1, "i", 0, -4)), FAULT, ["s/offsets"]),
    "offsets-leave.arrows": (lambda: E(number("s", 1, "i", 6, 30)), FAULT, ["s/values"]),
    "offsets-leave-in-list.arrows": (lambda: E(number("l", 1, "i", 6, 7)), FAULT, ["l/values"]),
    "index-beyond.arrows": (lambda: E(number("d", 1, "b", 2, 3)), FAULT, ["d/indices"]),
    "index-negative.arrows": (lambda: E(number("d", 1, "b", 2, -1)), FAULT, ["d/indices"]),
    "list-view-leaves.arrows": (lambda: E(number("g", 1, "i", 2, 11)), FAULT, ["g/values"]),
    "list-view-negative-size.arrows": (lambda: E(number("g", 2, "i", 2, -1)), FAULT, ["g/offsets"]),
    "list-view-negative-offset.arrows": (lambda: E(number("g", 1, "i", 2, -1)), FAULT, ["g/values"]),
    "view-leaves.arrows": (lambda: E(number("v", 1, "i", 3, 78)), FAULT, ["v/values"]),
    "view-negative-length.arrows": (lambda: E(number("v", 1, "i", 0, -1)), FAULT, ["v/offsets"]),
    "view-other-prefix.arrows": (lambda: E(number("v", 1, "i", 1, 0x41414141)), FAULT, ["v/values"]),
    "union-offset-leaves.arrows": (lambda: E(number("u", 1, "i", 1, 6)), FAULT, ["u/offsets"]),
    "union-nulls-v4.arrows": (union_nulls, FAULT, ["u/types"]),
    "run-ends-fall.arrows": (lambda: E(number("r/run_ends", 1, "i", 1, 1)), FAULT, ["r/run_ends"]),
    "run-ends-zero.arrows": (lambda: E(number("r/run_ends", 1, "i", 0, 0)), FAULT, ["r/run_ends"]),
    "run-ends-short.arrows": (lambda: E(number("r/run_ends", 1, "i", 1, 5)), FAULT, ["r/run_ends"]),
    # dictionaries
    "dictionary-missing.arrows": (lambda: E(without_dictionary), FAULT, ["d/indices"]),
    "dictionary-missing.arrow": (lambda: E(without_dictionary, False), FAULT, ["d/indices"]),
    "dictionary-twice.arrow": (lambda: E(dictionary_twice, False), FAULT, ["d/indices"]),
    "dictionary-late.arrows": (lambda: E(lambda p, b: p.parts.reverse()), EITHER, ["*"]),
    "dictionary-of-itself.arrows": (lambda: E(itself), EITHER, ["d"]),
    "dictionary-of-two-rows.arrows": (lambda: E(lambda p, b: p.dictionaries[0].batch.update(length=2)), EITHER, ["d"]),
    # compressed buffers
    "codec-unknown.arrows": (lambda: codec_is(9), EITHER, ["*"]),
    "length-longer.arrows": (lambda: compressed("z", 1, says(56)), FAULT, ["z"]),
    "length-shorter.arrows": (lambda: compressed("z", 1, says(40)), FAULT, ["z"]),
    "length-huge.arrows": (lambda: compressed("z", 1, says(1 << 62)), FAULT, ["z"]),
    "length-minus-two.arrows": (lambda: compressed("z", 1, says(-2)), FAULT, ["z"]),
    "stored-short.arrows": (lambda: compressed("z", 1, says(-1)), EITHER, ["z"]),
    "frame-broken.arrows": (lambda: compressed("z", 1, scribble), FAULT, ["z"]),
    "length-missing.arrows": (lambda: edited(buffer_is("z", 1, lambda at, n: (at, 5)), codec="lz4"), FAULT, ["z"]),
}


def Parts_block():
    return flat.footer_of(Parts(base(False)).file())["batches"][0]


def codec_is(n):
    p = Parts(base(codec="lz4"))
    out = flat.schema_message(p.schema)
    for x in p.parts:
        header = flat.put_batch(x.batch)
        header[3] = {0: ("b", n), 1: ("b", 0)}
        if x.kind == flat.DICTIONARY:
            header = {0: ("q", x.id), 1: header}
        out += flat.put_message(x.kind, header, bytes(x.body))
    return out + flat.END


def make(folder):
    folder.mkdir(exist_ok=True)
    for name, (data, _, _) in BAD.items():
        (folder / name).write_bytes(data())
