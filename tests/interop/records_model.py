# SPDX-License-Identifier: MIT
"""What records without types are as columns, by their values alone: the rules of docs/formats/jsonl.md and
docs/formats/csv.md, written down a second time."""
import datetime
import json
import math
import re
import sys
from fractions import Fraction

import numpy as np

I64, U64 = 1 << 63, 1 << 64
sys.set_int_max_str_digits(0)


class Number(str):
    """A number of JSON as it stands."""


class Files(dict):
    """path: (dtype, shape, bytes), bytes None for directories."""

    def add(self, path, dtype, shape, data=None):
        assert path not in self, path
        self[path] = (dtype, list(shape), data)

    def texts(self, path, dtype, raw):
        self.add(path, dtype, [len(raw)])
        ends = np.concatenate([[0], np.cumsum(np.array([len(b) for b in raw], "i8"))]).astype("<i8")
        self.add(f"{path}/offsets", "int64", ends.shape, ends.tobytes())
        self.add(f"{path}/values", "uint8", [sum(map(len, raw))], b"".join(raw))

    def validity(self, path, values, within):
        if any(v is None and ok for v, ok in zip(values, within)):
            self.add(f"{path}.validity", "bool", [len(values)], bytes(v is not None for v in values))


# --- JSON ------------------------------------------------------------------------------------------


def parse(line):
    """As Python's json reads it, but numbers stay text, and so does how each value stands: pairs of both."""
    return json.loads(line, parse_int=Number, parse_float=Number, parse_constant=Number)


def is_integer(n):
    return re.fullmatch(r"-?\d+", n, re.A) is not None


def kind(v):
    """What a value of JSON is: one of the types, or a mix in itself."""
    if v is None:
        return None
    if isinstance(v, Number):
        if v in ("NaN", "Infinity", "-Infinity"):
            return "float"
        if is_integer(v) and -I64 <= int(v) < U64:
            return "int"
        return "other" if math.isinf(float(v)) else "float"
    return {bool: "bool", str: "string", list: "list", dict: "struct"}[type(v)]


def is_exact(n):
    return not is_integer(n) or int(n) == Fraction(float(n))


def join(values):
    kinds = {kind(v) for v in values} - {None}
    if not kinds:
        return "null"
    if kinds == {"int"}:
        ints = [int(v) for v in values if v is not None]
        if max(ints) < I64:
            return "int64"
        return "uint64" if min(ints) >= 0 else "mixed"
    if kinds <= {"int", "float"}:
        return "float64" if all(is_exact(v) for v in values if v is not None) else "mixed"
    return kinds.pop() if len(kinds) == 1 and "other" not in kinds else "mixed"


def number(v, dtype):
    if v is None:
        return 0
    return float(v) if dtype == "float64" else bool(v) if dtype == "bool" else int(v)


def column(files, path, values, within, as_text):
    """within: which slots' own parent is not null; as_text: how a value stands in the file."""
    dtype = join(values)
    there = [v for v in values if v is not None]
    if dtype in ("int64", "uint64", "float64", "bool"):
        files.add(path, dtype, [len(values)], np.array([number(v, dtype) for v in values], {"bool": "?"}.get(dtype, dtype)).tobytes())
    elif dtype == "null":
        files.add(path, "null", [len(values)], b"")
        return
    elif dtype in ("string", "mixed"):
        show = (lambda v: v) if dtype == "string" else as_text
        files.texts(path, "string", [b"" if v is None else show(v).encode() for v in values])
    elif dtype == "list":
        files.add(path, "list", [len(values)])
        ends = np.concatenate([[0], np.cumsum(np.array([len(v or []) for v in values], "i8"))]).astype("<i8")
        files.add(f"{path}/offsets", "int64", ends.shape, ends.tobytes())
        inner = [e for v in there for e in v]
        if there and inner or any(v == [] for v in there) and inner:
            column(files, f"{path}/values", inner, [True] * len(inner), as_text)
        else:
            files.add(f"{path}/values", "null", [0], b"")
    else:
        files.add(path, "struct", [len(values)])
        fields(files, path + "/", values, as_text)
    files.validity(path, values, within)


def fields(files, before, values, as_text):
    names = list(dict.fromkeys(k for v in values if v is not None for k in v))
    for name in names:
        column(files, before + name, [None if v is None else v.get(name) for v in values], [v is not None for v in values], as_text)


