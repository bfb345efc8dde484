#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CSV and TSV, compared with Python's csv by the rules written down in records_model.py: columns, types and every
byte; and tables as pyarrow, polars, DuckDB and pandas write them."""
import csv
import gzip
import io
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, listed, need, sampled  # noqa: E402

np, pyarrow, polars, duckdb, pandas = need("numpy", "pyarrow", "polars", "duckdb", "pandas")
import pyarrow.csv  # noqa: E402
import records_model as model  # noqa: E402
from records_check import compare  # noqa: E402

ODD = ["007", "00.5", "+5", "1.", ".5", "1e3", "1E+3", "-0", "-0.0", "9223372036854775807", "9223372036854775808", "18446744073709551615",
       "18446744073709551616", "-9223372036854775809", "9007199254740993", "1e400", "5e-324", "1e-400", "nan", "NaN", "inf", "-Infinity", "+inf",
       "true", "True", "FALSE", "tRue", "t", "yes", "NA", "null", "", " 1", "2 ", "\t3", "0x1F", ".", "-", "1.2.3", "1e", "--1", "é", "a b",
       "12345678901234567890123", "0.1234567890123456789", "1" * 40, "00", "-007"]
TIMES = ["2024-01-15", "2024-02-29", "2023-02-29", "1900-02-29", "0001-01-01", "9999-12-31", "2024-1-5", "2024-01-15T10:20", "2024-01-15 10:20:30",
         "2024-01-15T10:20:30.5", "2024-01-15T10:20:30.123456", "2024-01-15T10:20:30.123456789", "2024-01-15T10:20:30.1234567891",
         "2024-01-15T10:20:30Z", "2024-01-15 10:20:30+02:00", "2024-01-15 10:20:30-0130", "2024-01-15T10:20:30+02", "2024-01-15T24:00:00",
         "2024-01-15T10:20:60", "1600-01-01T00:00:00", "1969-12-31T23:59:59.999999", "1677-09-21T00:12:43.145224192", "2262-04-11T23:47:16.854775807",
         "2262-04-11T23:47:16.854775808", "10:20:30", "2024-01-15T10:20:30.", "2024-01-15T10:20:30 Z", "2024-13-01", "2024-00-10"]


def cell(rng, what):
    if rng.random() < 0.1:
        return ""
    if what == "int":
        return str(rng.randrange(-10**6, 10**6))
    if what == "float":
        return repr(rng.uniform(-1e3, 1e3))
    if what == "date":
        return f"20{rng.randrange(10, 99)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    if what == "time":
        fraction = rng.choice(["", ".5", ".123456"])
        return f"2024-01-{rng.randrange(1, 29):02}T10:{rng.randrange(60):02}:{rng.randrange(60):02}{fraction}"
    if what == "odd":
        return rng.choice(ODD)
    if what == "times":
        return rng.choice(TIMES)
    if what == "few":   # of two odd values
        return rng.choice(rng.choices(ODD + TIMES, k=2))
    return rng.choice(["x", "say \"hi\"", "a,b", "line\nbreak", "cr\r\nlf", "é中", " pad ", "\ttab"]) + rng.choice(["", "y" * 20])


def quoted(rng, text, delimiter, chance):
    must = any(c in text for c in (delimiter, '"', "\n", "\r"))
    if must or (rng.random() < chance):
        return '"' + text.replace('"', '""') + '"', True
    return text, False


def table(rng, rows):
    """The file's text, names, and for each column its cells, each with whether it is quoted."""
    delimiter = rng.choice([",", ",", "\t", ";"])
    chance = rng.choice([0, 0, 0.2, 1])
    n = rng.randrange(1, 6)
    kinds = [rng.choice(["int", "float", "date", "time", "odd", "times", "few", "few", "text"]) for _ in range(n)]
    pool = [rng.sample(ODD + TIMES, 2) for _ in range(n)]
    names = [f"c{i}" for i in range(n)]
    end = rng.choice(["\n", "\r\n"])
    cells = [[] for _ in range(n)]
    lines = [delimiter.join(names)]
    for _ in range(rows):
        line = []
        for i, kind in enumerate(kinds):
            text, q = quoted(rng, rng.choice(pool[i]) if kind == "few" else cell(rng, kind), delimiter, chance)
            line.append(text)
            raw = text[1:-1].replace('""', '"') if q else text
            cells[i].append((raw, q))
        if n == 1 and line[0] == "":
            pass                       # a blank line, which is a null row of a table of one column
        lines.append(delimiter.join(line))
        if n > 1 and rng.random() < 0.02:
            lines.append("")
    return end.join(lines) + end, names, cells, delimiter


def expected(names, cells, null=None):
    files = model.Files()
    for name, column in zip(names, cells):
        model.csv_column(files, name, column, null)
    return files


def ending(delimiter):
    return (["-o", "delimiter=;"] if delimiter == ";" else []), "t.tsv" if delimiter == "\t" else "t.csv"


