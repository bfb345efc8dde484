#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""JSON lines, compared with Python's json and fractions by the rules written down in
records_model.py: columns, types, shapes and every byte; and with what DuckDB and polars read."""
import gzip
import json
import os
import random
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, need, sampled  # noqa: E402

np, duckdb, polars, pyarrow, pandas = need("numpy", "duckdb", "polars", "pyarrow", "pandas")
import records_model as model  # noqa: E402
from records_check import compare  # noqa: E402
from records_model import Number  # noqa: E402


def dump(v, ascii_=False, gap=""):
    """JSON text in which every part stands as it does alone."""
    if isinstance(v, Number):
        return str(v)
    if isinstance(v, list):
        return "[" + ("," + gap).join(dump(e, ascii_, gap) for e in v) + "]"
    if isinstance(v, dict):
        return "{" + ("," + gap).join(f"{dump(k, ascii_, gap)}:{gap}{dump(e, ascii_, gap)}" for k, e in v.items()) + "}"
    return json.dumps(v, ensure_ascii=ascii_)


NUMBERS = ["0", "-0", "1", "-17", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
           "-9223372036854775808", "-9223372036854775809", "9007199254740993", "0.1", "-0.0", "1e3", "1E+3", "2.5e-310", "5e-324", "1e-400",
           "1e400", "NaN", "Infinity", "-Infinity", "1e22", "123456789012345678901234567890", "0.30000000000000004", "100000000000000000000000"]
STRINGS = ["", "a", "é", "\u4e2d\u6587", "\U0001f600", "line\nbreak", "quote\"", "back\\slash", "\x7f", "tab\t", "x" * 40, "2024-01-15", "\u0000nul"]


# Three lines as `zstd --check` 1.5.4 has them, in one block that is not compressed.
SUMMED = "28b52ffd04581101007b2261223a317d0a7b2261223a327d0a7b2261223a332c2262223a2278797a227d0a7e8a52ab"


def scalar(rng, kinds):
    k = rng.choice(kinds)
    if k == "int":
        return Number(rng.randrange(-1000, 1000))
    if k == "float":
        return Number(repr(rng.uniform(-1e3, 1e3)))
    if k == "odd":
        return Number(rng.choice(NUMBERS))
    return {"null": None, "bool": rng.random() < 0.5, "string": rng.choice(STRINGS)}[k]


def shape(rng, depth=0):
    """What a field's values are made from."""
    what = rng.choice(["int", "float", "string", "bool", "odd", "any", "list", "struct"] if depth < 3 else ["int", "string", "odd"])
    if what == "list":
        return (what, shape(rng, depth + 1))
    if what == "struct":
        return (what, {rng.choice("abcé\"") + rng.choice(["", "x"]): shape(rng, depth + 1) for _ in range(rng.randrange(1, 4))})
    return (what, None)


def value(rng, s, missing=0.1):
    what, inner = s
    if rng.random() < missing:
        return None
    if what == "list":
        return [value(rng, inner) for _ in range(rng.randrange(0, 4))]
    if what == "struct":
        return {k: value(rng, e) for k, e in inner.items() if rng.random() < 0.9}
    if what == "any":
        return scalar(rng, ["int", "float", "string", "bool", "null"]) if rng.random() < 0.9 else [Number(1), {"k": "v"}]
    return scalar(rng, [what])


def table(rng, n):
    fields = {name: shape(rng) for name in rng.sample(["id", "x", "tags", "meta", "größe", "with space", "n.d"], rng.randrange(1, 5))}
    missing = rng.choice([0, 0.1])
    return [{k: value(rng, s, missing) for k, s in fields.items() if rng.random() < 0.95} for _ in range(n)]


def expected(lines, how):
    rows = [model.parse(line) for line in lines]
    return model.json_table(rows, lambda v: dump(v, *how))


def write(path, lines, end="\n", mark=b"", last=True):
    path.write_bytes(mark + (end.join(lines) + (end if last and lines else "")).encode())


