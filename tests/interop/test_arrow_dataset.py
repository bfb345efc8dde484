#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Directories of Arrow files as one table (-o dataset).  What it has to be: the stream in which
the files' messages follow each other, as pyarrow decodes it, or pyarrow's own union of them."""
import datetime
import decimal
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need  # noqa: E402

np, pa = need("numpy", "pyarrow")
import arrow_flat  # noqa: E402
import arrow_model  # noqa: E402
import arrow_random  # noqa: E402
import pyarrow.dataset  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import widening  # noqa: E402

DATA = os.environ.get("TEST_DATA") or os.path.dirname(os.path.abspath(__file__)) + "/../data"
OPTION = ("-o", "dataset")
TABLES = int(os.environ.get("ARROW_TABLES", "25"))
D = decimal.Decimal


# --- writing ------------------------------------------------------------------

def write(root, name, table, stream=None, **options):
    path = os.path.join(str(root), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    stream = name.endswith(".arrows") if stream is None else stream
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(path, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as w:
        for b in table.to_batches() if isinstance(table, pa.Table) else table.batches:
            w.write_batch(b)
    return path


class Batches:
    """As they are, with dictionaries that differ."""

    def __init__(self, schema, batches):
        self.schema, self.batches = schema, batches


def serialized(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as w:
        for b in table.to_batches() if isinstance(table, pa.Table) else table.batches:
            w.write_batch(b)
    return sink.getvalue()


def messages(data):
    reader = pa.BufferReader(data)
    while True:
        try:
            yield pa.ipc.read_message(reader)
        except EOFError:
            return


def behind_each_other(tables):
    """One stream of the messages of all, which have one schema."""
    out = b""
    for k, t in enumerate(tables):
        out += b"".join(m.serialize().to_pybytes() for m in messages(serialized(t)) if k == 0 or m.type != "schema")
    return out + b"\xff\xff\xff\xff\0\0\0\0"


# --- comparing ----------------------------------------------------------------

def extracted(root):
    with folder() as dest:
        arrayfs("--extract", *OPTION, root, dest / "o")
        return {os.path.relpath(os.path.join(at, name), dest / "o"): open(os.path.join(at, name), "rb").read()
                for at, _, names in os.walk(dest / "o") for name in names}


def faults_of(root, stream, below=""):
    """What differs from what is to be shown of the stream: of `below` in the directory."""
    want = arrow_model.shown(stream)
    got = extracted(root)
    told = {o["path"]: o for o in listed(root, *OPTION, inner=True)}
    faults = []
    for p, node in want.nodes.items():
        full = f"{below}{p}"
        unknown = any(p == u or p.startswith((u + "/", u + ".")) for u in want.unknown)
        if p == "" or p in want.optional and full not in told:
            continue
        if full not in told:
            faults.append(f"{full} is missing")
            continue
        o = told.pop(full)
        if not unknown:
            faults += [f"{full}: {word} {o.get(word)}, not {node[word]}" for word in ("dtype", "shape", "byteorder")
                       if o.get(word) != node.get(word)]
        if "types" in node and o.get("type") not in node["types"]:
            faults.append(f"{full}: type {o.get('type')}, not of {node['types']}")
        if node["data"] is not None and not unknown and got.get(full) != node["data"]:
            g, v = got.get(full, b""), node["data"]
            i = next((i for i in range(min(len(g), len(v))) if g[i] != v[i]), min(len(g), len(v)))
            faults.append(f"{full}: {len(g)} bytes, not {len(v)}; from {i} on {g[i:i + 12].hex()}, not {v[i:i + 12].hex()}")
        if "extension" in node and o.get("extension") != node["extension"]:
            faults.append(f"{full}: extension {o.get('extension')}")
        if o.get("attributes"):
            faults.append(f"{full}: attributes {o['attributes']}")
    faults += [f"{p} is not expected" for p in told if p.startswith(below) and p.rstrip("/") != below.rstrip("/")
               and not any(p == u or p.startswith((u + "/", u + ".")) for u in want.unknown)]
    return faults


def same_stream(root, stream, below=""):
    faults = faults_of(root, stream, below)
    assert not faults, "\n".join(faults[:8])


def same(root, table, below=""):
    same_stream(root, serialized(table).to_pybytes(), below)


def cat(root, path):
    return arrayfs("--cat", *OPTION, root, path).stdout


def refused(root, *options):
    r = arrayfs("--list", *(options or OPTION), root, code=1)
    assert not r.stdout, r
    return r.stderr.decode().strip().removeprefix(f"arrayfs: {root}: ")


def numbers(values, dtype="<i8"):
    return np.array(values, dtype).tobytes()


# --- the same schema in all -------------------------------------------------------

with check("tables_at_random_go_on_over_files"):
    told = []
    for k in range(TABLES):
        made = arrow_random.Random(7000 + k)
        schema = made.schema()
        parts = [Batches(schema, made.batches(schema, replace=k % 2)) for _ in range(made.pick([1, 2, 3, 5]))]
        with folder() as f:
            try:
                for i, p in enumerate(parts):
                    write(f, f"{i}.arrows" if k % 2 else f"{i}.arrow", p, compression=made.pick([None, "lz4", "zstd"]))
            except pa.ArrowInvalid:
                continue
            told += [f"{7000 + k}: {fault}" for fault in faults_of(f, behind_each_other(parts))[:3]]
    assert not told, "\n".join(told[:12])

with check("dictionaries_of_files_are_joined_as_replacements_are"):
    words = lambda kind, *batches: pa.table({"d": pa.chunked_array([pa.array(b).dictionary_encode().cast(pa.dictionary(kind, pa.string()))
                                                                    for b in batches])})
    with folder() as f:
        tables = [words(pa.int8(), ["a", None, "b"]), words(pa.int8(), [f"w{i}" for i in range(100)]), words(pa.int8(), [f"x{i}" for i in range(50)] + [None])]
        for i, t in enumerate(tables):
            write(f, f"{i}.arrow", t)
        same_stream(f, behind_each_other(tables))
        got = np.frombuffer(cat(f, "d/indices"), "<i2")
        assert got[0] == 0 and got[1] == 0 and got[2] == 1 and got[3] == 2 and got[-2] == 151 and got[-1] == 0, got
    with folder() as f: # indices of different widths, values of different kinds of strings
        a = pa.table({"d": pa.array(["a", "b"]).dictionary_encode().cast(pa.dictionary(pa.uint8(), pa.large_string()))})
        b = pa.table({"d": pa.array([None, "c"]).dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string()))})
        write(f, "a.arrow", a)
        write(f, "b.arrow", b)
        write(f, "c.arrow", pa.table({"x": [1]}))
        assert cat(f, "d/indices") == numbers([0, 1, 0, 2, 0], "<i4") and cat(f, "d.validity") == b"\1\1\0\1\0"
        assert cat(f, "d/dictionary/values") == b"abc" and cat(f, "d/dictionary/offsets") == numbers([0, 1, 2, 3])
        o = {o["path"]: o for o in listed(f, *OPTION, inner=True)}
        assert o["d"]["type"] == "dictionary<values=large_string, indices=int32, ordered=0>", o["d"]


# --- different ones ------------------------------------------------------------------

with check("types_are_widened_where_nothing_is_lost"):
    for x, y, together in widening.pairs():
        with folder() as f:
            write(f, "a.arrow", x)
            write(f, "b.arrow", y)
            same(f, together)

with check("decimals_and_nulls_are_widened"):
    with folder() as f:
        a = pa.table({"d": pa.array([D("-1.25"), None], pa.decimal32(5, 2)), "n": pa.nulls(2), "s": pa.nulls(2), "l": pa.nulls(2), "c": pa.nulls(2)})
        b = pa.table({"d": pa.array([D("-123456789012345678901.25")], pa.decimal128(30, 2)), "n": pa.array([7]), "s": ["abc"], "l": [[1, 2]],
                      "c": pa.array(["x"]).dictionary_encode()})
        c = pa.table({"d": pa.array([D("9.50")], pa.decimal64(12, 2)), "n": pa.nulls(1), "s": pa.nulls(1), "l": pa.nulls(1), "c": pa.nulls(1)})
        for name, t in (("a", a), ("b", b), ("c", c)):
            write(f, name + ".feather", t)
        same(f, pa.concat_tables([t.cast(b.schema) for t in (a, b, c)]))

with check("strings_binaries_and_lists_are_one_type_each"):
    with folder() as f:
        ways = [(pa.string(), pa.binary(), pa.list_), (pa.large_string(), pa.large_binary(), pa.large_list), (pa.string_view(), pa.binary_view(), pa.list_view)]
        tables = [pa.table({"s": pa.array(["a", None, "a longer text than that"], s), "b": pa.array([b"\0", b"", None], b),
                            "l": pa.array([["x"], None, ["y", None]], l(s))}) for s, b, l in ways]
        for i, t in enumerate(tables):
            write(f, f"{i}.arrow", t)
        target = pa.schema([("s", pa.large_string()), ("b", pa.large_binary()), ("l", pa.large_list(pa.large_string()))])
        same(f, pa.table({n: pa.array([v for t in tables for v in t[n].to_pylist()], target.field(n).type) for n in target.names}, target))

with check("structs_lists_and_maps_are_united_by_name"):
    with folder() as f:
        a = pa.table({"st": [{"a": 1, "in": {"x": 1}}, None], "ls": [[{"a": 1}, None], [{"a": 2}]], "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
                      "fx": pa.array([[1, None], None], pa.list_(pa.int8(), 2))})
        b = pa.table({"ls": pa.array([[{"b": "z", "a": 5}, {"b": None, "a": None}], None, []]), "st": [{"b": 2.5, "in": {"y": ["p", "q"]}}, None, {"b": None, "in": None}]})
        c = pa.table({"q": [1, 2], "m": pa.array([[("kk", 1 << 40), ("l", None)], []], pa.map_(pa.string(), pa.int64())), "fx": pa.array([[1000, 2], [3, 4]], pa.list_(pa.int16(), 2))})
        for name, t in (("a", a), ("b", b), ("c", c)):
            write(f, name + ".arrow", t)
        st = pa.struct([("a", pa.int64()), ("in", pa.struct([("x", pa.int64()), ("y", pa.list_(pa.string()))])), ("b", pa.float64())])
        target = pa.schema([("st", st), ("ls", pa.list_(pa.struct([("a", pa.int64()), ("b", pa.string())]))), ("m", pa.map_(pa.string(), pa.int64())),
                            ("fx", pa.list_(pa.int16(), 2)), ("q", pa.int64())])
        rows = [r for t in (a, b, c) for r in t.to_pylist()]
        same(f, pa.Table.from_pylist([{n: r.get(n) for n in target.names} for r in rows], target))

with check("required_and_nullable_make_nullable"):
    with folder() as f:
        need_x = pa.schema([pa.field("x", pa.int64(), False), pa.field("st", pa.struct([pa.field("y", pa.int32(), False)]), False)])
        a = pa.table({"x": [1, 2], "st": [{"y": 1}, {"y": 2}]}, need_x)
        b = pa.table({"x": [None, 4], "st": [None, {"y": None}]}, pa.schema([("x", pa.int64()), ("st", pa.struct([("y", pa.int32())]))]))
        write(f, "a.arrow", a)
        assert not [o["path"] for o in listed(f, *OPTION) if "validity" in o["path"]]
        write(f, "b.arrow", b)
        same(f, pa.concat_tables([a.cast(b.schema), b]))

with check("unions_and_runs_go_on_with_children_widened"):
    with folder() as f:
        def union(kind, types, *columns):
            args = (pa.array(types, pa.int8()),) + ((pa.array([types[:i].count(t) for i, t in enumerate(types)], pa.int32()),) if kind == "dense" else ())
            make = pa.UnionArray.from_dense if kind == "dense" else pa.UnionArray.from_sparse
            return make(*args, list(columns), ["i", "s"])
        runs = lambda t, ends, values: pa.RunEndEncodedArray.from_arrays(pa.array(ends, t), pa.array(values))
        parts = []
        for k, kind in enumerate((pa.int32(), pa.int64())):
            types = [0, 1, 0]
            parts.append(pa.table({"d": union("dense", types, pa.array([1, None], kind), pa.array(["x"])),
                                   "s": union("sparse", types, pa.array([1, 2, 3], kind), pa.array(["p", "q", None])),
                                   "r": runs(pa.int16() if k else pa.int32(), [2, 3], ["v", None])}))
            write(f, f"{k}.arrow", parts[-1])
        assert cat(f, "d/types") == cat(f, "s/types") == b"\0\1\0" * 2
        assert cat(f, "d/offsets") == numbers([0, 0, 1, 2, 1, 3]) and cat(f, "d/i") == numbers([1, 0, 1, 0]) and cat(f, "d/s/values") == b"xx"
        assert cat(f, "s/i") == numbers([1, 2, 3] * 2) and cat(f, "r/run_ends") == numbers([2, 3, 5, 6]) and cat(f, "r/values/values") == b"vv"

with check("differences_that_lose_something_are_refused_with_both_files"):
    def two(a, b):
        with folder() as f:
            write(f, "a.arrow", a if isinstance(a, pa.Table) else pa.table({"x": a}))
            write(f, "sub/b.arrow", b if isinstance(b, pa.Table) else pa.table({"x": b}))
            return refused(f)
    i, u = pa.array([1]), pa.array([1], pa.uint64())
    assert two(i, pa.array([1.5])) == "x is int64 in a.arrow and double in sub/b.arrow"
    assert two(i, u) == "x is int64 in a.arrow and uint64 in sub/b.arrow"
    dense = pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [i])
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), i)
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((1, 2, 3), "f4"))
    for a, b in ((pa.array([1], pa.date32()), pa.array([1], pa.timestamp("us"))), (pa.array([1], pa.timestamp("ms")), pa.array([1], pa.timestamp("us"))),
                 (pa.array([1], pa.timestamp("us", "UTC")), pa.array([1], pa.timestamp("us"))), (pa.array(["a"]), pa.array([b"a"])), (i, pa.array([[1]])),
                 (pa.array([{"a": 1}]), pa.array([[1]])), (pa.array([True]), i), (pa.array([b"abc"], pa.binary(3)), pa.array([b"abcd"], pa.binary(4))),
                 (pa.array([D("1.2")], pa.decimal128(5, 1)), pa.array([D("1.25")], pa.decimal128(5, 2))), (pa.array(["a"]).dictionary_encode(), pa.array(["a"])),
                 (pa.array(["a"]).dictionary_encode(), pa.array([1]).dictionary_encode()), (pa.array([[1]], pa.list_(pa.int64(), 1)), pa.array([[1]])),
                 (dense, i), (dense, pa.nulls(1)), (runs, pa.nulls(1)), (runs, i), (tensor, tensor.storage),
                 (tensor, pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((1, 3, 2), "f4")))):
        for first, second in ((a, b), (b, a)):
            said = two(first, second)
            assert said.startswith("x is ") and " in a.arrow" in said and " sub/b.arrow" in said.replace("and b", " b"), said
    other = pa.table({"y": [1]})
    for column in (dense, runs, pa.StructArray.from_arrays([dense], ["u"])):
        said = two(pa.table({"x": column}), other)
        assert said.startswith("x") and said.endswith(" in a.arrow, and sub/b.arrow has no such column"), said
        said = two(other, pa.table({"x": column}))
        assert said.startswith("x") and said.endswith(" in sub/b.arrow, and a.arrow has no such column"), said
    inner = two(pa.table({"st": [{"in": [1]}]}), pa.table({"st": [{"in": [1.5]}]}))
    assert inner.startswith("st.in.item is int64 in a.arrow and double in sub/b.arrow"), inner
    twice = pa.table([pa.array([1]), pa.array([2])], names=["x", "x"])
    assert two(twice, twice) == "a.arrow: two columns called x"

def turned(table):
    """As a big-endian stream: of text and numbers of four and eight bytes."""
    schema, found = arrow_flat.read(serialized(table).to_pybytes())
    schema["big"] = True
    out = arrow_flat.schema_message(schema)
    for m in found:
        body, batch = bytearray(m.body), m.batch()
        for k, (at, n) in enumerate(batch["buffers"]):
            width = table.meta[k]
            for i in range(at, at + n - n % width if width > 1 else at, width):
                body[i:i + width] = body[i:i + width][::-1]
        out += arrow_flat.batch_message(batch, bytes(body), m.version)
    return out + arrow_flat.END


class Wide(Batches):
    """meta: the width of the numbers in each buffer."""

    def __init__(self, table, meta):
        super().__init__(table.schema, table.to_batches())
        self.meta = meta


with check("of_both_byte_orders_is_refused_and_of_one_joined"):
    with folder() as f:
        a = Wide(pa.table({"x": pa.array([1, -2, None], pa.int16()), "f": pa.array([1.5, 2, 3], pa.float32())}), (1, 2, 1, 4))
        b = Wide(pa.table({"x": pa.array([1 << 40, -3], pa.int64()), "f": pa.array([2.5, -1e300], pa.float64())}), (1, 8, 1, 8))
        for name, t in (("k=7/a.arrows", a), ("k=8/b.arrows", b)):
            os.makedirs(os.path.dirname(f / name))
            (f / name).write_bytes(turned(t))
        assert cat(f, "x") == numbers([1, -2, 0, 1 << 40, -3], ">i8") and cat(f, "f") == numbers([1.5, 2, 3, 2.5, -1e300], ">f8")
        assert cat(f, "k") == numbers([7, 7, 7, 8, 8], ">i8")
        assert {o["path"]: o.get("byteorder") for o in listed(f, *OPTION)} == {"x": "big", "x.validity": None, "f": "big", "f.validity": None, "k": "big"}
        write(f, "k=9/c.arrows", pa.table({"x": [1]}))
        assert refused(f) == "byte order is big in k=8/b.arrows and little in k=9/c.arrows", refused(f)

# --- files and paths ---------------------------------------------------------------------

with check("hive_partitions_by_pyarrow"):
    with folder() as f:
        t = pa.table({"x": list(range(200)), "s": [f"w{i}" for i in range(200)], "year": [2020 + i % 3 for i in range(200)],
                      "day": [datetime.date(2024, 1, 1 + i % 2) for i in range(200)], "word": [["a/b=c", "größe", "x y"][i % 3] for i in range(200)]})
        pa.dataset.write_dataset(t, str(f), format="feather", partitioning=pa.dataset.partitioning(
            pa.schema([t.schema.field(n) for n in ("year", "day", "word")]), flavor="hive"))
        paths = sorted(os.path.relpath(os.path.join(at, n), f) for at, _, names in os.walk(f) for n in names)
        order = [pa.ipc.open_file(f / p).read_all() for p in paths]
        rows = [{k: v for k, v in zip(("year", "day", "word"), (part.split("=", 1)[1] for part in p.split("/")))} for p in paths]
        whole = pa.concat_tables(order)
        for key, kind, make in (("year", pa.int64(), int), ("day", pa.date32(), datetime.date.fromisoformat), ("word", pa.string(), None)):
            from urllib.parse import unquote
            values = [(make or unquote)(unquote(r[key]) if make is None else r[key]) if make is None else make(r[key]) for r in rows]
            column = pa.array([v for v, t in zip(values, order) for _ in range(len(t))], kind)
            whole = whole.append_column(pa.field(key, kind, False), column)
        same(f, whole)

with check("a_key_has_validity_only_if_some_path_lacks_it"):
    for kind, put in (("arrow", write), ("parquet", lambda root, name, t: (os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True), pq.write_table(t, f"{root}/{name}")))):
        with folder() as f:
            put(f, f"k=1/s=a/p.{kind}", pa.table({"x": [1]}))
            put(f, f"k=2/s=/p.{kind}", pa.table({"x": [2]}))
            assert [o["path"] for o in listed(f, *OPTION) if o["path"].startswith(("k", "s"))] == ["k", "s/offsets", "s/values"]
            put(f, f"k=__HIVE_DEFAULT_PARTITION__/s=b/p.{kind}", pa.table({"x": [3]}))
            assert [o["path"] for o in listed(f, *OPTION) if o["path"].startswith(("k", "s"))] == ["k", "k.validity", "s/offsets", "s/values"]
            put(f, f"k=3/p.{kind}", pa.table({"x": [4]}))
            assert cat(f, "s.validity") == b"\1\1\0\1" and cat(f, "k.validity") == b"\1\1\1\0" and cat(f, "k") == numbers([1, 2, 3, 0])

with check("which_files_belong_to_the_table"):
    with folder() as f:
        assert refused(f) == "no Parquet or Arrow file in it"
        for name in ("b/x", "a.arrow", "a/1.feather", "Z.ipc", "z.arrows"):
            write(f, name, pa.table({"x": [name]}))
        write(f, "y", pa.table({"x": ["stream"]}), stream=True)
        for name in ("_meta.arrow", ".hidden.arrow", "_tmp/a.arrow", ".git/b.arrow"):
            write(f, name, pa.table({"y": [name]}))
        (f / "notes.txt").write_text("ARROW1 is how it begins")
        (f / "empty").write_bytes(b"")
        assert cat(f, "x/values") == b"Z.ipca.arrowa/1.featherb/xstreamz.arrows", cat(f, "x/values")
        (f / "c.arrow").write_text("text")
        assert refused(f) == "c.arrow: not an Arrow file", refused(f)
        (f / "c.arrow").write_bytes(b"ARROW1\0\0 and no end")
        assert refused(f) == "c.arrow: no ARROW1 at its end; it is cut short or still being written", refused(f)

with check("parquet_and_arrow_are_not_one_table"):
    for parquet, arrow in (("p.parquet", "q.arrow"), ("q.parquet", "p.arrow"), ("p", "q"), ("d/p", "d/q.feather"), ("p.pq", "a")):
        with folder() as f:
            write(f, arrow, pa.table({"x": [1]}))
            pq.write_table(pa.table({"x": [1]}), str(f / parquet))
            said = refused(f)
            first, second = sorted([(parquet, "Parquet"), (arrow, "Arrow")])
            assert said == f"{first[0]} is a {first[1]} file and {second[0]} a {second[1]} file: not one table", said

with check("tables_with_a_log_of_their_own_are_refused_by_name"):
    with folder() as f:
        write(f, "a.arrow", pa.table({"x": [1]}))
        os.makedirs(f / "_delta_log")
        assert refused(f).startswith("a Delta table, by its _delta_log")
        assert arrayfs("--cat", "-o", "dataset=files", f, "x").stdout == numbers([1])

with check("metadata_of_the_files_does_not_show_and_rows_are_told_with_their_files"):
    with folder() as f:
        field = pa.field("v", pa.int64(), metadata={"c": "d"})
        for k in (1, 2):
            write(f, f"k={k}/a.arrow", pa.table({"v": [1] * k}, pa.schema([field], {"a": "b"})), compression="zstd")
        told = {o["path"]: o for o in listed(f, *OPTION, inner=True)}
        assert not any("attributes" in o for o in told.values()), told
        assert told["v"]["codec"] == "zstd" and "codec" not in told["k"] and told["k"]["type"] == "int64"
        assert told["v"]["batches"] == [{"file": "k=1/a.arrow", "partition": {"k": 1}, "rows": [0, 1]},
                                        {"file": "k=2/a.arrow", "partition": {"k": 2}, "rows": [1, 3]}], told["v"]

# --- what Hugging Face's datasets wrote: tests/data/huggingface, by scripts/fixtures/huggingface.py

HF = os.path.join(DATA, "huggingface")


def part(*paths):
    """The tables of streams, as one."""
    return pa.concat_tables([pa.ipc.open_stream(os.path.join(HF, p)).read_all() for p in paths]).replace_schema_metadata(None)


def copied(f, name):
    shutil.copytree(os.path.join(HF, name), f / name)
    return f / name


def change(path, **values):
    with open(path) as f:
        told = json.load(f)
    with open(path, "w") as f:
        json.dump(told | values, f)


with check("what_save_to_disk_wrote_is_in_the_order_of_its_state"):
    root = os.path.join(HF, "saved")
    names = [f"saved/data-{i:05}-of-00003.arrow" for i in range(3)]
    same(root, part(*names))
    told = {o["path"]: o for o in listed(root, *OPTION, inner=True)}
    assert told[""]["attributes"] == {"dataset_info": open(f"{root}/dataset_info.json").read()}, told[""]
    with folder() as f:
        root = copied(f, "saved")
        write(root, "data-00003-of-00003.arrow", pa.table({"other": [1]}))
        write(root, "cache-0123456789abcdef.arrow", pa.table({"other": [1]}))
        pq.write_table(pa.table({"other": [1]}), str(root / "x.parquet"))
        same(root, part(*names))
        change(root / "state.json", _data_files=[{"filename": n.split("/")[1]} for n in (names[2], names[0], names[2])])
        same(root, part(names[2], names[0], names[2]))
        os.unlink(root / "dataset_info.json")
        same(root, part(names[2], names[0], names[2]))

with check("splits_are_directories"):
    root = os.path.join(HF, "dict")
    assert sorted({o["path"].split("/")[0] for o in listed(root, *OPTION)}) == ["test", "train"]
    assert [o["path"] for o in listed(root, *OPTION, inner=True) if o["path"] in ("train", "test")] == ["train", "test"]
    same(root, part("dict/train/data-00000-of-00002.arrow", "dict/train/data-00001-of-00002.arrow"), "train/")
    same(root, part("dict/test/data-00000-of-00001.arrow"), "test/")
    told = {o["path"]: o for o in listed(root, *OPTION, inner=True)}
    for split in ("train", "test"):
        assert told[split]["attributes"] == {"dataset_info": open(f"{root}/{split}/dataset_info.json").read()}
    assert "attributes" not in told[""]

with check("no_files_are_an_empty_directory"):
    with folder() as f:
        root = copied(f, "saved")
        change(root / "state.json", _data_files=[])
        assert listed(root, *OPTION, inner=True)[1:] == []

with check("what_a_cache_holds_is_a_directory_for_each_split"):
    root = os.path.join(HF, "cache")
    same(root, part("cache/csv-train-00000-of-00002.arrow", "cache/csv-train-00001-of-00002.arrow"), "train/")
    same(root, part("cache/csv-test.arrow"), "test/")
    told = {o["path"]: o for o in listed(root, *OPTION, inner=True)}
    assert told["test"]["attributes"] == {"dataset_info": open(f"{root}/dataset_info.json").read()}
    with folder() as f:
        root = copied(f, "cache")
        write(root, "cache-0123456789abcdef.arrow", pa.table({"other": [1]}))
        write(root, "csv-validation.arrow", pa.table({"other": [1]}))
        same(root, part("cache/csv-test.arrow"), "test/")
        assert sorted(o["path"] for o in listed(root, *OPTION, inner=True) if "/" not in o["path"]) == ["", "test", "train"]
        for stray, said in (("other-test.arrow", "other-test.arrow does not go with csv-test.arrow: some file is missing, or one too many"),
                            ("csv-test-00000-of-00001.arrow", "csv-test.arrow does not go with csv-test-00000-of-00001.arrow: some file is missing, or one too many")):
            write(root, stray, pa.table({"other": [1]}))
            assert refused(root) == said, refused(root)
            assert arrayfs("--list", "-o", "dataset=files", root, code=None).returncode in (0, 1)
            os.unlink(root / stray)
        os.rename(root / "csv-train-00001-of-00002.arrow", f / "kept")
        assert refused(root) == "csv-train-00000-of-00002.arrow is the last of 2 files, of which there are 1", refused(root)
        os.unlink(root / "csv-train-00000-of-00002.arrow")
        assert refused(root) == "dataset_info.json names train, which has no file here", refused(root)

with check("a_state_of_others_is_none"):
    with folder() as f:
        pq.write_table(pa.table({"x": [1]}), str(f / "a.parquet"))
        (f / "state.json").write_text("{}")
        assert cat(f, "x") == numbers([1])

with check("a_folder_that_lies_is_refused_by_name"):
    with folder() as f:
        root = copied(f, "saved")
        write(f, "out.arrow", pa.table({"x": [1]}))
        for name in ("../out.arrow", "/etc/passwd", "data-00000-of-00003.arrow/", "./data-00000-of-00003.arrow", "a/../data-00000-of-00003.arrow"):
            change(root / "state.json", _data_files=[{"filename": name}])
            assert refused(root) == f"state.json names {name}, which is not a path within its folder", refused(root)
        change(root / "state.json", _data_files=[{"filename": "nothing.arrow"}])
        assert refused(root) == "state.json names nothing.arrow, which is not there", refused(root)
        os.symlink("../out.arrow", root / "link.arrow")
        change(root / "state.json", _data_files=[{"filename": "link.arrow"}])
        assert refused(root) == "link.arrow: a symbolic link that leads out of the folder; -o follow reads it", refused(root)
        assert arrayfs("--cat", "-o", "dataset,follow", root, "x").stdout == numbers([1])
        os.mkdir(root / "sub")
        write(root, "sub/x.arrow", pa.table({"x": [5]}))
        change(root / "state.json", _data_files=[{"filename": "sub/x.arrow"}])
        assert cat(root, "x") == numbers([5])
        for text, said in (("{", "byte"), ("[]", "state.json: it is no JSON object"), ("{}", "state.json does not name its files; -o dataset=files takes all as they lie"),
                           ('{"_data_files": 1}', "state.json"), ('{"_data_files": [{}]}', "state.json"), ('{"_data_files": null}', "state.json"), ("", "state.json"),
                           ('{"_data_files": [{"filename": "dataset_info.json"}]}', "dataset_info.json: not an Arrow file")):
            (root / "state.json").write_text(text)
            assert said in refused(root), (text, refused(root))
    with folder() as f:
        root = copied(f, "dict")
        for splits, said in ((["train", "more"], "more/state.json is not there"), (["../saved"], "dataset_dict.json names ../saved, which is no name of a folder in it"),
                             (["train", "train"], "dataset_dict.json names train, which it has named before"), ([""], "dataset_dict.json names , which is no name of a folder in it")):
            change(root / "dataset_dict.json", splits=splits)
            assert refused(root) == said, refused(root)

done()
