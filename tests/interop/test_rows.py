#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`arrayfs rows`: every value of tables that pyarrow, polars and DuckDB wrote, as csv.reader and json read it back, and as
pyarrow, DuckDB and polars do by their defaults."""
import base64
import csv
import datetime
import decimal
import io
import json
import math
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, need, sampled  # noqa: E402

np, pa, pq, pc, duckdb, polars = need("numpy", "pyarrow", "pyarrow.parquet", "pyarrow.csv", "duckdb", "polars")
import pyarrow.feather  # noqa: E402
import pyarrow.json  # noqa: E402


def time_text(count, per, digits):
    rest, fraction = divmod(count, per)
    text = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return text + (f".{fraction:0{digits}}" if digits else "")


class Half(float):
    kind = np.float16


class Single(float):
    kind = np.float32


def near(v, text):
    """Does the text read as the number in its own type?"""
    kind = getattr(v, "kind", np.float64)
    return kind(text) == kind(v)


def scalar(v, t):
    """A value that is not null, as JSON has it; text for what is text there."""
    if pa.types.is_boolean(t) or pa.types.is_integer(t):
        return v.as_py()
    if pa.types.is_floating(t):
        return {16: Half, 32: Single, 64: float}[t.bit_width](v.as_py())
    if pa.types.is_decimal(t):
        return decimal.Decimal(v.as_py())
    if pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t):
        return v.as_py()
    if pa.types.is_binary(t) or pa.types.is_large_binary(t) or pa.types.is_fixed_size_binary(t):
        return base64.b64encode(v.as_py()).decode()
    if pa.types.is_date32(t):
        return v.as_py().isoformat()
    if pa.types.is_time(t):
        per, digits = {"s": (1, 0), "ms": (1000, 3), "us": (10**6, 6), "ns": (10**9, 9)}[t.unit]
        return time_text(v.value, per, digits)
    if pa.types.is_timestamp(t):
        per, digits = {"s": (1, 0), "ms": (1000, 3), "us": (10**6, 6), "ns": (10**9, 9)}[t.unit]
        seconds, fraction = divmod(v.value, per)
        text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat()
        return text + (f".{fraction:0{digits}}" if digits else "") + ("Z" if t.tz else "")
    if pa.types.is_duration(t):
        return v.value
    raise AssertionError(t)


def value(v, t):
    if not v.is_valid:
        return None
    if pa.types.is_dictionary(t):
        return value(v.value if hasattr(v, "value") else v, t.value_type)
    if pa.types.is_map(t):
        return [{"key": value(k, t.key_type), "value": value(x, t.item_type)} for k, x in zip(v.values.field(0), v.values.field(1))]
    if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        return [value(e, t.value_type) for e in v.values]
    if pa.types.is_struct(t):
        return {t.field(i).name: value(v[t.field(i).name], t.field(i).type) for i in range(t.num_fields)}
    return scalar(v, t)


def finite(v):
    """NaN and infinities, which JSON has no numbers for, are null."""
    if isinstance(v, float):
        return v if math.isfinite(v) else None
    if isinstance(v, list):
        return [finite(e) for e in v]
    if isinstance(v, dict):
        return {k: finite(e) for k, e in v.items()}
    return v


def same(a, b):
    """Numbers as they are written, which a float32's shortest text need not be for float64."""
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, decimal.Decimal):
        return b is not None and decimal.Decimal(b) == a
    if isinstance(a, float):
        return b is not None and near(a, str(b))
    return a == b and type(a) is type(b)


def cell(text, v, alone):
    """Is the text that of the value?  None is an empty field that is not quoted, which csv.reader does not tell."""
    if v is None:
        return text == ""
    if isinstance(v, bool):
        return text == str(v).lower()
    if isinstance(v, float):
        return text == "NaN" if math.isnan(v) else text in ("inf", "-inf") if math.isinf(v) else near(v, text)
    if isinstance(v, decimal.Decimal):
        return decimal.Decimal(text) == v and ("." in text) == (v.as_tuple().exponent < 0)
    if isinstance(v, (list, dict)):
        return same(finite(v), json.loads(text, parse_float=decimal.Decimal))
    return text == str(v)


