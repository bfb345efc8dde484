# SPDX-License-Identifier: MIT
"""JSON lines, CSV, MessagePack records, protobuf and TFRecord: the pass over the file, and columns out of it."""
import statistics
import subprocess

from measure import ARRAYFS, OUT, PYTHON, Mount, best_peer, cat_to_file, compare, make, read_through, run, say, tell, timed

# Each record some 5 KB of text: an id, 256 floats, strings and a time; 2 GB in all.
LOG = """
import json, sys, numpy as np
rng = np.random.default_rng(1)
with open(sys.argv[1], "w") as out:
    for i in range(380_000):
        out.write(json.dumps({"id": i * 7, "features": rng.random(256).tolist(), "categories": ["a%d" % (i % 50), "b"], "name": "user number %d" % i,
                              "time": "2026-11-29T05:%02d:00" % (i % 60)}) + "\\n")"""
TABLE = """
import sys, numpy as np, polars as pl
rng, n = np.random.default_rng(1), 20_000_000
pl.DataFrame({"id": rng.integers(0, 1 << 40, n), "x": rng.random(n), "k": rng.integers(0, 1000, n), "s": np.array(["alpha", "beta", "gamma", "eps"])[rng.integers(0, 4, n)],
              "y": rng.random(n)}).write_csv(sys.argv[1])"""
WIDE = """
import sys, numpy as np, polars as pl
rng, n = np.random.default_rng(1), 400_000
pl.DataFrame({"id": np.arange(n), **{f"f{i}": rng.random(n) for i in range(256)}, "name": [f"user number {i}" for i in range(n)]}).write_csv(sys.argv[1])"""


def log():
    return make("log.jsonl", LOG)


def json_peers(column, flat):
    theirs = "s.explode().to_numpy()" if flat else "s.to_numpy()"
    arrow = "pa.list_(pa.float64())" if flat else "pa.int64()"
    inner = ".flatten()" if flat else ""
    return {
        "duckdb": f"""
import sys, duckdb
t = duckdb.sql(f"select {column} from read_json('{{sys.argv[1]}}')").arrow().read_all()[{column!r}]
with open(sys.argv[2], "r+b") as f:
    for c in t.chunks: f.write(c{inner}.to_numpy(zero_copy_only=False).data)""",
        "polars": f"""
import sys, polars as pl
s = pl.scan_ndjson(sys.argv[1]).select({column!r}).collect()[{column!r}]
with open(sys.argv[2], "r+b") as f: f.write({theirs}.data)""",
        "pyarrow": f"""
import sys, pyarrow as pa, pyarrow.json as pj
o = pj.ParseOptions(explicit_schema=pa.schema([({column!r}, {arrow})]), unexpected_field_behavior="ignore")
t = pj.read_json(sys.argv[1], parse_options=o)[{column!r}]
with open(sys.argv[2], "r+b") as f:
    for c in t.chunks: f.write(c{inner}.to_numpy(zero_copy_only=False).data)""",
    }


def csv_peers(column):
    return {
        "duckdb": f"""
import sys, duckdb
t = duckdb.sql(f"select {column} from read_csv('{{sys.argv[1]}}')").arrow().read_all()[{column!r}]
with open(sys.argv[2], "r+b") as f:
    for c in t.chunks: f.write(c.to_numpy(zero_copy_only=False).data)""",
        "polars": f"""
import sys, polars as pl
s = pl.scan_csv(sys.argv[1]).select({column!r}).collect()[{column!r}]
with open(sys.argv[2], "r+b") as f: f.write(s.to_numpy().data)""",
        "pyarrow": f"""
import sys, pyarrow.csv as pc
t = pc.read_csv(sys.argv[1], convert_options=pc.ConvertOptions(include_columns=[{column!r}]))[{column!r}]
with open(sys.argv[2], "r+b") as f:
    for c in t.chunks: f.write(c.to_numpy(zero_copy_only=False).data)""",
    }