with folder() as where:
    with check("tables at random are what the rules say, and rows as csv.reader reads them"):
        for i in sampled(range(250)):
            rng = random.Random(i)
            text, names, cells, delimiter = table(rng, rng.randrange(0, 25))
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row or len(names) == 1]
            assert [[c[0] for c in row] for row in zip(*cells)] == [row or [""] for row in rows[1:]], text
            options, name = ending(delimiter)
            (where / name).write_bytes(rng.choice([b"", b"\xef\xbb\xbf"]) + text.encode())
            compare(where / name, expected(names, cells), where, *options)

    with check("long tables, read by several threads in several spans"):
        for i in sampled(range(8)):
            rng = random.Random(1000 + i)
            text, names, cells, delimiter = table(rng, 30_000)
            options, name = ending(delimiter)
            (where / name).write_bytes(text.encode())
            files = expected(names, cells)
            for more in ([], ["-o", "threads=1"], ["-o", "threads=5,cache=8M"]):
                compare(where / name, files, where, *options, *more)
            (where / (name + ".gz")).write_bytes(gzip.compress(text.encode(), 1))
            compare(where / (name + ".gz"), files, where, *options)

    with check("quotes off, no header, a word that is null"):
        path = where / "t.csv"
        path.write_text('a,b\n"x,1\n"y",2\n')
        compare(path, expected(["a", "b"], [[('"x', False), ('"y"', False)], [("1", False), ("2", False)]]), where, "-o", "quote=no")
        path.write_text("1,x\n2,\n")
        compare(path, expected(["0", "1"], [[("1", False), ("2", False)], [("x", False), ("", False)]]), where, "-o", "header=no")
        path.write_text('a,b\nNA,1\n"NA",\\N\n\\N,NA\n')
        cells = [[("NA", False), ("NA", True), ("\\N", False)], [("1", False), ("\\N", False), ("NA", False)]]
        compare(path, expected(["a", "b"], cells, "NA"), where, "-o", "null=NA")
        compare(path, expected(["a", "b"], cells, "\\N"), where, "-o", "null=\\N")

    with check("names that come twice, and that are empty"):
        (where / "t.csv").write_text('a,a,,"x/y","q""r"\n1,2,3,4,5\n')
        out = [line.split()[-1] for line in arrayfs("--list", where / "t.csv").stdout.decode().splitlines()]
        assert out == ["a", "a~2", "_", "x/y", 'q"r'], out

    with check("what breaks a row is told with its line, or left out"):
        path = where / "t.csv"
        for bad in ("1", "1,2,3", '"x"y,2', '"open,2', "1,2\r3"):
            path.write_text(f"a,b\n1,2\n\n3,4\n{bad}\n5,6\n", newline="")
            told = arrayfs("--list", path, code=1).stderr.decode()
            assert "t.csv: line 5: " in told and told.count("\n") == 1, (bad, told)
            numbers = [[("1", False), ("3", False), ("5", False)], [("2", False), ("4", False), ("6", False)]]
            compare(path, expected(["a", "b"], numbers), where, "-o", "bad-records=skip")
        path.write_text('a,b\n"x\ny\n",2\n1\n')
        assert b"line 5: 1 fields" in arrayfs("--list", path, code=1).stderr

    with check("a last line that is being written is left out until it is whole"):
        numbers = [[("1", False)], [("2", False)]]
        for cut in ("3", '3,"4', '"3'):
            (where / "t.csv").write_text(f"a,b\n1,2\n{cut}")
            compare(where / "t.csv", expected(["a", "b"], numbers), where)
        (where / "t.csv").write_text("a,b\n1,2")
        compare(where / "t.csv", expected(["a", "b"], numbers), where)

    with check("bytes that are not UTF-8 make a column of bytes"):
        (where / "t.csv").write_bytes(b"a,b\n\xff,1\nx,2\n")
        out = {o.split()[-1]: o.split()[0] for o in arrayfs("--list", "--long", where / "t.csv").stdout.decode().splitlines()}
        assert out["a/"] == "bytes" and out["b"] == "int64", out

    with check("no rows, no bytes, 65,536 columns and one more"):
        (where / "t.csv").write_text("a,b\n")
        compare(where / "t.csv", expected(["a", "b"], [[], []]), where)
        (where / "t.csv").write_text("")
        arrayfs("--list", where / "t.csv")
        for n, code in ((65_536, 0), (65_537, 1)):
            (where / "t.csv").write_text(",".join(f"c{i}" for i in range(n)) + "\n" + ",".join("1" * n) + "\n")
            assert code == 0 or b"over 65536 columns" in arrayfs("--list", where / "t.csv", code=1).stderr
            if code == 0:
                arrayfs("--list", where / "t.csv")

    with check("tables as four libraries write them"):
        n = 3000
        rng = np.random.default_rng(3)
        data = {"i": np.arange(n), "x": rng.random(n), "s": [f"n{i}, \"q\"" if i % 7 == 0 else f"n{i}" for i in range(n)],
                "b": rng.random(n) < 0.5, "t": pandas.to_datetime(rng.integers(0, 2 * 10**9, n), unit="s")}
        arrow = pyarrow.table(data)
        writers = {
            "pyarrow": lambda p: pyarrow.csv.write_csv(arrow, p),
            "polars": lambda p: polars.from_arrow(arrow).write_csv(p),
            "duckdb": lambda p: duckdb.sql(f"copy (select * from arrow) to '{p}' (header)"),
            "pandas": lambda p: pandas.DataFrame(data).to_csv(p, index=False),
            "all quoted": lambda p: pandas.DataFrame(data).to_csv(p, index=False, quoting=csv.QUOTE_ALL),
        }
        for name, writer in writers.items():
            path = where / "w.csv"
            writer(str(path))
            cat = lambda column: arrayfs("--cat", path, column).stdout  # noqa: E731
            assert (np.frombuffer(cat("i"), "<i8") == data["i"]).all(), name
            assert (np.frombuffer(cat("x"), "<f8") == data["x"]).all(), name
            assert (np.frombuffer(cat("b"), "?") == data["b"]).all(), name
            assert cat("s/values").decode() == "".join(data["s"]), name
            times = {o["path"]: o["dtype"] for o in listed(path)}["t"]
            assert times == {"pyarrow": "timestamp[ns]", "polars": "timestamp[ns]"}.get(name, "timestamp[us]"), (name, times)
            assert (np.frombuffer(cat("t"), "<i8") == data["t"].astype("datetime64" + times[9:]).astype("i8")).all(), name

done()