with folder() as where:
    path = where / "t.jsonl"

    with check("tables at random are what the rules say"):
        for i in sampled(range(150)):
            rng = random.Random(i)
            how = (rng.random() < 0.5, rng.choice(["", " "]))
            lines = [dump(row, *how) for row in table(rng, rng.randrange(1, 30))]
            end = rng.choice(["\n", "\r\n", "\n\n"])
            write(path, lines, end, rng.choice([b"", b"\xef\xbb\xbf"]), rng.random() < 0.5)
            compare(path, expected(lines, how), where)

    with check("long tables, read by several threads in several spans"):
        for i in sampled(range(6)):
            rng = random.Random(1000 + i)
            how = (False, " ")
            lines = [dump(row, *how) for row in table(rng, 300)] * rng.choice([60, 120])
            write(path, lines)
            for options in ([], ["-o", "threads=1"], ["-o", "threads=5,cache=8M"]):
                compare(path, expected(lines, how), where, *options)

    with check("behind gzip and Zstandard, in several members"):
        rng = random.Random(7)
        lines = [dump(row) for row in table(rng, 400)] * 40
        text = ("\n".join(lines) + "\n").encode()
        wanted = expected(lines, (False, ""))
        half = len(text) // 2
        (where / "t.jsonl.gz").write_bytes(gzip.compress(text[:half]) + gzip.compress(text[half:]))
        compare(where / "t.jsonl.gz", wanted, where)
        zst = pyarrow.compress(text[:half], "zstd", asbytes=True) + pyarrow.compress(text[half:], "zstd", asbytes=True)
        (where / "t.jsonl.zst").write_bytes(zst)
        compare(where / "t.jsonl.zst", wanted, where)
        broken = gzip.compress(text)
        (where / "t.jsonl.gz").write_bytes(broken[:-9])
        assert b"gzip" in arrayfs("--list", where / "t.jsonl.gz", code=1).stderr
        (where / "t.jsonl.gz").write_bytes(broken[:-8] + bytes(4) + broken[-4:])
        arrayfs("--list", where / "t.jsonl.gz", code=1)

    with check("of a compressed file that is cut or changed nothing is shown that was not written"):
        rng = random.Random(8)
        text = ("\n".join(dump(row) for row in table(rng, 60)) + "\n").encode()
        first, second = text[:len(text) // 3], text[len(text) // 3:]
        name = where / "cut.jsonl.gz"
        both = gzip.compress(first) + gzip.compress(second)
        for cut in sampled(range(3, len(both), len(both) // 25)):
            name.write_bytes(both[:cut])
            assert b"gzip is cut short after" in arrayfs("--list", name, code=1).stderr, cut
        for other in ("csv", "tsv", "tfrecord", "msgpack"):  # each is asked for by its name, though nothing of it is seen
            (where / f"cut.{other}.gz").write_bytes(both[:30])
            told = arrayfs("--list", where / f"cut.{other}.gz", code=1).stderr
            assert told.endswith(b"gzip is cut short after 30 bytes\n"), told
        for _ in sampled(range(25)):
            data, at = bytearray(both), rng.randrange(10, len(both))
            data[at] ^= 1 << rng.randrange(8)
            name.write_bytes(data)
            try:
                assert gzip.decompress(bytes(data)) == text
            except (OSError, EOFError, zlib.error):
                arrayfs("--list", name, code=1)
        name = where / "cut.jsonl.zst"
        both = pyarrow.compress(first, "zstd", asbytes=True) + pyarrow.compress(second, "zstd", asbytes=True)
        for cut in sampled(range(4, len(both), len(both) // 25)):
            name.write_bytes(both[:cut])
            if cut != len(pyarrow.compress(first, "zstd", asbytes=True)):
                assert b"zstd is cut short after" in arrayfs("--list", name, code=1).stderr, cut
        summed = bytes.fromhex(SUMMED)
        for at in [None, *range(6, len(summed))]:
            data = bytearray(summed)
            if at is not None:
                data[at] ^= 0x10
            name.write_bytes(data)
            if at is None:
                compare(name, expected(['{"a":1}', '{"a":2}', '{"a":3,"b":"xyz"}'], (False, "")), where)
            else:
                arrayfs("--list", name, code=1)

    with check("one array of objects"):
        for i in sampled(range(30)):
            rng = random.Random(2000 + i)
            lines = [dump(row) for row in table(rng, rng.choice([0, 1, 5, 20000 if i == 3 else 9]))]
            between = rng.choice([",", " ,\n", ",\n\n  "])
            (where / "t.json").write_text(rng.choice(["", " \n"]) + "[" + rng.choice(["", "\n"]) + between.join(lines) + rng.choice(["]", "\n]\n"]))
            compare(where / "t.json", expected(lines, (False, "")), where)

    with check("of a field that comes twice the last counts"):
        lines = ['{"a":1,"b":"x","a":"now"}', '{"a":"z","b":1,"b":"y"}', '{"s":{"k":1,"k":[2]}}', '{"a":"é","\\u0061":"w"}'] * 3
        write(path, lines)
        compare(path, expected(lines, (False, "")), where)

    with check("fields in any order, within structs and twice, too"):
        for i in sampled(range(12)):
            rng = random.Random(3000 + i)
            names = [f"k{n}" for n in range(rng.choice([3, 40, 300]))]
            lines = []
            for _ in range(40):
                keys = rng.sample(names, rng.randrange(1, len(names))) + rng.choices(names, k=rng.choice([0, 0, 2]))
                inner = "{" + ",".join(f'"{k}":{rng.randrange(99)}' for k in rng.sample(keys, len(keys) // 2)) + "}"
                rng.shuffle(keys)
                lines.append("{" + ",".join(f'"{k}":' + (inner if k == "k0" else rng.choice([str(len(k)), "null"])) for k in keys) + "}")
            write(path, lines)
            compare(path, expected(lines, (False, "")), where)

    with check("escapes in names and strings"):
        lines = [r'{"\u0061":"\u00e9\ud83d\ude00\/\b\f"}', r'{"a":"plain"}', r'{"\"q\"":"\\"}']
        write(path, lines)
        rows = [json.loads(line) for line in lines]
        compare(path, model.json_table(rows, None), where)

    with check("every escape and character, in strings of every length"):
        rng = random.Random(9)
        letters = [r"\"", r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t", r"\u0000", r"\u001F", r"\u007f", r"\u0080", r"\u07ff", r"\u0800", r"\uD7FF", r"\uE000", r"\uffff",
                   r"\ud800\udc00", r"\uDBFF\uDFFF", "a", "/", "'", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "[", "}", ":", ","]
        lines = ['{"s":"%s","t":["%s"]}' % ("x" * n + rng.choice(letters) * rng.randrange(3) + "y" * (n % 7), "".join(rng.choices(letters, k=n))) for n in range(120)]
        write(path, lines)
        compare(path, model.json_table([json.loads(line) for line in lines], None), where)

    with check("what breaks a line is told with its number, or left out"):
        good = ['{"a":1}', '{"a":2}', "", '{"a":3}']
        bad = ["[1]", "1", '{"a":1', '{"a":1}}', '{"a":1} {"a":2}', '{"a":01}', '{"a":1.}', '{"a":+1}', '{"a":.5}', '{"a":tru}', '{"a" 1}',
               '{a:1}', '{"a":1,}', '{"a":[1,]}', '{"a":"\x01"}', '{"a":"\\x"}', '{"a":"\\ud800"}', '{"a":"\\udc00x"}', '{"a":"', '{"a":nan}',
               '{"a":' + "[" * 520 + "]" * 520 + "}", '{"a":1e}', '{"a":-}', "{'a':1}", '{"a":undefined}', "nul", "{}{}"]
        for line in bad + [b'{"a":"\xff"}', b'{"a":"\xc0\x80"}', b'{"a":"\xed\xa0\x80"}', b'{"\xff":1}']:
            raw = line if isinstance(line, bytes) else line.encode()
            path.write_bytes("\n".join(good).encode() + b"\n" + raw + b"\n" + b'{"a":4}\n')
            told = arrayfs("--list", path, code=1).stderr.decode()
            assert f"t.jsonl: line 5: " in told and told.count("\n") == 1, (line, told)
            compare(path, expected([x for x in good if x] + ['{"a":4}'], (False, "")), where, "-o", "bad-records=skip")
            out = arrayfs("--list", "--json", "-o", "bad-records=skip", path).stdout.splitlines()[0]
            assert json.loads(out).get("bad_records") in ("1", 1) or '"bad_records"' in out.decode(), out

    with check("a last line that is being written is left out until it is whole"):
        for cut in ('{"a":3', '{"a":3,"b":"x', "{", '{"a":tr'):
            write(path, ['{"a":1}', '{"a":2}'])
            with open(path, "a") as f:
                f.write(cut)
            compare(path, expected(['{"a":1}', '{"a":2}'], (False, "")), where)
        write(path, ['{"a":1}', '{"a":2}'], last=False)
        compare(path, expected(['{"a":1}', '{"a":2}'], (False, "")), where)

    with check("nothing, blank lines, and one line"):
        for text in ("", "\n\n  \n", "\r\n"):
            path.write_text(text)
            out = arrayfs("--list", "--json", path).stdout.splitlines()
            assert len(out) == 1 and json.loads(out[0])["shape"] == [0], out
        path.write_text("{}\n{}\n")
        assert json.loads(arrayfs("--list", "--json", path).stdout.splitlines()[0])["shape"] == [2]

    with check("depth of 512, numbers of 100,000 digits, 65,536 columns and one more"):
        deep = '{"a":' * 511 + "[1]" + "}" * 511
        write(path, [deep])
        arrayfs("--list", path)
        long = "1" * 100_000
        write(path, [f'{{"a":{long}}}', '{"a":1}', f'{{"a":0.{long}}}'])
        files = expected([f'{{"a":{long}}}', '{"a":1}', f'{{"a":0.{long}}}'], (False, ""))
        compare(path, files, where)
        write(path, ["{" + ",".join(f'"c{i}":1' for i in range(65_536)) + "}"])
        arrayfs("--list", path)
        write(path, ["{" + ",".join(f'"c{i}":1' for i in range(65_537)) + "}"])
        assert b"over 65536 columns" in arrayfs("--list", path, code=1).stderr

    with check("what DuckDB and polars read of tables without oddities"):
        rng = random.Random(5)
        rows = [{"id": i, "x": rng.random(), "ok": i % 3 == 0, "s": f"u{i}", "v": [rng.random() for _ in range(3)]} for i in range(5000)]
        write(path, [json.dumps(row) for row in rows])
        out = where / "cols"
        arrayfs("--extract", path, out)
        theirs = duckdb.sql(f"select * from read_json('{path}')").fetchnumpy()
        others = polars.read_ndjson(path)
        for name, dtype in (("id", "<i8"), ("x", "<f8"), ("ok", "?")):
            ours = np.frombuffer((out / name).read_bytes(), dtype)
            assert (ours == theirs[name]).all() and (ours == others[name].to_numpy()).all(), name
        ours = np.frombuffer((out / "v/values").read_bytes(), "<f8")
        assert (ours == others["v"].explode().to_numpy()).all()

done()
