#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Messages by a schema, compared with what Python's protobuf library reads: fields, types and every byte; and what each
change of a schema gives, safe or not, by descriptors of both versions."""
import gzip
import os
import random
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

np, pb, pool, factory = need("numpy", "google.protobuf.descriptor_pb2", "google.protobuf.descriptor_pool", "google.protobuf.message_factory")
from google.protobuf.internal.encoder import _VarintBytes as varint  # noqa: E402
from records_check import compare  # noqa: E402
from records_model import Files  # noqa: E402

F = pb.FieldDescriptorProto
DTYPES = {F.TYPE_DOUBLE: "float64", F.TYPE_FLOAT: "float32", F.TYPE_INT64: "int64", F.TYPE_UINT64: "uint64", F.TYPE_INT32: "int32",
          F.TYPE_FIXED64: "uint64", F.TYPE_FIXED32: "uint32", F.TYPE_BOOL: "bool", F.TYPE_UINT32: "uint32", F.TYPE_ENUM: "int32",
          F.TYPE_SFIXED32: "int32", F.TYPE_SFIXED64: "int64", F.TYPE_SINT32: "int32", F.TYPE_SINT64: "int64"}
SCALARS = sorted(DTYPES.keys() | {F.TYPE_STRING, F.TYPE_BYTES})


# --- schemas ---------------------------------------------------------------------------------------


def file_of(name="t.proto", syntax="proto3"):
    f = pb.FileDescriptorProto(name=name, package="p", syntax=syntax)
    f.enum_type.add(name="E").value.add(name="ZERO", number=0)
    for value, number in (("ONE", 1), ("MINUS", -5), ("BIG", 1 << 30)):
        f.enum_type[0].value.add(name=value, number=number)
    return f


def add(message, name, number, type_, label=F.LABEL_OPTIONAL, type_name=None, **more):
    f = message.field.add(name=name, number=number, type=type_, label=label, **more)
    if type_name:
        f.type_name = type_name
    elif type_ == F.TYPE_ENUM:
        f.type_name = ".p.E"
    return f


def random_message(rng, file, name, depth):
    m = file.message_type.add(name=name)
    numbers = rng.sample(range(1, 40), 10) + [rng.randrange(1000, 1 << 28)]
    rng.shuffle(numbers)
    oneof = False
    for i in range(rng.randrange(1, 8)):
        what = rng.choice(["scalar", "scalar", "repeated", "message", "messages", "map", "oneof", "optional", "itself"])
        number, field = numbers.pop(), f"f{i}"
        type_ = rng.choice(SCALARS)
        if what == "itself":
            add(m, field, number, F.TYPE_MESSAGE, rng.choice([F.LABEL_OPTIONAL, F.LABEL_REPEATED]), f".p.{name}")
        elif what.startswith("message") and depth < 3:
            inner = f"{name}{i}"
            random_message(rng, file, inner, depth + 1)
            add(m, field, number, F.TYPE_MESSAGE, F.LABEL_REPEATED if what == "messages" else F.LABEL_OPTIONAL, f".p.{inner}")
        elif what == "map":
            entry = m.nested_type.add(name=f"F{i}Entry")
            entry.options.map_entry = True
            add(entry, "key", 1, rng.choice([F.TYPE_STRING, F.TYPE_INT32, F.TYPE_BOOL, F.TYPE_FIXED64]))
            add(entry, "value", 2, type_)
            add(m, field, number, F.TYPE_MESSAGE, F.LABEL_REPEATED, f".p.{name}.F{i}Entry")
        elif what == "oneof":
            if not oneof:
                m.oneof_decl.add(name="choice")
                oneof = True
            add(m, field, number, type_, oneof_index=0)
        elif what == "repeated":
            f = add(m, field, number, type_, F.LABEL_REPEATED)
            if type_ not in (F.TYPE_STRING, F.TYPE_BYTES) and rng.random() < 0.5:
                f.options.packed = rng.random() < 0.5
        else:
            add(m, field, number, type_)
    if file.syntax == "proto3":      # oneofs of their own come last
        for f in m.field:
            scalar = f.label == F.LABEL_OPTIONAL and f.type != F.TYPE_MESSAGE and not f.HasField("oneof_index")
            if scalar and rng.random() < 0.3:
                f.proto3_optional = True
                f.oneof_index = len(m.oneof_decl)
                m.oneof_decl.add(name=f"_{f.name}")
    return m


def class_of(file, name):
    p = pool.DescriptorPool()
    p.Add(file)
    return factory.GetMessageClass(p.FindMessageTypeByName(f"p.{name}"))


def save_schema(path, *files):
    path.write_bytes(pb.FileDescriptorSet(file=files).SerializeToString())


# --- messages ---------------------------------------------------------------------------------------


def scalar(rng, type_):
    ints = {F.TYPE_INT32: 31, F.TYPE_SINT32: 31, F.TYPE_SFIXED32: 31, F.TYPE_INT64: 63, F.TYPE_SINT64: 63, F.TYPE_SFIXED64: 63}
    if type_ in ints:
        return rng.randrange(-(1 << ints[type_]), 1 << ints[type_]) if rng.random() < 0.3 else rng.randrange(-3, 200)
    if type_ in (F.TYPE_UINT32, F.TYPE_FIXED32):
        return rng.getrandbits(rng.choice([3, 32]))
    if type_ in (F.TYPE_UINT64, F.TYPE_FIXED64):
        return rng.getrandbits(rng.choice([3, 64]))
    return {F.TYPE_DOUBLE: rng.uniform(-9, 9), F.TYPE_FLOAT: rng.randrange(-99, 99) / 4, F.TYPE_BOOL: rng.random() < 0.5,
            F.TYPE_STRING: rng.choice(["", "é", "text"]), F.TYPE_BYTES: rng.choice([b"", b"\xff\0", b"b"]),
            F.TYPE_ENUM: rng.choice([0, 1, -5, 1 << 30])}[type_]


def is_map(f):
    return f.message_type is not None and f.message_type.GetOptions().map_entry


def fill(rng, m, depth=0):
    for f in m.DESCRIPTOR.fields:
        if rng.random() < 0.3 or depth > 4:
            continue
        if is_map(f):
            key, value = f.message_type.fields_by_name["key"], f.message_type.fields_by_name["value"]
            for _ in range(rng.randrange(2)):   # in which order the library writes several is its own
                getattr(m, f.name)[scalar(rng, key.type)] = scalar(rng, value.type)
        elif f.is_repeated and f.message_type:
            for _ in range(rng.randrange(3)):
                fill(rng, getattr(m, f.name).add(), depth + 1)
        elif f.is_repeated:
            getattr(m, f.name).extend(scalar(rng, f.type) for _ in range(rng.randrange(5)))
        elif f.message_type:
            getattr(m, f.name).SetInParent()
            fill(rng, getattr(m, f.name), depth + 1)
        else:
            setattr(m, f.name, scalar(rng, f.type))


def delimited(messages):
    return b"".join(varint(len(raw)) + raw for raw in (m if isinstance(m, bytes) else m.SerializeToString() for m in messages))


# --- what is to be shown ------------------------------------------------------------------------------


class Entry:
    """A map's entry, in the order of the file."""

    def __init__(self, key, value):
        self.key, self.value = key, value