def column(case, path, name, peers, goal):
    def measure(runs):
        peer, theirs = best_peer(peers, path)
        tell(f"{case}, {peer}", f"arrayfs --cat {path.name} {name}", peer, compare(runs, lambda: timed(lambda: cat_to_file(path, name)), theirs), goal)
    return measure


def rate(case, path, runs, goal):
    """The pass alone, whole processes."""
    run(ARRAYFS, "--list", path)
    seconds = statistics.median(timed(lambda: run(ARRAYFS, "--list", path)) for _ in range(max(runs, 3)))
    say(f"{case:<34} {seconds * 1e3:10.1f} ms {path.stat().st_size / seconds / 1e9:10.2f} GB/s{'':>14}{goal}")


def case_jsonl(runs):
    """2 GB of JSON lines: the pass, an id, 256 floats, against the best of DuckDB, polars and pyarrow"""
    path = log()
    rate("JSON lines, the pass", path, runs, "1.4")
    column("JSON lines, id", path, "id", json_peers("id", False), "1.5")(runs)
    column("JSON lines, floats", path, "features/values", json_peers("features", True), "1.7")(runs)


def case_csv(runs):
    """CSV: the pass over 2 GB of floats; an int and a float column of 20 million rows, against the best of three"""
    rate("CSV of floats, the pass", make("wide.csv", WIDE), runs, "1.5")
    path = make("table.csv", TABLE)
    rate("CSV of 20 million rows, the pass", path, runs, "-")
    column("CSV, int", path, "id", csv_peers("id"), "1.5")(runs)
    column("CSV, float", path, "x", csv_peers("x"), "1.5")(runs)


def case_records(runs):
    """200,000 records of MessagePack, against msgpack.Unpacker and numpy"""
    path = make("records.msgpack", """
import sys, msgpack, numpy as np
rng, p = np.random.default_rng(1), msgpack.Packer()
with open(sys.argv[1], "wb") as out:
    for i in range(200_000): out.write(p.pack({"id": i * 7, "features": rng.random(256).tolist(), "t": 1700000000 + i}))""")
    unpack = "import sys, msgpack, numpy as np\nu = msgpack.Unpacker(open(sys.argv[1], 'rb'), max_buffer_size=0)\nwith open(sys.argv[2], 'r+b') as f: "
    ids = unpack + "f.write(np.array([r['id'] for r in u]).data)"
    floats = unpack + "\n    for r in u: f.write(np.array(r['features']).data)"
    for name, code in (("id", ids), ("features/values", floats)):
        tell(f"MessagePack records, {name}", f"arrayfs --cat {path.name} {name}", "python: msgpack.Unpacker",
             compare(runs, lambda: timed(lambda: cat_to_file(path, name)), lambda code=code: timed(lambda: run(PYTHON, "-c", code, path, OUT))), "7")


SCHEMA = """
import sys
from google.protobuf import descriptor_pb2 as pb, descriptor_pool, message_factory
F = pb.FieldDescriptorProto
f = pb.FileDescriptorProto(name="e", package="t", syntax="proto3")
m = f.message_type.add(name="Event")
for i, (name, kind, label) in enumerate((("id", F.TYPE_INT64, 1), ("features", F.TYPE_FLOAT, 3), ("categories", F.TYPE_STRING, 3), ("timestamp", F.TYPE_INT64, 1))):
    m.field.add(name=name, number=i + 1, type=kind, label=label)
pool = descriptor_pool.DescriptorPool()
pool.Add(f)
Event = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Event"))
def events(path):
    b, p = open(path, "rb").read(), 0
    while p < len(b):
        n = shift = 0
        while True:
            c = b[p]; p += 1; n |= (c & 127) << shift; shift += 7
            if c < 128: break
        yield Event.FromString(b[p:p + n]); p += n
"""


