#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Directories of Parquet files as one table (-o dataset), compared with what
pyarrow makes of the same files: its tables, put one behind the other.
"""
import datetime
import decimal
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, LIBRARIES, Skip, check, done, folder, need  # noqa: E402

need("pyarrow", "numpy")
import parquet  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.dataset  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import widening  # noqa: E402

OPTION = ("-o", "dataset")


def write(root, name, table, **options):
    path = os.path.join(str(root), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def run(*words):
    return subprocess.run([ARRAYFS, *OPTION, *words], capture_output=True)


def cat(root, path):
    r = run("--cat", str(root), path)
    assert r.returncode == 0, r.stderr.decode()
    return r.stdout


def refused(root):
    r = run("--list", str(root))
    assert r.returncode == 1 and not r.stdout, r
    return r.stderr.decode().strip().removeprefix(f"arrayfs: {root}: ")


def same(root, table):
    faults = parquet.compare(ARRAYFS, str(root), table, OPTION)
    assert not faults, "\n".join(faults[:8])


def united(tables, keys=None):
    """pyarrow's tables as one; keys: a value for each table, and the type."""
    for name, (values, kind) in (keys or {}).items():
        tables = [t.append_column(name, pa.array([v] * len(t), kind)) for t, v in zip(tables, values)]
    names = [n for t in tables for n in t.column_names if n not in (keys or {})] + list(keys or {})
    table = pa.concat_tables(tables, promote_options="permissive")
    return table.select(list(dict.fromkeys(names)))


def mixed(n, seed, p=.2):
    plain, nested = parquet.columns(n, p, random.Random(seed))
    del plain["dict"]
    return pa.table(plain | nested)


with check("columns_of_all_types_go_on_over_files"):
    with folder() as f:
        tables = [mixed(n, n) for n in (100, 0, 1, 333)]
        for i, t in enumerate(tables):
            write(f, f"part-{i}.parquet", t, row_group_size=64, data_page_size=512)
        same(f, united(tables))

with check("hive_partitions_by_pyarrow"):
    with folder() as f:
        t = mixed(200, 7).append_column("year", pa.array([2020 + i % 3 for i in range(200)], pa.int64())) \
            .append_column("word", pa.array([["a/b=c", "größe", None, "x y"][i % 4] for i in range(200)]))
        pa.dataset.write_dataset(t, str(f), format="parquet", partitioning=pa.dataset.partitioning(
            pa.schema([("year", pa.int64()), ("word", pa.string())]), flavor="hive"))
        fragments = pa.dataset.dataset(str(f), format="parquet", partitioning="hive")
        paths = sorted((os.path.relpath(p, str(f)).encode() for p in fragments.files))
        tables = [pq.read_table(os.path.join(str(f), p.decode()), partitioning=None) for p in paths]
        import urllib.parse
        values = [dict(c.split("=", 1) for c in p.decode().split("/")[:-1]) for p in paths]
        words = [urllib.parse.unquote(v["word"]) for v in values]
        words = [None if w == "__HIVE_DEFAULT_PARTITION__" else w for w in words]
        assert None in words and "a/b=c" in words, words
        same(f, united(tables, {"year": ([int(v["year"]) for v in values], pa.int64()), "word": (words, pa.string())}))

with check("hive_partitions_by_duckdb_and_polars"):
    try:
        import duckdb
        import polars
    except ImportError:
        raise Skip(LIBRARIES) from None
    with folder() as f:
        duckdb.sql(f"copy (select i, i*2.5 as v, i%3 as k, 'w'||(i%2) as w from range(1000) t(i)) to '{f}/d' "
                   "(format parquet, partition_by (k, w))")
        files = sorted(os.path.join(d, n) for d, _, ns in os.walk(f"{f}/d") for n in ns)
        files.sort(key=lambda p: os.path.relpath(p, f"{f}/d").encode())
        parts = [dict(c.split("=") for c in os.path.relpath(p, f"{f}/d").split("/")[:-1]) for p in files]
        tables = [pq.read_table(p, partitioning=None).select(["i", "v"]) for p in files]
        same(f"{f}/d", united(tables, {"k": ([int(p["k"]) for p in parts], pa.int64()),
                                       "w": ([p["w"] for p in parts], pa.string())}))
        polars.DataFrame({"a": list(range(50)), "day": [datetime.date(2024, 2, 27 + i % 3) for i in range(50)]}) \
            .write_parquet(polars.PartitionByKey(f"{f}/p", by="day", include_key=False), mkdir=True) \
            if hasattr(polars, "PartitionByKey") else None
        if os.path.isdir(f"{f}/p"):
            files = sorted(os.path.join(d, n) for d, _, ns in os.walk(f"{f}/p") for n in ns)
            days = [datetime.date.fromisoformat(p.split("day=")[1][:10]) for p in files]
            same(f"{f}/p", united([pq.read_table(p, partitioning=None) for p in files], {"day": (days, pa.date32())}))

