#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists of numbers in JSON lines, which are read many at a time: with an odd value anywhere among them, cut anywhere, and with
bytes changed; and lines with bytes changed.  Python's json says what is JSON and what it means."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import arrayfs, check, done, folder, need, sampled  # noqa: E402

need("numpy")
import records_model as model  # noqa: E402
from records_check import compare  # noqa: E402
from records_model import Number  # noqa: E402


def dump(v, gap):
    if isinstance(v, Number):
        return str(v)
    if isinstance(v, list):
        return "[" + ("," + gap).join(dump(e, gap) for e in v) + "]"
    if isinstance(v, dict):
        return "{" + ("," + gap).join(f"{json.dumps(k, ensure_ascii=False)}:{gap}{dump(e, gap)}" for k, e in v.items()) + "}"
    return json.dumps(v, ensure_ascii=False)


def expected(lines, gap):
    return model.json_table([model.parse(line) for line in lines], lambda v: dump(v, gap))


# --- numbers by how they are written ----------------------------------------------------------------

def digits(rng, n):
    return "".join(rng.choice("0123456789") for _ in range(n))


def whole(rng, most):
    return rng.choice("123456789") + digits(rng, rng.randrange(most)) if rng.random() < 0.8 else "0"


WRITERS = {
    "python": lambda rng: repr(rng.random()),
    "short": lambda rng: f"{rng.uniform(-100, 100):.{rng.randrange(1, 5)}f}",
    "one": lambda rng: rng.choice(["", "-"]) + rng.choice("0123456789") + "." + digits(rng, rng.choice([1, 2, 7, 8, 9, 15, 16, 17, 18, 19, 20, 21, 30])),
    "any": lambda rng: rng.choice(["", "-"]) + whole(rng, 20) + "." + digits(rng, rng.randrange(1, 22)),
    "tiny": lambda rng: "0." + "0" * rng.randrange(20) + digits(rng, rng.randrange(1, 20)),
    "long": lambda rng: whole(rng, 3) + "." + digits(rng, rng.randrange(30, 80)),
    "tokens": lambda rng: str(rng.randrange(50_000)),
    "bits": lambda rng: rng.choice(["0", "1", "-1"]),
    "wide": lambda rng: rng.choice(["", "-"]) + whole(rng, 16),
    "int64": lambda rng: str(rng.randrange(-(1 << 63), 1 << 63)),
    "uint64": lambda rng: str(rng.randrange(1 << 64) >> rng.randrange(64)),
    "either": lambda rng: rng.choice(["-17", "9223372036854775808"]),
    "both": lambda rng: whole(rng, 15) + rng.choice(["", ".0", ".5"]),
    "exponents": lambda rng: repr(rng.uniform(-1, 1) * 10.0 ** rng.randrange(-12, 20)),
}
ODD = ["null", "0", "7", "-0", "-0.0", "0.0", "1E5", "1e-5", "2.5E+3", "1e400", "-1e400", "1e-400", "NaN", "Infinity", "-Infinity", "true", '"1"', '"a,b]"', "[]",
       "[1,2]", "{}", '{"a":1}', "123456789012345678901", "1234567890123456", "123456789012345", "9007199254740993", "9223372036854775808",
       "18446744073709551615", "18446744073709551616", "0.12345678901234567890123", "12345678901234567890.5", "100000000.25", "123456789.5", "5e-324",
       "0.00000000000000000000000000000000000000000000000000000000000000000001", "1" * 70, " 1.5", "1.5 ", "\t1.5", "1.5\r", "  1.5  "]
BAD = ["01", "-01", "00", "-00", "1.", "-1.", ".5", "-.5", "-", "", "--1", "+1", "1-2", "1.5-", "1..5", "1.5.5", "1e", "1.5e+", "0x1", "1_0", "1 2", "1.5 2", "- 1", "-,1",
       "nan", "00.5", "01.5", "-01.5", "0123456789012345", "1.5\x00", "1;2", "1}", "1.5:2", "1/2", "infinity", "-NaN", "1.5f", "1L"]