def case_protobuf(runs):
    """200,000 delimited messages with 256 floats, against Python's protobuf library"""
    schema = make("event.desc", SCHEMA + "open(sys.argv[1], 'wb').write(pb.FileDescriptorSet(file=[f]).SerializeToString())")
    path = make("events.binpb", SCHEMA + """
import numpy as np
from google.protobuf.internal.encoder import _VarintBytes
rng = np.random.default_rng(1)
with open(sys.argv[1], "wb") as out:
    for i in range(200_000):
        raw = Event(id=i, features=rng.random(256, "f4"), categories=["a%d" % (i % 50), "b"], timestamp=1700000000 + i).SerializeToString()
        out.write(_VarintBytes(len(raw)) + raw)""")
    options = ("-o", f"schema={schema},message=t.Event")
    ids = SCHEMA + "import numpy as np\nwith open(sys.argv[2], 'r+b') as f: f.write(np.array([e.id for e in events(sys.argv[1])]).data)"
    floats = SCHEMA + "import numpy as np\nwith open(sys.argv[2], 'r+b') as f:\n    for e in events(sys.argv[1]): f.write(np.array(e.features, 'f4').data)"
    for name, code, goal in (("id", ids, "6"), ("features/values", floats, "10")):
        tell(f"protobuf, {name}", f"arrayfs --cat {path.name} {name}", "python: protobuf (upb)",
             compare(runs, lambda: timed(lambda: cat_to_file(*options, path, name)), lambda code=code: timed(lambda: run(PYTHON, "-c", code, path, OUT))), goal)


EXAMPLES = """
import struct, sys
from google.protobuf import descriptor_pb2 as pb, descriptor_pool, message_factory
F = pb.FieldDescriptorProto
f = pb.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
def message(name, *fields):
    m = f.message_type.add(name=name)
    for i, (field, kind, label, of) in enumerate(fields):
        m.field.add(name=field, number=i + 1, type=kind, label=label, type_name=of and ".tensorflow." + of)
    return m
for name, kind in (("BytesList", F.TYPE_BYTES), ("FloatList", F.TYPE_FLOAT), ("Int64List", F.TYPE_INT64)):
    message(name, ("value", kind, 3, None))
one = message("Feature", *((field, F.TYPE_MESSAGE, 1, of) for field, of in (("bytes_list", "BytesList"), ("float_list", "FloatList"), ("int64_list", "Int64List"))))
one.oneof_decl.add(name="kind")
for field in one.field: field.oneof_index = 0
entry = message("Features", ("feature", F.TYPE_MESSAGE, 3, "Features.FeatureEntry")).nested_type.add(name="FeatureEntry")
entry.options.map_entry = True
entry.field.add(name="key", number=1, type=F.TYPE_STRING, label=1)
entry.field.add(name="value", number=2, type=F.TYPE_MESSAGE, type_name=".tensorflow.Feature", label=1)
message("Example", ("features", F.TYPE_MESSAGE, 1, "Features"))
pool = descriptor_pool.DescriptorPool()
pool.Add(f)
Example = message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
def examples(path):
    b, p = open(path, "rb").read(), 0
    while p < len(b):
        n, = struct.unpack_from("<Q", b, p)
        yield Example.FromString(b[p + 12:p + 12 + n]).features.feature; p += n + 16
"""