def compare(path, table, *options):
    names = table.column_names
    wanted = [[value(v, f.type) for v in table.column(i)] for i, f in enumerate(table.schema)]
    for kind, delimiter in (("--csv", ","), ("--tsv", "\t")):
        out = arrayfs("rows", kind, path, *options).stdout.decode()
        rows = list(csv.reader(io.StringIO(out, newline=""), delimiter=delimiter))
        assert rows[0] == names, f"{path}: {rows[0]}"
        assert len(rows) == table.num_rows + 1, f"{path}: {len(rows)} rows"
        for i, column in enumerate(wanted):
            for r, v in enumerate(column):
                assert cell(rows[r + 1][i], v, len(names) == 1), f"{path}: row {r}: {names[i]}: {rows[r + 1][i]!r} for {v!r}"
    lines = arrayfs("rows", "--jsonl", path, *options).stdout.decode().splitlines()
    assert len(lines) == table.num_rows
    for r, line in enumerate(lines):
        row = json.loads(line, parse_float=decimal.Decimal)
        assert list(row) == names
        for i, name in enumerate(names):
            assert same(finite(wanted[i][r]), row[name]), f"{path}: row {r}: {name}: {row[name]!r} for {wanted[i][r]!r}"


TEXTS = ["", "a", "é中", 'say "hi"', "a,b", "tab\t", "line\nbreak", "cr\rlf", "\\N", " pad ", "null", "\x01control", "1", "NaN", "x" * 40]