with check("types_of_partition_keys"):
    def dtype(values):
        with folder() as f:
            for i, v in enumerate(values):
                write(f, f"k={v}/p.parquet" if v is not None else f"z{i}.parquet", pa.table({"x": [i]}))
            out = run("--list", "--long", str(f)).stdout.decode()
            lines = [line.split() for line in out.splitlines() if line.split()[-1].split("/")[0] == "k"]
            return "string" if lines[0][-1] == "k/offsets" else lines[0][0]
    assert dtype(["1", "-7", "007"]) == "int64"
    assert dtype(["9223372036854775807", "-9223372036854775808"]) == "int64"
    assert dtype(["9223372036854775808"]) == "string"
    assert dtype(["+1"]) == dtype(["1.0"]) == dtype([" 1"]) == dtype(["-"]) == "string"
    assert dtype(["1", "__HIVE_DEFAULT_PARTITION__"]) == dtype(["1", None]) == "int64"
    assert dtype(["1", ""]) == "string"
    assert dtype(["2024-02-29", "1969-12-31"]) == "date32[day]"
    assert dtype(["2023-02-29"]) == dtype(["2024-2-01"]) == dtype(["2024-13-01"]) == dtype(["2024-01-01", "1"]) == "string"
    assert dtype(["__HIVE_DEFAULT_PARTITION__"]) == "string"

with check("dates_of_many_centuries_are_pythons"):
    with folder() as f:
        days = [datetime.date(1, 1, 1), datetime.date(1582, 10, 15), datetime.date(1900, 2, 28), datetime.date(1970, 1, 1),
                datetime.date(2000, 2, 29), datetime.date(2024, 12, 31), datetime.date(9999, 12, 31)]
        for d in days:
            write(f, f"d={d.isoformat()}/p.parquet", pa.table({"x": [1]}))
        assert cat(f, "d") == parquet.np.array(sorted((d - datetime.date(1970, 1, 1)).days for d in days), "<i4").tobytes()

with check("a_key_wins_over_a_column_and_stands_last"):
    with folder() as f:
        write(f, "k=5/p.parquet", pa.table({"k": ["a", "b"], "x": [1, 2]}))
        write(f, "p.parquet", pa.table({"k": [1], "x": [3]}))
        assert run("--list", str(f)).stdout == b"x\nk\nk.validity\n"
        assert cat(f, "k") == parquet.np.array([5, 5, 0], "<i8").tobytes() and cat(f, "k.validity") == b"\1\1\0"

with check("types_are_widened_where_nothing_is_lost"):
    for x, y, together in widening.pairs():
        with folder() as f:
            write(f, "a.parquet", x)
            write(f, "b.parquet", y)
            same(f, together)

with check("decimals_and_nulls_are_widened"):
    with folder() as f:
        D = decimal.Decimal
        a = pa.table({"d": pa.array([D("-1.25"), None], pa.decimal128(5, 2)), "n": pa.nulls(2), "s": pa.nulls(2), "l": pa.nulls(2)})
        b = pa.table({"d": pa.array([D("123456789012345678901.25")], pa.decimal128(30, 2)), "n": pa.array([7]), "s": ["abc"],
                      "l": [[1, 2]]})
        c = pa.table({"d": pa.array([D("9.50")], pa.decimal128(12, 2)), "n": pa.nulls(1), "s": pa.nulls(1), "l": pa.nulls(1)})
        for name, t in (("a", a), ("b", b), ("c", c)):
            write(f, name + ".parquet", t)
        target = b.schema
        same(f, pa.concat_tables([t.cast(target) for t in (a, b, c)]))