def case_tfrecord(runs):
    """200,000 tf.train.Examples with 256 floats: the pass, ids, floats, against Python's protobuf library, which checks no checksum"""
    path = make("examples.tfrecord", EXAMPLES + """
import google_crc32c, numpy as np
def masked(raw):
    crc = google_crc32c.value(raw)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff)
rng = np.random.default_rng(1)
with open(sys.argv[1], "wb") as out:
    for i in range(200_000):
        e = Example()
        of = e.features.feature
        of["id"].int64_list.value.append(i)
        of["features"].float_list.value.extend(rng.random(256, "f4"))
        of["categories"].bytes_list.value.extend([b"a%d" % (i % 50), b"b"])
        of["timestamp"].int64_list.value.append(1700000000 + i)
        raw = e.SerializeToString()
        length = struct.pack("<Q", len(raw))
        out.write(length + masked(length) + raw + masked(raw))""")
    rate("TFRecord, the pass", path, runs, "-")
    ids = EXAMPLES + "import numpy as np\nwith open(sys.argv[2], 'r+b') as f: f.write(np.array([e['id'].int64_list.value[0] for e in examples(sys.argv[1])]).data)"
    floats = EXAMPLES + "import numpy as np\nwith open(sys.argv[2], 'r+b') as f:\n    for e in examples(sys.argv[1]): f.write(np.array(e['features'].float_list.value, 'f4').data)"
    for name, code, goal in (("id", ids, "6"), ("features/values", floats, "10")):
        tell(f"TFRecord, {name}", f"arrayfs --cat {path.name} {name}", "python: protobuf (upb)",
             compare(runs, lambda name=name: timed(lambda: cat_to_file(path, name)), lambda code=code: timed(lambda: run(PYTHON, "-c", code, path, OUT))), goal)


ROWS = """
import sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
rng, n = np.random.default_rng(2), 10_000_000
pq.write_table(pa.table({"id": np.arange(n), "x": pa.array(rng.random(n), mask=rng.random(n) < .05), "k": rng.integers(0, 1000, n),
    "s": pa.array(np.array(["alpha", "beta", "gamma, delta", "eps"])[rng.integers(0, 4, n)]), "name": pa.array([f"user {i}" for i in range(n)]),
    "t": pa.array(rng.integers(0, 2_000_000_000_000_000, n)).cast(pa.timestamp("us"))}), sys.argv[1], compression="zstd")"""


def csv_writers(columns, header):
    """Each writes CSV to a file that is there."""
    select = "" if not columns else f".select({columns!r})"
    names = "*" if not columns else ", ".join(columns)
    return {
        "polars, scan": f"import sys, polars as pl\npl.scan_parquet(sys.argv[1]){select}.sink_csv(sys.argv[2], include_header={header})",
        "polars": f"import sys, polars as pl\npl.read_parquet(sys.argv[1], columns={columns or None!r}).write_csv(sys.argv[2], include_header={header})",
        "duckdb": f"import sys, duckdb\nduckdb.sql(f\"copy (select {names} from '{{sys.argv[1]}}') to '{{sys.argv[2]}}' (format csv, header {str(header).lower()})\")",
        "pyarrow": f"import sys, pyarrow.csv as pc, pyarrow.parquet as pq\npc.write_csv(pq.read_table(sys.argv[1], columns={columns or None!r}), sys.argv[2], "
                   f"pc.WriteOptions(include_header={header}))",
    }


def case_rows(runs):
    """A Parquet table of 10 million rows as CSV; its strings as lines; against the best of polars, DuckDB and pyarrow"""
    path = make("rows.parquet", ROWS)

    def rows():
        with open(OUT, "r+b") as out:
            subprocess.run([str(ARRAYFS), "rows", str(path)], stdout=out, check=True)
    peer, theirs = best_peer(csv_writers([], True), path)
    tell(f"rows --csv, {peer}", f"arrayfs rows {path.name}", peer, compare(runs, lambda: timed(rows), theirs), "1.2")
    peer, theirs = best_peer(csv_writers(["name"], False), path)
    tell(f"text of strings, {peer}", f"arrayfs --cat {path.name} .arrayfs/text/name.txt", peer,
         compare(runs, lambda: timed(lambda: cat_to_file(path, ".arrayfs/text/name.txt")), theirs), "1.5")

    def mounted():
        with Mount(ARRAYFS, "-f", path) as m:
            return timed(lambda: read_through(m.point / ".arrayfs/text/name.txt"))
    tell(f"the same, mounted, first, {peer}", "stat, which decodes, then reads", peer, compare(runs, mounted, theirs), "1")