def scalars(files, path, f, values):
    if f.type in (F.TYPE_STRING, F.TYPE_BYTES):
        raw = [b"" if v is None else v.encode() if isinstance(v, str) else v for v in values]
        files.texts(path, "string" if f.type == F.TYPE_STRING else "bytes", raw)
        return
    dtype = DTYPES[f.type]
    files.add(path, dtype, [len(values)], np.array([0 if v is None else v for v in values], dtype).tobytes())


def column(files, path, f, values, within, outer):
    """values: None, or of a message the object."""
    if f.message_type in outer:
        files.texts(path, "bytes", [b"" if v is None else v.SerializeToString(deterministic=True) for v in values])
    elif f.message_type:
        files.add(path, "struct", [len(values)])
        fields(files, path + "/", f.message_type, values, outer)
    else:
        scalars(files, path, f, values)
    files.validity(path, values, within)


def holds(descriptor, outer):
    """Is there a map in it, or a message within itself?"""
    return any(is_map(f) or f.message_type in (*outer, descriptor) or (f.message_type and holds(f.message_type, (*outer, descriptor)))
               for f in descriptor.fields)


def fields(files, before, descriptor, messages, outer=()):
    outer = (*outer, descriptor)
    for f in sorted(descriptor.fields, key=lambda f: f.index):
        path = before + f.name
        there = [m is not None for m in messages]
        if f.is_repeated:
            lists = [[] if m is None else getattr(m, f.name) for m in messages]
            if is_map(f):
                lists = [[Entry(k, v) for k, v in sorted(x.items(), key=lambda kv: kv[0])] if x else [] for x in lists]
            files.add(path, "map" if is_map(f) else "list", [len(lists)])
            ends = np.concatenate([[0], np.cumsum(np.array([len(x) for x in lists], "i8"))]).astype("<i8")
            files.add(f"{path}/offsets", "int64", ends.shape, ends.tobytes())
            inner = [e for x in lists for e in x]
            if is_map(f):
                files.add(f"{path}/values", "struct", [len(inner)])
                for part in f.message_type.fields:
                    column(files, f"{path}/values/{part.name}", part, [getattr(e, part.name) for e in inner], [True] * len(inner), outer)
            else:
                column(files, f"{path}/values", f, inner, [True] * len(inner), outer)
            if not all(there):
                pass                # a null struct's lists are empty, and it is not theirs to be null
            continue
        values = [None if m is None or (f.has_presence and not m.HasField(f.name)) else getattr(m, f.name) for m in messages]
        column(files, path, f, values, there, outer)


