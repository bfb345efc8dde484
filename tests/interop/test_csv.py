#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CSV and TSV, compared with Python's csv by the rules written down in records_model.py: columns, types and every
byte; and tables as pyarrow, polars, DuckDB and pandas write them."""
import csv
import gzip
import io
import itertools
import os
import random
import sys
from decimal import Decimal, getcontext
from fractions import Fraction

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

MORE = ["9" * 16, "1234567890123456", "8999999999999999999", "9007199254740992", "-9007199254740993", "1e308", "1e309", "-nan", "+NaN", "Infinity", "infinit",
        "1e+", "1e5.0", "1 2", "- 1", "1-2", "0e0", "0.", "-.5", "-.", "e5", "TRUE ", "\tfalse", "tru", "truee", "١٢", "1_000", "1,5", "x\ny",
        "2024-01-15 ", " 2024-01-15T10:20:30", "2024-01-15T10:20:30+00:00", "2024-01-15T10:20:30+0", "2024-01-15T1:20:30", "2024-01-15t10:20:30",
        "2024/01/15", "20240115", "2024-01-15T10:20:30.1234567", "+2024-01-15", "2024-02-30 10:00", "12345-01-15", "1234-5678", "1e10-1-1"]


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


def any_width(rng, kind):
    """A cell that is of any width, so that fields lie at every place of what is looked at together."""
    width = rng.choice([0, 1, 2, 3, 5, 7, 8, 15, 16, 17, rng.randrange(20, 61), rng.randrange(61, 68), rng.randrange(100, 200)])
    digits = "".join(rng.choices("0123456789", k=width))
    if kind == "int":
        return rng.choice(["", "-"]) + (digits[:19].lstrip("0") or rng.choice(["", "0", "7"])) if width else ""
    if kind == "float":
        return f"{rng.choice(['', '-'])}{rng.randrange(10)}.{digits}" if width else rng.choice(["", "0.5", "1e-5", "-2.5E+3", "nan"])
    if kind == "word":
        return "".join(rng.choices("abcxyz", k=width))
    letters = "ab é0,;|\t\"" + ("\n" if kind == "lines" else "")
    return "".join(rng.choices(letters, k=width)) + ("\r\n" if kind == "lines" and width % 3 == 0 else "")


def any_table(rng, rows, delimiter=",", quotes=True):
    """As table(), of cells of any width and lines of both ends."""
    n = rng.randrange(1, 7)
    kinds = [rng.choice(["int", "float", "word"] + ["text", "lines"] * quotes) for _ in range(n)]
    cells = [[] for _ in range(n)]
    names = list("BCDFGH"[:n])
    out = [delimiter.join(names), "\n"]
    chance = rng.choice([0, 0, 0.1, 1]) if quotes else 0
    ends = rng.choice([["\n"], ["\r\n"], ["\n", "\r\n"]])
    for _ in range(rows):
        line = []
        for i, kind in enumerate(kinds):
            raw = any_width(rng, kind)
            text, q = quoted(rng, raw if quotes else raw.replace(delimiter, ""), delimiter, chance)
            line.append(text)
            cells[i].append((raw if q else text, q))
        out += [delimiter.join(line), rng.choice(ends)]
        if n > 1 and rng.random() < 0.05:
            out.append(rng.choice(ends))
    if rng.random() < 0.5 and (n > 1 or cells[0][-1] != ("", False)):   # the last line may be without an end
        while out[-1] in ("\n", "\r\n"):
            out.pop()
    return "".join(out), names, cells


def expected(names, cells, null=None):
    files = model.Files()
    for name, column in zip(names, cells):
        model.csv_column(files, name, column, null)
    return files


def ending(delimiter):
    return (["-o", "delimiter=;"] if delimiter == ";" else []), "t.tsv" if delimiter == "\t" else "t.csv"


with folder() as where:
    with check("tables at random are what the rules say, and rows as csv.reader reads them"):
        for i in sampled(range(150)):
            rng = random.Random(i)
            text, names, cells, delimiter = table(rng, rng.randrange(0, 25))
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row or len(names) == 1]
            assert [[c[0] for c in row] for row in zip(*cells)] == [row or [""] for row in rows[1:]], text
            options, name = ending(delimiter)
            (where / name).write_bytes(rng.choice([b"", b"\xef\xbb\xbf"]) + text.encode())
            compare(where / name, expected(names, cells), where, *options)

    with check("long tables, read by several threads in several spans"):
        for i in sampled(range(6)):
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

    with check("fields of every width, with line ends of both kinds, and none at the end"):
        for i in sampled(range(24)):
            rng = random.Random(2000 + i)
            text, names, cells = any_table(rng, 600)
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row or len(names) == 1]
            assert [[c[0] for c in row] for row in zip(*cells)] == [row or [""] for row in rows[1:]], i
            (where / "t.csv").write_bytes(text.encode())
            compare(where / "t.csv", expected(names, cells), where)

    with check("the same compressed, in several members and frames"):
        text, names, cells = any_table(random.Random(3001), 9000)
        text = text.encode()
        half = len(text) // 2
        (where / "t.csv.gz").write_bytes(gzip.compress(text[:half], 1) + gzip.compress(text[half:], 6))
        (where / "t.csv.zst").write_bytes(b"".join(pyarrow.compress(t, "zstd", asbytes=True) for t in (text[:half], text[half:])))
        compare(where / "t.csv.gz", expected(names, cells), where)
        compare(where / "t.csv.zst", expected(names, cells), where, "-o", "threads=3")

    with check("any character between fields, no quotes, no header, words that are null, at random"):
        for i, delimiter in enumerate(sampled("| e5.-\t")):
            text, names, cells = any_table(random.Random(4000 + i), 300, delimiter)
            (where / "t.csv").write_bytes(text.encode())
            compare(where / "t.csv", expected(names, cells), where, "-o", f"delimiter={delimiter}")
        (where / "t.tsv").write_bytes(b'a,b\n1,"x\ty"\n')
        compare(where / "t.tsv", expected(["a", "b"], [[("1", False)], [("x\ty", True)]]), where, "-o", "delimiter=\\,")
        for i in sampled(range(4)):
            rng = random.Random(5000 + i)
            text, names, cells = any_table(rng, 300, quotes=False)
            text = text.replace("a", '"')
            cells = [[(c.replace("a", '"'), q) for c, q in column] for column in cells]
            (where / "t.csv").write_bytes(text.encode())
            compare(where / "t.csv", expected(names, cells), where, "-o", "quote=no")
            (where / "t.csv").write_bytes(text.split("\n", 1)[1].encode())
            compare(where / "t.csv", expected([str(i) for i in range(len(names))], cells), where, "-o", "quote=no,header=no")
        for i, word in enumerate(sampled(["NA", "0", "nan", "\\N", "x" * 70])):
            rng = random.Random(6000 + i)
            pools = [[word, "7", ""], [word, f'"{word}"', "a"], [word], [word, "2024-01-02"], [word, '""', "1.5"], ["", word + "x"]]
            lines = [[rng.choice(pool) for pool in pools] for _ in range(300)]
            (where / "t.csv").write_text("a,b,c,d,e,f\n" + "".join(",".join(line) + "\n" for line in lines))
            cells = [[(t.strip('"'), t[:1] == '"') for t in column] for column in zip(*lines)]
            compare(where / "t.csv", expected("abcdef", cells, word), where, "-o", f"null={word}")

    with check("one column, in which blank lines are null rows"):
        for i in sampled(range(4)):
            rng = random.Random(7000 + i)
            lines = [rng.choice(["", "", "1", "-2.5", "x" * 66] if i % 2 else ["", "1", "-22", '""']) for _ in range(500)] + ["3"]
            ends = [rng.choice(["\n", "\r\n"]) for _ in lines[1:]] + [rng.choice(["\n", ""])]
            (where / "t.csv").write_bytes(("a\n" + "".join(map("".join, zip(lines, ends)))).encode())
            compare(where / "t.csv", expected(["a"], [[(t.strip('"'), t == '""') for t in lines]]), where)

    with check("types of every two values"):
        pairs = sampled(itertools.combinations(ODD + TIMES + MORE, 2))[::9]
        columns = [[(t, any(c in t for c in ',"\n')) for t in rng.sample(pair, 2)] + [("", False)] for rng, pair in ((random.Random(str(p)), p) for p in pairs)]
        names = [f"c{i}" for i in range(len(columns))]
        lines = [",".join(f'"{t}"' if q else t for t, q in row) for row in zip(*columns)]
        (where / "t.csv").write_text("\n".join([",".join(names), *lines, ""]))
        compare(where / "t.csv", expected(names, columns), where)

    with check("numbers at their limits, and halfway between floats"):
        rng = random.Random(8)
        getcontext().prec = 1200
        halves = []
        for _ in range(150):
            x = abs(np.frombuffer(rng.randbytes(8), "<f8")[0])
            x = rng.choice([x, x, x % 1e-310, float(rng.getrandbits(53) * 2.0 ** rng.randrange(-60, 60))])
            if np.isfinite(x) and np.isfinite(np.nextafter(x, np.inf)):
                middle = (Fraction(float(x)) + Fraction(float(np.nextafter(x, np.inf)))) / 2
                text = format(Decimal(middle.numerator) / Decimal(middle.denominator), "e")
                halves += [text, text.replace("e", "1e") if "." in text else text, f"{x:.17g}", f"{x:.19e}", f"{x:.16e}"]
        # Negative ones, since many of these are integers: beyond what an integer may be, exact or not.
        ints = [str(rng.randrange(10**15, 1 << 63)) for _ in range(400)]
        exact = [str(rng.randrange(1 << 52) * 2 ** rng.randrange(11)) for _ in range(400)]
        columns = {
            "int64": ["9223372036854775807", "-9223372036854775808"], "uint64": ["18446744073709551615", "0"], "uint64 last": [*ints, "9223372036854775808"],
            "neither": ["-1", "18446744073709551615"], "neither last": [*ints, "-1", "9223372036854775808"], "beyond": ["18446744073709551616", "1"],
            "below": ["-9223372036854775809", "1"], "below, exact": ["-18446744073709551616", "1"], "infinite": ["1e400", "1"], "underflows": ["1e-400", "-1e-400", "4e-324"],
            "least": ["5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324"], "halves": [h for h in halves if h not in ints],
            "inexact": [*ints, "1.5"], "exact": [*exact, "1.5"], "signs": ["-" + i for i in ints], "19 digits": ["8999999999999999999", *ints, "9223372036854775807"],
            "zeros": ["-0", "0", "0.0", "-0.0", "0e5", "-0e-5"], "many zeros": ["0." + "0" * 400 + "1e400", "1" + "0" * 300 + "e-300"],
        }
        rows = max(map(len, columns.values()))
        cells = [[(t, False) for t in column] + [("", False)] * (rows - len(column)) for column in columns.values()]
        (where / "t.csv").write_text("\n".join([",".join(f'"{name}"' for name in columns), *(",".join(t for t, _ in row) for row in zip(*cells)), ""]))
        compare(where / "t.csv", expected(list(columns), cells), where)

    with check("a field that is longer than several blocks"):
        rng = random.Random(9)
        long = "".join(rng.choices(["a", '"', ",", "\n", "\r\n", "1.5", "x" * 50], k=200_000))
        cells = [[("1", False), ("2", False), ("3", False)] * 2, [("x", False), (long, True), ("", True)] * 2]
        lines = [",".join(quoted(rng, t, ",", 1)[0] if q else t for t, q in row) for row in zip(*cells)]
        (where / "t.csv").write_bytes("\n".join(["a,b", *lines, ""]).encode())
        for more in ([], ["-o", "threads=1"]):
            compare(where / "t.csv", expected(["a", "b"], cells), where, *more)

    with check("what breaks a row deep in a file is told with its line, the first of several"):
        fields = "1 fields, where the table has 2"
        faults = [("1", fields), ("1,2,3", "more than 2 fields, where the table has 2"),
                  ('"x"y,2', "text behind a closing quote"), ("\r2", "a carriage return without a line feed"),
                  ('1,"2', "a quote that is never closed"), ("1,2\r3", "a carriage return without a line feed"), ("7" * 100, fields), ('"1"', fields),
                  ('"1"\r,2', "a carriage return without a line feed"), ("," * 80, "more than 2 fields, where the table has 2")]
        good = [f"{i},{i * 0.37!r}\n" for i in range(100_000)]
        broken = [f'{i},"x\ny"\r\n' if i % 5 == 0 else f"{i},{i * 0.37!r}\n" for i in range(100_000)]
        path = where / "t.csv"
        for i, (bad, why) in enumerate(sampled(faults)):
            before = "a,b\n" + "".join(broken if i % 2 else good)
            path.write_bytes((before + bad + "\n" + "".join(good[:3000]) + "1\n" + "".join(good[:3000])).encode())
            line = before.count("\n") + 1
            for more in ([], ["-o", "threads=1"]):
                told = arrayfs("--list", *more, path, code=1).stderr.decode()
                assert f"t.csv: line {line}: {why}\n" in told, (bad, line, told)
        left = [b for b, _ in faults if b != '1,"2']
        path.write_bytes(("a,b\n" + "".join("".join(good[i * 4000:(i + 1) * 4000]) + (left[i] + "\n" if i < len(left) else "") for i in range(25))).encode())
        cells = [[(c, False) for c in column] for column in zip(*(row.strip().split(",") for row in good))]
        compare(path, expected(["a", "b"], cells), where, "-o", "bad-records=skip")

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