def spaced(text):
    """What is shown as it stands the model writes in one way."""
    return json.dumps(json.loads(text)) if text[0] in "[{" else text


def names(v):
    inner = v.values() if isinstance(v, dict) else v if isinstance(v, list) else ()
    return (list(v) if isinstance(v, dict) else []) + [name for e in inner for name in names(e)]


with folder() as where:
    path = where / "t.jsonl"

    def tables(lines, gap, *options):
        path.write_text("\n".join(lines) + "\n")
        compare(path, expected(lines, gap), where, *options)

    with check("numbers in lists, however they are written"):
        for i, gap in enumerate(sampled([",", ", "])):
            rng = random.Random(i)
            lines = []
            for row in range(120):
                lists = (f'"{name}":{gap.strip(",")}[' + gap.join(make(rng) for _ in range(rng.choice([0, 1, 2, 5, 40, row]))) + "]" for name, make in WRITERS.items())
                lines.append("{" + gap.join(lists) + "}")
            tables(lines, gap.strip(","))

    with check("one odd value at every place of a list"):
        for i, gap in enumerate(sampled([",", ", "])):
            rng = random.Random(10 + i)
            makes = {name: [WRITERS["python"], WRITERS["short"], WRITERS["tokens"], WRITERS["bits"]][k % 4] for k, name in enumerate(ODD)}
            lines = []
            for row in range(96):
                parts = []
                for k, (odd, make) in enumerate(makes.items()):
                    values = [make(rng) for _ in range(rng.choice([8, 24, 48]))]
                    if row % 4:
                        values[(row + k) % len(values)] = spaced(odd) if gap == ", " else odd
                    parts.append(f'"c{k}":{gap.strip(",")}[' + gap.join(values) + "]")
                lines.append("{" + gap.join(parts) + "}")
            tables(lines, gap.strip(","))

    with check("every length of the list, of its numbers and of what is before them"):
        rng = random.Random(20)
        lines = ['{"a":"%s","x":[%s],"y":[%s]}' % ("x" * (row % 70), ",".join("0." + digits(rng, 1 + row % 19) for _ in range(row // 19)),
                                                  ",".join(whole(rng, 1 + row % 15) for _ in range(row // 19))) for row in range(19 * 15)]
        tables(lines, "")
        tables(lines, "", "-o", "threads=1")
        for cut in range(0, 100, 3):   # the last list ends, or is cut, where a row would
            text = "\n".join(lines[200:204]) + "\n"
            tail = '{"a":"","x":[' + "0.25," * 9
            path.write_text(text + (tail + "1" * cut)[:100 + cut % 30])
            compare(path, expected(lines[200:204], ""), where)

    with check("lists of more than a span, and very many short ones"):
        rng = random.Random(30)
        lines = ['{"id":1,"v":[%s]}' % ",".join(repr(rng.random()) for _ in range(n)) for n in (3, 0, 150_000, 7, 1)]
        lines[2] = lines[2].replace("[", "[-17,3e5,", 1)
        tables(lines, "")
        lines = ['{"v":[%s],"w":[[%s],[%s]]}' % tuple(", ".join(f"{rng.random():.3f}" for _ in range(rng.randrange(6))) for _ in range(3)) for _ in range(20_000)]
        tables(lines, " ")

    with check("what is no number breaks its line, wherever it is in a list"):
        rng = random.Random(50)
        make = [WRITERS[name] for name in ("python", "short", "tokens")]
        for i, bad in enumerate(sampled(BAD)):
            for before in (0, 1, 3, 20, 39):
                values = [make[(i + before) % 3](rng) for _ in range(40)]
                values[before] = bad
                text = '{"v":[1]}\n{"v":[%s]}\n{"v":[2.5]}\n' % ",".join(values)
                path.write_text(text)
                told = arrayfs("--list", path, code=1).stderr
                assert b"t.jsonl: line 2: " in told, (bad, before, told)

    with check("negative ones and those beyond int64, apart"):
        small, wide = '{"v":[%s]}' % ",".join(["-7", "-12"] * 60), '{"v":[%s]}' % ",".join(["18446744073709551615"] * 60)
        tables([small, wide, wide], "")
        tables(['{"v":[%s]}' % ",".join(["-0", "0", "7"] * 60), wide, wide], "")

    with check("an array of objects, whose lists are written over many lines"):
        rng = random.Random(40)
        rows = [{"v": [Number(repr(rng.random())) for _ in range(rng.randrange(30))], "n": [Number(rng.randrange(99)) for _ in range(rng.randrange(30))]} for _ in range(200)]
        json_path = where / "t.json"
        for indent in (None, 1, 4):
            json_path.write_text(json.dumps(json.loads(dump(rows, "")), indent=indent))
            wanted = model.json_table([model.parse(json.dumps(row)) for row in json.loads(dump(rows, ""))], None)
            compare(json_path, wanted, where)

    def is_record(line):
        """As Python reads it; half a surrogate pair is a string there, but no text."""
        try:
            row = model.parse(line.decode())
            json.dumps(row, ensure_ascii=False).encode()
            return isinstance(row, dict)
        except (ValueError, RecursionError):
            return False

    def is_plain(line):
        """What the model does not say is how names are shown that cannot be files'."""
        return not is_record(line) or all(name.strip(".") and name.isprintable() and "/" not in name for name in names(model.parse(line.decode())))

    def whole_lines(lines, gap):
        """Those that are records are shown, the others counted."""
        good = [line.decode() for line in lines if is_record(line)]
        bad = sum(1 for line in lines if line.strip(b" \t\r") and not is_record(line))
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        compare(path, expected(good, gap), where, "-o", "bad-records=skip")
        told = json.loads(arrayfs("--list", "--json", "-o", "bad-records=skip", path).stdout.splitlines()[0])
        assert int(told.get("bad_records", 0)) == bad, (told, bad)
        if bad:
            said = arrayfs("--list", path, code=1).stderr.decode()
            first = 1 + next(n for n, line in enumerate(lines) if line.strip(b" \t\r") and not is_record(line))
            assert f"line {first}: " in said, (said, first, lines[first - 1])

    def changed(rng, line, letters):
        line = bytearray(line)
        for _ in range(rng.choice([1, 1, 2])):
            at = rng.randrange(len(line))
            how = rng.randrange(3)
            line[at:at + (how != 1)] = b"" if how == 2 else rng.choice(letters).encode()
        return bytes(line)

    with check("lists with a byte changed are numbers, or a broken line"):
        for i in sampled(range(40)):
            rng = random.Random(100 + i)
            make = rng.choice(list(WRITERS.values()))
            lines = []
            for _ in range(60):
                line = ('{"v":[' + rng.choice([",", ", "]).join(make(rng) for _ in range(rng.randrange(1, 24))) + "]}").encode()
                lines.append(changed(rng, line, "0123456789..,,--+eE ]}\tNx\x01\x00/:"))
            whole_lines(list(filter(is_plain, lines)), "")

    with check("lines with a byte changed are records, or broken"):
        for i in sampled(range(40)):
            rng = random.Random(200 + i)
            lines = []
            while len(lines) < 60:
                row = {k: rng.choice([Number(rng.randrange(99)), "té\"\\\n\u2028", None, True, [], {}, {"k": "\U0001f600", "k2": [None]}, [Number("1.5"), "x"], "\x7f"])
                       for k in rng.sample(["a", "b", "é", "c\\d", "e\"", ""], rng.randrange(1, 5))}
                text = json.dumps(json.loads(dump(row, "")), ensure_ascii=rng.random() < 0.5, separators=(",", ":")).encode()
                line = changed(rng, text, "\"\\{}[]:,ud08fnull-1 \x1f\x80é")
                if is_plain(line) and (not is_record(line) or dump(model.parse(line.decode()), "").encode() == line):
                    lines.append(line)
            whole_lines(lines, "")

done()