def expected(cls, raws):
    files = Files()
    fields(files, "", cls.DESCRIPTOR, [cls.FromString(raw) for raw in raws])
    return files


with folder() as where:
    schema, path = where / "schema.desc", where / "m.bin"

    def options(message="M", *more):
        return ["-o", ",".join([f"schema={schema},message=p.{message}", *more])]

    with check("schemas and messages at random are what the library reads"):
        for i in sampled(range(120)):
            rng = random.Random(i)
            file = file_of(syntax=rng.choice(["proto2", "proto3"]))
            random_message(rng, file, "M", 0)
            save_schema(schema, file)
            cls = class_of(file, "M")
            raws = []
            for _ in range(rng.randrange(0, 30)):
                m = cls()
                fill(rng, m)
                raw = m.SerializeToString(deterministic=True)
                if rng.random() < 0.1:                       # two messages are merged
                    fill(rng, more := cls())
                    raw += more.SerializeToString(deterministic=True)
                    if holds(cls.DESCRIPTOR, ()):   # what is shown of these merged is right, but not as the library writes it
                        raw = m.SerializeToString(deterministic=True)
                if rng.random() < 0.1:                       # a field that nobody knows, and a group
                    raw += varint(39999 << 3) + b"\x05" + varint(39998 << 3 | 3) + varint(1 << 3) + b"\x07" + varint(39998 << 3 | 4)
                raws.append(raw)
            path.write_bytes(delimited(raws))
            compare(path, expected(cls, raws), where, *options("M", "framing=delimited"))

    with check("long tables, read by several threads in several spans, also behind gzip"):
        rng = random.Random(77)
        file = file_of()
        m = file.message_type.add(name="M")
        add(m, "id", 1, F.TYPE_INT64)
        add(m, "v", 2, F.TYPE_FLOAT, F.LABEL_REPEATED)
        add(m, "s", 3, F.TYPE_STRING, F.LABEL_REPEATED)
        add(m, "d", 4, F.TYPE_SINT64, F.LABEL_REPEATED)
        save_schema(schema, file)
        cls = class_of(file, "M")
        raws = [cls(id=i, v=[i / 4] * rng.randrange(40), s=["x" * rng.randrange(30)] * rng.randrange(3), d=[-i] * rng.randrange(9)).SerializeToString()
                for i in range(20_000)]
        path.write_bytes(delimited(raws))
        files = expected(cls, raws)
        for more in ([], ["threads=1"], ["threads=5", "cache=8M"]):
            compare(path, files, where, *options("M", *more))
        (where / "m.bin.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        compare(where / "m.bin.gz", files, where, *options())

    with check("one message: what repeats are tables and arrays, all else attributes"):
        doc = file.message_type.add(name="Doc")
        add(doc, "title", 1, F.TYPE_STRING)
        add(doc, "rows", 2, F.TYPE_MESSAGE, F.LABEL_REPEATED, ".p.M")
        add(doc, "top", 3, F.TYPE_MESSAGE, type_name=".p.M")
        add(doc, "n", 4, F.TYPE_INT32, F.LABEL_REPEATED)
        add(doc, "e", 5, F.TYPE_ENUM)
        save_schema(schema, file)
        cls = class_of(file, "Doc")
        d = cls(title="é", n=[3, -1], e=1)
        d.top.id, d.top.s[:] = 5, ["a"]
        for i in range(50):
            d.rows.add(id=i, v=[i, 1])
        path.write_bytes(d.SerializeToString())
        told = {o["path"]: o for o in listed(path, *options("Doc"), inner=True)}
        assert told[""]["attributes"] == {"title": "é", "top": {"id": 5, "s": ["a"]}, "e": 1}, told[""]
        assert told["rows"]["shape"] == [50] and told["rows"]["dtype"] == "struct" and told["n"]["shape"] == [2]
        assert (np.frombuffer(arrayfs("--cat", path, "rows/id", *options("Doc")).stdout, "<i8") == range(50)).all()
        assert (np.frombuffer(arrayfs("--cat", path, "n", *options("Doc")).stdout, "<i4") == [3, -1]).all()
        lines = arrayfs("rows", "--jsonl", path, "rows/id", *options("Doc")).stdout.splitlines()
        assert lines[1] == b'{"id":1}' and len(lines) == 50, lines[:3]

    with check("enums have their names, types the schema's words"):
        told = {o["path"]: o for o in listed(path, *options("Doc"), inner=True)}
        assert told["rows/d/values"]["type"] == "sint64" and told["rows/v/values"]["type"] == "float"
        m = file.message_type.add(name="Enums")
        add(m, "e", 1, F.TYPE_ENUM)
        save_schema(schema, file)
        path.write_bytes(delimited([class_of(file, "Enums")(e=1)]))
        out = arrayfs("--list", "--json", path, *options("Enums")).stdout.decode()
        assert '"enum":{"ZERO":0,"ONE":1,"MINUS":-5,"BIG":1073741824}' in out and '"type":"p.E"' in out, out

    with check("a message within itself that stands there twice is both parts"):
        m = file.message_type.add(name="Self")
        add(m, "a", 1, F.TYPE_INT32)
        add(m, "s", 2, F.TYPE_MESSAGE, type_name=".p.Self")
        save_schema(schema, file)
        path.write_bytes(delimited([b"\x12\x02\x08\x01" + b"\x12\x02\x08\x02"]))
        assert arrayfs("--cat", path, "s/values", *options("Self")).stdout == b"\x08\x01\x08\x02"

    with check("entries of a map as they stand, those that come twice too"):
        m = file.message_type.add(name="Maps")
        entry = m.nested_type.add(name="MEntry")
        entry.options.map_entry = True
        add(entry, "key", 1, F.TYPE_STRING)
        add(entry, "value", 2, F.TYPE_INT32)
        add(m, "m", 1, F.TYPE_MESSAGE, F.LABEL_REPEATED, ".p.Maps.MEntry")
        save_schema(schema, file)
        path.write_bytes(delimited([b"\x0a\x05\x0a\x01b\x10\x07\x0a\x03\x0a\x01a\x0a\x02\x10\x01\x0a\x05\x0a\x01b\x10\x08"]))
        out = arrayfs("rows", "--jsonl", path, *options("Maps")).stdout
        wanted = b'{"m":[{"key":"b","value":7},{"key":"a","value":0},{"key":"","value":1},{"key":"b","value":8}]}\n'
        assert out == wanted, out

    # --- changes of a schema ---------------------------------------------------------------------------

    def versions(old, new, values):
        """What messages of the old schema are by the new one, which is what the library says."""
        files = []
        for fields_ in (old, new):
            f = file_of()
            inner = f.message_type.add(name="Inner")
            add(inner, "a", 1, F.TYPE_INT32)
            m = f.message_type.add(name="M")
            for one in fields_:
                one(m)
            files.append(f)
        save_schema(schema, files[1])
        cls = class_of(files[0], "M")
        raws = []
        for value in values:
            m = cls()
            for name, v in value.items():
                if isinstance(v, list):
                    getattr(m, name).extend(v)
                elif name == "inner":
                    m.inner.a = v
                else:
                    setattr(m, name, v)
            raws.append(m.SerializeToString())
        path.write_bytes(delimited(raws))
        return files[1], raws

    def field(name, number, type_, label=F.LABEL_OPTIONAL, **more):
        return lambda m: add(m, name, number, type_, label, **more)

    R, INNER = F.LABEL_REPEATED, {"type_name": ".p.Inner"}
    i32, i64 = field("x", 1, F.TYPE_INT32), field("x", 1, F.TYPE_INT64)
    CHANGES = {
        # safe
        "a field added": ([i32], [i32, field("y", 2, F.TYPE_STRING)], [{"x": 1}]),
        "a field removed": ([i32, field("y", 2, F.TYPE_STRING)], [i32], [{"x": 1, "y": "s"}]),
        "renamed": ([i32], [field("z", 1, F.TYPE_INT32)], [{"x": 7}]),
        "reordered": ([i32, field("y", 2, F.TYPE_INT32)], [field("y", 2, F.TYPE_INT32), i32], [{"x": 1, "y": 2}]),
        "int32 to int64": ([i32], [i64], [{"x": -1}, {"x": 2**31 - 1}]),
        "enum to int32": ([field("x", 1, F.TYPE_ENUM)], [i32], [{"x": 1}]),
        "int32 to enum": ([i32], [field("x", 1, F.TYPE_ENUM)], [{"x": 1}, {"x": 77}]),
        "string to bytes": ([field("x", 1, F.TYPE_STRING)], [field("x", 1, F.TYPE_BYTES)], [{"x": "é"}]),
        "message to bytes": ([field("inner", 1, F.TYPE_MESSAGE, **INNER)], [field("inner", 1, F.TYPE_BYTES)], [{"inner": 5}]),
        "singular to repeated": ([field("x", 1, F.TYPE_STRING)], [field("x", 1, F.TYPE_STRING, R)], [{"x": "a"}, {}]),
        "number to repeated": ([i32], [field("x", 1, F.TYPE_INT32, R)], [{"x": 4}, {}]),
        "the packed flag": ([lambda m: add(m, "x", 1, F.TYPE_INT32, R).options.__setattr__("packed", False)], [field("x", 1, F.TYPE_INT32, R)],
                            [{"x": [1, 2]}]),
        # silent, and not safe
        "int64 to int32 cuts": ([i64], [i32], [{"x": 2**40 + 3}, {"x": -1}]),
        "int32 to uint32 turns negatives": ([i32], [field("x", 1, F.TYPE_UINT32)], [{"x": -1}]),
        "int64 to bool is what is not zero": ([i64], [field("x", 1, F.TYPE_BOOL)], [{"x": 2**40}, {"x": 0}]),
        "repeated to singular is the last": ([field("x", 1, F.TYPE_STRING, R)], [field("x", 1, F.TYPE_STRING)], [{"x": ["a", "b"]}]),
        "packed numbers to singular are passed over": ([field("x", 1, F.TYPE_INT32, R)], [i32], [{"x": [1, 2]}]),
        "sint32 to int32 misreads": ([field("x", 1, F.TYPE_SINT32)], [i32], [{"x": -1}, {"x": 1}]),
        "int32 to sint32 misreads": ([i32], [field("x", 1, F.TYPE_SINT32)], [{"x": 1}, {"x": 2}]),
        "double to fixed64 is its bits": ([field("x", 1, F.TYPE_DOUBLE)], [field("x", 1, F.TYPE_FIXED64)], [{"x": 1.5}]),
        "renumbered takes others' values": ([i32, field("y", 2, F.TYPE_INT32)], [field("x", 2, F.TYPE_INT32), field("y", 1, F.TYPE_INT32)],
                                            [{"x": 1, "y": 2}]),
        # passed over
        "fixed32 to int32": ([field("x", 1, F.TYPE_FIXED32)], [i32], [{"x": 9}]),
        "float to double": ([field("x", 1, F.TYPE_FLOAT)], [field("x", 1, F.TYPE_DOUBLE)], [{"x": 1.5}]),
        "int to string": ([i32], [field("x", 1, F.TYPE_STRING)], [{"x": 9}]),
    }
    for name, (old, new, values) in CHANGES.items():
        with check(f"a schema changed: {name}"):
            file, raws = versions(old, new, values)
            compare(path, expected(class_of(file, "M"), raws), where, *options("M", "framing=delimited"))

    with check("a schema changed: bytes to a string, and a number used for a message, break records"):
        for old, new, value in (([field("x", 1, F.TYPE_BYTES)], [field("x", 1, F.TYPE_STRING)], {"x": b"\xff"}),
                                ([field("x", 1, F.TYPE_STRING)], [field("x", 1, F.TYPE_MESSAGE, **INNER)], {"x": "text"})):
            versions(old, new, [{}, value])
            told = arrayfs("--list", path, *options("M", "framing=delimited"), code=1).stderr
            assert b"record 2: " in told, told
            o = listed(path, *options("M", "framing=delimited", "bad-records=skip"), inner=True)[0]
            assert o["shape"] == [1], o

    with check("what is broken is told: lengths, tags, groups, schemas"):
        f = file_of()
        add(f.message_type.add(name="M"), "x", 1, F.TYPE_INT32)
        save_schema(schema, f)
        for raw in (b"\x05\x08\x01", b"\x02\x00\x01", b"\x02\x0e\x01", b"\x02\x0f\x01", b"\x02\x0b\x01", b"\x01\x0c"):
            path.write_bytes(delimited([b"\x08\x01"]) + raw)
            told = arrayfs("--list", path, *options("M", "framing=delimited"), code=1).stderr
            assert b"record 2: " in told and told.count(b"\n") == 1, (raw, told)
            assert listed(path, *options("M", "framing=delimited", "bad-records=skip"), inner=True)[0]["shape"] == [1], raw
        schema.write_bytes(b'syntax = "proto3"; message M {}')
        assert b"protoc --include_imports" in arrayfs("--list", path, *options(), code=1).stderr
        for raw in (b"", struct.pack("<Q", 0), b"\x0a\xff\xff\xff\x7f"):
            schema.write_bytes(raw)
            assert arrayfs("--list", path, *options(), code=1).stderr.count(b"\n") == 1
        save_schema(schema, f)
        assert b"no message p.N, but p.M" in arrayfs("--list", path, *options("N"), code=1).stderr
        g = file_of()
        add(g.message_type.add(name="M"), "x", 1, F.TYPE_MESSAGE, type_name=".p.Gone")
        save_schema(schema, g)
        assert b"no message .p.Gone in it" in arrayfs("--list", path, *options(), code=1).stderr

done()