def json_table(rows, as_text):
    files = Files()
    fields(files, "", rows, as_text)
    return files


# --- CSV --------------------------------------------------------------------------------------------

NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.A)
SPECIAL = re.compile(r"[-+]?(nan|inf|infinity)", re.I)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.A)
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[-+]\d\d(?::?\d\d)?)?", re.A)
EPOCH = datetime.date(1970, 1, 1).toordinal()


def days(text):
    try:
        return datetime.date.fromisoformat(text).toordinal() - EPOCH
    except ValueError:
        return None


def moment(text):
    """(nanoseconds since 1970, digits of the fraction, has it a zone), or None."""
    m = TIME.fullmatch(text)
    if not m or days(m[1]) is None or int(m[2]) > 23 or int(m[3]) > 59 or int(m[4] or 0) > 59:
        return None
    zone = m[6]
    off = 0
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
        if hours > 23 or minutes > 59:
            return None
        off = (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)
    seconds = days(m[1]) * 86400 + int(m[2]) * 3600 + int(m[3]) * 60 + int(m[4] or 0) - off
    fraction = m[5] or ""
    return seconds * 10**9 + int(fraction.ljust(9, "0") or 0), len(fraction), bool(zone)


def text_kind(text):
    t = text.strip(" \t")
    if t in ("true", "false", "True", "False", "TRUE", "FALSE"):
        return "bool"
    if SPECIAL.fullmatch(t):
        return "float"
    if NUMBER.fullmatch(t):
        if re.match(r"-?0\d", t):
            return "string"
        if is_integer(t) and -I64 <= int(t) < U64:
            return "int"
        return "string" if math.isinf(float(t)) else "float"
    if DATE.fullmatch(t) and days(t) is not None:
        return "date"
    return "time" if moment(t) else "string"


def text_type(texts):
    """Of those that are not empty."""
    kinds = {text_kind(t) for t in texts}
    stripped = [t.strip(" \t") for t in texts]
    if kinds == {"int"}:
        ints = [int(t) for t in stripped]
        return "int64" if max(ints) < I64 else "uint64" if min(ints) >= 0 else "string"
    if kinds and kinds <= {"int", "float"}:
        return "float64" if all(SPECIAL.fullmatch(t) or is_exact(t) for t in stripped) else "string"
    if kinds == {"time"}:
        all_ = [moment(t) for t in stripped]
        if len({m[2] for m in all_}) > 1:
            return "string"
        if max(m[1] for m in all_) <= 6:
            return "timestamp[us]"
        return "timestamp[ns]" if all(-I64 <= m[0] < I64 for m in all_) else "string"
    return {"bool": "bool", "date": "date32[day]"}.get(kinds.pop(), "string") if len(kinds) == 1 else "string"


def csv_value(text, dtype):
    t = text.strip(" \t")
    if dtype == "bool":
        return t.lower() == "true"
    if dtype == "float64":
        return float(t)
    if dtype == "date32[day]":
        return days(t)
    if dtype.startswith("timestamp"):
        return moment(t)[0] // (1000 if dtype == "timestamp[us]" else 1)
    return int(t)


WIDTHS = {"bool": "?", "int64": "<i8", "uint64": "<u8", "float64": "<f8", "date32[day]": "<i4", "timestamp[us]": "<i8", "timestamp[ns]": "<i8"}


def csv_column(files, path, cells, null=None):
    """cells: (text, was it quoted)."""
    empty = [not q and (t == "" or t == null) for t, q in cells]
    there = [t for (t, q), e in zip(cells, empty) if not e and t != ""]
    quoted_empty = any(q and t == "" for t, q in cells)
    if not there and not quoted_empty:
        files.add(path, "null", [len(cells)], b"")
        return
    dtype = text_type(there) if there else "string"
    if dtype == "string":
        values = [None if e else t for (t, q), e in zip(cells, empty)]
        files.texts(path, "string", [b"" if v is None else v.encode() for v in values])
    else:
        values = [None if e or t == "" else csv_value(t, dtype) for (t, q), e in zip(cells, empty)]
        files.add(path, dtype, [len(values)], np.array([0 if v is None else v for v in values], WIDTHS[dtype]).tobytes())
    files.validity(path, values, [True] * len(values))