with check("structs_and_lists_are_united_by_name"):
    with folder() as f:
        a = pa.table({"st": [{"a": 1, "in": {"x": 1}}, None], "ls": [[{"a": 1}, None], [{"a": 2}]], "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32()))})
        b = pa.table({"ls": pa.array([[{"b": "z", "a": 5}, {"b": None, "a": None}], None, []]), "st": [{"b": 2.5, "in": {"y": ["p", "q"]}}, None, {"b": None, "in": None}]})
        c = pa.table({"q": [1, 2], "m": pa.array([[("kk", 1 << 40), ("l", None)], []], pa.map_(pa.string(), pa.int64()))})
        for name, t in (("a", a), ("b", b), ("c", c)):
            write(f, name + ".parquet", t)
        st = pa.struct([("a", pa.int64()), ("in", pa.struct([("x", pa.int64()), ("y", pa.list_(pa.string()))])), ("b", pa.float64())])
        target = pa.schema([("st", st), ("ls", pa.list_(pa.struct([("a", pa.int64()), ("b", pa.string())]))),
                            ("m", pa.map_(pa.string(), pa.int64())), ("q", pa.int64())])
        rows = []
        for t in (a, b, c):
            rows += t.to_pylist()
        same(f, pa.Table.from_pylist([{n: r.get(n) for n in target.names} for r in rows], target))
        whole = cat(f, "ls/values/b/offsets")
        assert whole == parquet.np.array([0, 0, 0, 0, 1, 1], "<i8").tobytes(), whole

with check("required_and_nullable_make_nullable"):
    with folder() as f:
        need_x = pa.schema([pa.field("x", pa.int64(), False), pa.field("st", pa.struct([pa.field("y", pa.int32(), False)]), False)])
        a = pa.table({"x": [1, 2], "st": [{"y": 1}, {"y": 2}]}, need_x)
        b = pa.table({"x": [None, 4], "st": [None, {"y": None}]}, pa.schema([("x", pa.int64()), ("st", pa.struct([("y", pa.int32())]))]))
        write(f, "a.parquet", a)
        write(f, "b.parquet", b)
        same(f, pa.concat_tables([a.cast(b.schema), b]))

with check("differences_that_lose_something_are_refused_with_both_files"):
    def two(a, b):
        with folder() as f:
            write(f, "a.parquet", pa.table({"x": a}))
            write(f, "sub/b.parquet", pa.table({"x": b}))
            return refused(f)
    i, d = pa.array([1]), pa.array([1.5])
    assert two(i, d) == "x is INT64 in a.parquet and DOUBLE in sub/b.parquet", two(i, d)
    u = pa.array([1], pa.uint64())
    assert two(i, u) == "x is INT64 in a.parquet and INT(64,false) in sub/b.parquet", two(i, u)
    for a, b in ((pa.array([1], pa.date32()), pa.array([1], pa.timestamp("us"))),
                 (pa.array([1], pa.timestamp("ms")), pa.array([1], pa.timestamp("us"))),
                 (pa.array([1], pa.timestamp("us", "UTC")), pa.array([1], pa.timestamp("us"))),
                 (pa.array(["a"]), pa.array([b"a"])), (i, pa.array([[1]])), (pa.array([{"a": 1}]), pa.array([[1]])),
                 (pa.array([True]), i), (pa.array([b"abc"], pa.binary(3)), pa.array([b"abcd"], pa.binary(4))),
                 (pa.array([decimal.Decimal("1.2")], pa.decimal128(5, 1)), pa.array([decimal.Decimal("1.25")], pa.decimal128(5, 2)))):
        said = two(a, b)
        assert said.startswith("x is ") and " in a.parquet and " in said and said.endswith(" in sub/b.parquet"), said
    with folder() as f:
        write(f, "a.parquet", pa.table({"st": [{"in": [1]}]}))
        write(f, "b.parquet", pa.table({"st": [{"in": [1.5]}]}))
        assert refused(f).startswith("st.in.element is INT64 in a.parquet and DOUBLE in b.parquet"), refused(f)

with check("which_files_belong_to_the_table"):
    with folder() as f:
        assert refused(f) == "no Parquet or Arrow file in it"
        for name in ("b/x", "a.parquet", "a/1.parquet", "Z.PQ"):
            write(f, name, pa.table({"x": [name]}))
        for name in ("_meta.parquet", ".hidden.parquet", "_tmp/a.parquet", ".git/b.parquet"):
            write(f, name, pa.table({"y": [name]}))
        (f / "notes.txt").write_text("PAR1 is how it begins")
        (f / "empty").write_bytes(b"")
        (f / "half").write_bytes(b"PAR1 and no end, but long enough")
        assert cat(f, "x/values") == b"Z.PQa.parqueta/1.parquetb/x", cat(f, "x/values")
        (f / "c.parquet").write_text("text")
        assert refused(f) == "c.parquet: not a Parquet file", refused(f)
        (f / "c.parquet").write_bytes(b"PAR1\1\2\3\4\xff\0\0\0PAR1")
        assert refused(f) == "c.parquet: footer of 255 bytes in a file of 16", refused(f)

with check("partitions_whose_key_begins_with_an_underscore_count"):
    with folder() as f:
        t = pa.table({"x": [1, 2, 3], "_k": [7, 7, 8]})
        pa.dataset.write_dataset(t, f"{f}/d", format="parquet", partitioning=pa.dataset.partitioning(
                                 pa.schema([t.schema.field("_k")]), flavor="hive"))
        write(f / "d", "_temporary/0.parquet", pa.table({"x": [9]}))
        write(f / "d", "_file=1.parquet", pa.table({"x": [9]}))
        os.symlink("_file=1.parquet", f / "d" / "_link=1.parquet")
        assert sorted(os.listdir(f / "d"))[0].startswith("_"), os.listdir(f / "d")
        assert cat(f"{f}/d", "x") == b"".join(v.to_bytes(8, "little") for v in (1, 2, 3))
        assert cat(f"{f}/d", "_k") == b"".join(v.to_bytes(8, "little") for v in (7, 7, 8))

with check("of_a_key_twice_in_a_path_the_first_counts"):
    with folder() as f:
        write(f, "k=1/k=2/a.parquet", pa.table({"x": [1]}))
        write(f, "k=__HIVE_DEFAULT_PARTITION__/k=3/a.parquet", pa.table({"x": [2]}))
        assert cat(f, "k") == b"".join(v.to_bytes(8, "little") for v in (1, 0)), cat(f, "k")
        assert cat(f, "k.validity") == b"\1\0"

with check("tables_with_a_log_of_their_own_are_refused_by_name"):
    for sign, kind in (("_delta_log/", "a Delta"), (".hoodie/", "a Hudi"), ("metadata/v1.metadata.json", "an Iceberg")):
        for below in ("", "sales/"):
            with folder() as f:
                write(f, below + "a.parquet", pa.table({"x": [1]}))
                path = f / (below + sign)
                os.makedirs(path if sign.endswith("/") else path.parent)
                if not sign.endswith("/"):
                    path.write_text("{}")
                told = refused(f)
                assert told == f"{kind} table, by its {below}{sign.rstrip('/')}: its files alone bring deleted rows back; " \
                    "-o dataset=files takes them as they lie", told
                r = subprocess.run([ARRAYFS, "-o", "dataset=files", "--cat", str(f), "x"], capture_output=True)
                assert (r.returncode, r.stdout) == (0, (1).to_bytes(8, "little")), r
    with folder() as f: # no such tables
        write(f, "metadata/a.parquet", pa.table({"x": [1]}))
        (f / "a.metadata.json").write_text("{}")
        (f / "_delta_log").write_text("")
        assert cat(f, "x") == (1).to_bytes(8, "little")
        r = subprocess.run([ARRAYFS, "-o", "dataset=all", "--list", str(f)], capture_output=True, text=True)
        assert r.returncode == 2 and r.stderr == "arrayfs: dataset=all: must be dataset or dataset=files (see arrayfs --help)\n", r

with check("links_count_once_and_lead_out_only_when_followed"):
    with folder() as f:
        write(f, "out/o.parquet", pa.table({"x": [9]}))
        write(f, "d/a.parquet", pa.table({"x": [1]}))
        write(f, "d/.store/s", pa.table({"x": [2]}))
        os.symlink("a.parquet", f / "d/again.parquet")
        os.symlink(".store/s", f / "d/s.parquet")
        os.symlink(".", f / "d/loop")
        assert cat(f / "d", "x") == parquet.np.array([1, 2], "<i8").tobytes()
        os.symlink("../out/o.parquet", f / "d/o.parquet")
        os.symlink("../out", f / "d/more")
        assert refused(f / "d") == "o.parquet: a symbolic link that leads out of the folder; -o follow reads it", refused(f / "d")
        r = subprocess.run([ARRAYFS, "-o", "dataset,follow", "--cat", str(f / "d"), "x"], capture_output=True)
        assert r.stdout == parquet.np.array([1, 9, 2], "<i8").tobytes(), r

with check("nothing_but_empty_files_and_no_columns"):
    with folder() as f:
        write(f, "k=1/a.parquet", pa.table({"x": pa.array([], pa.int64())}))
        write(f, "k=2/b.parquet", pa.table({"x": pa.array([], pa.int32()), "s": pa.array([], pa.string())}))
        assert cat(f, "x") == cat(f, "k") == b"" and cat(f, "s/offsets") == bytes(8)
    with folder() as f:
        write(f, "a.parquet", pa.table({}))
        assert run("--list", str(f)).stdout == b""

with check("metadata_of_the_files_does_not_show_and_attributes_do"):
    with folder() as f:
        write(f, "k=x/d=2024-01-02/n=1/a.parquet", pa.table({"v": [1]}).replace_schema_metadata({"a": "b"}))
        import json
        told = {o["path"]: o for o in map(json.loads, run("--list", "--json", str(f)).stdout.decode().splitlines())}
        assert not any("attributes" in o for o in told.values()), told
        assert told["n"]["dtype"] == "int64" and told["n"]["type"] == "INT64" and told["n"]["shape"] == [1]
        assert told["d"]["dtype"] == "date32[day]" and told["d"]["type"] == "DATE"
        assert told["v"]["codec"] == "snappy"

with check("row_groups_are_told_with_their_files_and_partitions"):
    with folder() as f:
        import json
        days = ["2024-01-15", "2024-01-16"]
        for k, day in enumerate(days):
            x = pa.array([k * 1000 + i for i in range(100)], pa.int32() if k else pa.int64())
            write(f, f"d={day}/k=%2F/p.parquet", pa.table({"x": x} | ({"y": pa.array(range(100))} if k else {})), row_group_size=30)
        told = {o["path"]: o for o in map(json.loads, run("--list", "--json", str(f)).stdout.decode().splitlines())}
        row, groups = 0, told["x"]["row_groups"]
        for k, day in enumerate(days):
            path = f"d={day}/k=%2F/p.parquet"
            meta = pq.read_metadata(f / path)
            for g in range(meta.num_row_groups):
                o, m = groups.pop(0), meta.row_group(g).column(0)
                assert o["file"] == path and o["partition"] == {"d": day, "k": "/"}, o
                assert o["rows"] == [row, row + m.num_values] and o["bytes"] == [8 * r for r in o["rows"]], o
                assert (o["min"], o["max"], o["null_count"]) == (m.statistics.min, m.statistics.max, m.statistics.null_count), o
                row += m.num_values
        assert not groups
        assert told["y"]["row_groups"][0] == {"file": f"d={days[0]}/k=%2F/p.parquet", "partition": {"d": days[0], "k": "/"},
                                              "rows": [0, 100], "bytes": [0, 800], "null_count": 100}
        first = told["d"]["row_groups"][0]
        day = (datetime.date(2024, 1, 15) - datetime.date(1970, 1, 1)).days
        assert (first["min"], first["max"], first["bytes"], first["null_count"]) == (day, day, [0, 400], 0), first
        assert [(o["min"], o["bytes"]) for o in told["k/values"]["row_groups"]] == [("/", [0, 100]), ("/", [100, 200])]

with check("a_single_file_is_itself"):
    with folder() as f:
        path = write(f, "a.parquet", pa.table({"x": [1, 2]}))
        assert cat(path, "x") == parquet.np.array([1, 2], "<i8").tobytes()

done()