def random_array(rng, t, n, nulls=0.15):
    def one(t):
        if rng.random() < nulls:
            return None
        if pa.types.is_boolean(t):
            return rng.random() < 0.5
        if pa.types.is_integer(t):
            low, high = (-(1 << t.bit_width - 1), 1 << t.bit_width - 1) if pa.types.is_signed_integer(t) else (0, 1 << t.bit_width)
            return rng.randrange(low, high) if rng.random() < 0.5 else rng.randrange(max(low, -9), 9)
        if pa.types.is_float16(t):
            return np.float16(rng.uniform(-9, 9))
        if pa.types.is_floating(t):
            return rng.choice([rng.uniform(-1e3, 1e3), 0.0, -0.0, 1e300 if t.bit_width == 64 else 1e30, float("nan"), float("inf"), 5e-5, 1.0, 1e16])
        if pa.types.is_decimal(t):
            return decimal.Decimal(rng.randrange(-10**(t.precision - 1), 10**(t.precision - 1))).scaleb(-t.scale, decimal.Context(prec=80))
        if pa.types.is_date32(t):
            return datetime.date(1970, 1, 1) + datetime.timedelta(days=rng.randrange(-300_000, 300_000))
        if pa.types.is_time(t):
            return rng.randrange(86400 * {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[t.unit])
        if pa.types.is_timestamp(t):
            return rng.randrange(-2**31, 2**32) * {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[t.unit] + (rng.randrange(1000) if t.unit != "s" else 0)
        if pa.types.is_duration(t):
            return rng.randrange(-10**9, 10**9)
        if pa.types.is_fixed_size_binary(t):
            return rng.randbytes(t.byte_width)
        if pa.types.is_binary(t) or pa.types.is_large_binary(t):
            return rng.randbytes(rng.randrange(6))
        if pa.types.is_map(t):
            return [(one_valid(t.key_type), one(t.item_type)) for _ in range(rng.randrange(3))]
        if pa.types.is_fixed_size_list(t):
            return [one(t.value_type) for _ in range(t.list_size)]
        if pa.types.is_list(t) or pa.types.is_large_list(t):
            return [one(t.value_type) for _ in range(rng.randrange(4))]
        if pa.types.is_struct(t):
            return {t.field(i).name: one(t.field(i).type) for i in range(t.num_fields)}
        return rng.choice(TEXTS)

    def one_valid(t):
        while (v := one(t)) is None:
            pass
        return v

    return pa.array([one(t) for _ in range(n)], t)


SIMPLE = [pa.bool_(), pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(),
          pa.float64(), pa.decimal128(5, 2), pa.decimal128(38, 10), pa.decimal128(20, 0), pa.decimal256(60, 20), pa.date32(), pa.time32("s"), pa.time32("ms"), pa.time64("us"),
          pa.time64("ns"), pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.duration("us"),
          pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(5)]


def random_type(rng, depth=0):
    kind = rng.choice(["list", "large", "struct", "map", "simple", "simple"]) if depth < 3 else "simple"
    inner = lambda: random_type(rng, depth + 1)  # noqa: E731
    if kind == "list":
        return pa.list_(inner())
    if kind == "large":
        return pa.large_list(inner())
    if kind == "struct":
        return pa.struct([(f"f{i}", inner()) for i in range(rng.randrange(1, 4))])
    if kind == "map":
        return pa.map_(rng.choice([pa.string(), pa.int32()]), inner())
    return rng.choice(SIMPLE)


PARQUET = [t for t in SIMPLE if not pa.types.is_duration(t) and t != pa.timestamp("s") and t != pa.time32("s") and not pa.types.is_decimal256(t)]

with folder() as where:
    with check("every type of Arrow and of Parquet"):
        rng = random.Random(1)
        arrow = pa.table({str(t): random_array(rng, t, 60) for t in SIMPLE})
        pyarrow.feather.write_feather(arrow, str(where / "t.arrow"), compression="zstd")
        compare(where / "t.arrow", arrow)
        with pa.OSFile(str(where / "t.arrows"), "wb") as f, pa.ipc.new_stream(f, arrow.schema) as w:
            for batch in arrow.to_batches(max_chunksize=17):
                w.write_batch(batch)
        compare(where / "t.arrows", arrow)
        parquet = pa.table({str(t): random_array(rng, t, 60) for t in PARQUET})
        pq.write_table(parquet, where / "t.parquet", row_group_size=23)
        compare(where / "t.parquet", parquet)

    with check("lists, structs, maps, dictionaries and runs"):
        for i in sampled(range(40)):
            rng = random.Random(100 + i)
            arrow = pa.table({f"c{j}": random_array(rng, random_type(rng), 25) for j in range(3)})
            pyarrow.feather.write_feather(arrow, str(where / "n.arrow"), compression="uncompressed")
            compare(where / "n.arrow", arrow)
        words = pa.array(rng.choices(TEXTS + [None], k=50))
        arrow = pa.table({"d": words.dictionary_encode(), "f": pa.array([[1, 2], None, [3, 4]] * 16 + [[5, 6]] * 2, pa.list_(pa.int32(), 2))})
        pyarrow.feather.write_feather(arrow, str(where / "n.arrow"))
        compare(where / "n.arrow", arrow)
        runs = pa.RunEndEncodedArray.from_arrays(pa.array([3, 5, 9], pa.int32()), pa.array(["a", None, "b"]))
        with pa.OSFile(str(where / "r.arrow"), "wb") as f, pa.ipc.new_file(f, pa.schema([("r", runs.type)])) as w:
            w.write(pa.record_batch([runs], ["r"]))
        lines = arrayfs("rows", "--jsonl", where / "r.arrow").stdout.splitlines()
        assert [json.loads(x)["r"] for x in lines] == ["a"] * 3 + [None] * 2 + ["b"] * 4, lines
        assert [json.loads(x)["r"] for x in arrayfs("rows", "--jsonl", "--rows", "4:7", where / "r.arrow").stdout.splitlines()] == [None, "b", "b"]

    n = 30_000
    rng = random.Random(3)
    big = pa.table({"id": pa.array(range(n)), "x": random_array(rng, pa.float64(), n), "s": random_array(rng, pa.string(), n), "b": random_array(rng, pa.bool_(), n),
                    "t": random_array(rng, pa.timestamp("us"), n), "l": random_array(rng, pa.list_(pa.int32()), n)})
    pq.write_table(big, where / "big.parquet", row_group_size=7000, compression="zstd")

    with check("long tables, by several threads in order, and any part of them"):
        whole = arrayfs("rows", where / "big.parquet").stdout
        for threads in ("1", "2", "7"):
            assert arrayfs("rows", "-o", f"threads={threads},cache=8M", where / "big.parquet").stdout == whole, threads
        lines = whole.split(b"\n")
        ids = arrayfs("rows", where / "big.parquet", "id").stdout.split()
        assert ids == [b"id"] + [str(i).encode() for i in range(n)]
        assert arrayfs("rows", "--rows", "-2:", where / "big.parquet", "b", "id").stdout.split(b"\n")[0] == b"b,id"
        assert [x.split(b",")[0] for x in arrayfs("rows", "--rows", "20000:20003", where / "big.parquet", "id").stdout.split()[1:]] == [b"20000", b"20001", b"20002"]
        assert arrayfs("rows", "--rows", "5:5", where / "big.parquet", "id").stdout == b"id\n"
        assert lines[-1] == b""

    with check("what three libraries read back by their defaults"):
        plain = big.drop_columns(["l"])
        clean = [v if v is None or ("\r" not in v and "\x01" not in v and "\n" not in v) else v.translate({13: 95, 10: 95, 1: 95}) for v in plain["s"].to_pylist()]
        plain = plain.set_column(2, "s", pa.array([None if v == "" or v in ("NaN", "null") else v for v in clean]))
        pq.write_table(plain, where / "plain.parquet")
        (where / "back.csv").write_bytes(arrayfs("rows", where / "plain.parquet").stdout)
        (where / "back.jsonl").write_bytes(arrayfs("rows", "--jsonl", where / "plain.parquet").stdout)
        ids = list(range(n))
        texts = plain["s"].to_pylist()
        a = pc.read_csv(where / "back.csv")
        assert a["id"].to_pylist() == ids and [v or None for v in a["s"].to_pylist()] == texts
        d = duckdb.sql(f"select * from read_csv('{where}/back.csv', header = true, sample_size = -1) order by id").fetchall()
        assert [r[0] for r in d] == ids and [r[2] for r in d] == texts
        p = polars.read_csv(where / "back.csv", infer_schema_length=None)
        assert p["id"].to_list() == ids and p["s"].to_list() == texts
        j = pyarrow.json.read_json(where / "back.jsonl")
        assert j["id"].to_pylist() == ids and j["s"].to_pylist() == texts
        assert duckdb.sql(f"select count(*), count(s) from read_json('{where}/back.jsonl')").fetchall() == [(n, sum(v is not None for v in texts))]
        assert polars.read_ndjson(where / "back.jsonl", infer_schema_length=None)["s"].to_list() == texts

    with check("an empty string and null are told apart where there is one column, too"):
        for column, csv_text in ((["", None, "a"], b's\n""\n""\na\n'), ([None], b's\n""\n')):
            pq.write_table(pa.table({"s": pa.array(column, pa.string())}), where / "one.parquet")
            assert arrayfs("rows", where / "one.parquet").stdout == csv_text
            assert [json.loads(x)["s"] for x in arrayfs("rows", "--jsonl", where / "one.parquet").stdout.splitlines()] == column
        pq.write_table(pa.table({"s": pa.array(["", None], pa.string()), "n": [1, 2]}), where / "two.parquet")
        assert arrayfs("rows", where / "two.parquet").stdout == b's,n\n"",1\n,2\n'

    with check("what cannot be done ends in what can"):
        assert b"did you mean 'id'?" in arrayfs("rows", where / "big.parquet", "ix", code=1).stderr
        assert b"-o dataset" in arrayfs("rows", where, code=1).stderr
        from safetensors.numpy import save_file
        save_file({"w": np.zeros(3)}, where / "m.safetensors")
        assert b"is no table (safetensors)" in arrayfs("rows", where / "m.safetensors", code=1).stderr
        assert arrayfs("rows", "--csv", "--tsv", where / "big.parquet", code=2).stderr.count(b"\n") == 1
        assert b"NaN and infinities" in arrayfs("rows", "--jsonl", where / "big.parquet", "x").stderr

    with check("a dataset, and records"):
        (where / "set/k=1").mkdir(parents=True)
        (where / "set/k=2").mkdir(parents=True)
        pq.write_table(pa.table({"a": [1, 2]}), where / "set/k=1/x.parquet")
        pq.write_table(pa.table({"a": [3]}), where / "set/k=2/x.parquet")
        assert arrayfs("rows", "-o", "dataset", where / "set").stdout == b"a,k\n1,1\n2,1\n3,2\n"
        (where / "r.jsonl").write_text('{"a":1,"b":["x",null]}\n{"b":[],"c":{"d":0.5}}\n')
        assert arrayfs("rows", "--jsonl", where / "r.jsonl").stdout == b'{"a":1,"b":["x",null],"c":null}\n{"a":null,"b":[],"c":{"d":0.5}}\n'

done()
