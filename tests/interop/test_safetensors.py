#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""safetensors, compared with the reference library.

Whatever the file, our verdict is safetensors.safe_open's: what it accepts is
shown, with the same names, types, shapes and bytes; what it refuses is refused.
The one exception: a header that repeats the name of a tensor or of a metadata
entry is refused by us, while the library keeps the last.
"""
import json
import os
import random
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import ARRAYFS, arrayfs, check, comment, done, folder, need, sampled  # noqa: E402

(reference,) = need("safetensors")

BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
        "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}
OURS = {"BOOL": "bool", "F4": "float4_e2m1fn", "F6_E2M3": "float6_e2m3fn", "F6_E3M2": "float6_e3m2fn", "U8": "uint8",
        "I8": "int8", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu",
        "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz", "I16": "int16", "U16": "uint16",
        "F16": "float16", "BF16": "bfloat16", "I32": "int32", "U32": "uint32", "F32": "float32", "C64": "complex64",
        "F64": "float64", "I64": "int64", "U64": "uint64"}


def build(header, data=b""):
    if isinstance(header, str):
        header = header.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(header)) + header + data


def tensor(dtype="U8", shape="[1]", begin=0, end=1, more=""):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]{more}}}'


T = tensor()


def one(body, data=b"x"):
    return build('{"a":%s}' % body, data)


# --- cases, each for one rule ----------------------------------------------

def named_cases():
    raw = lambda text, data=b"x": one(text, data)           # noqa: E731
    extra = lambda value: one(tensor(more=',"x":' + value))  # noqa: E731
    cases = {
        "a sound file": one(T), "space before": build(" " + '{"a":%s}' % T, b"x"),
        "line before": build("\n\r\t" + '{"a":%s}' % T, b"x"), "space behind": build('{"a":%s}  ' % T, b"x"),
        "line behind": build('{"a":%s}\n' % T, b"x"), "NUL behind": build('{"a":%s}\0' % T, b"x"),
        "object behind": build('{"a":%s}{}' % T, b"x"), "form feed before": build("\f" + '{"a":%s}' % T, b"x"),
        "vertical tab behind": build('{"a":%s}\v' % T, b"x"), "no-break space behind": build('{"a":%s}\u00a0' % T, b"x"),
        "no tensors": build("{}"), "no tensors, data": build("{}", b"x"), "no header": build(""), "only space": build("   "),
        "metadata null": build('{"__metadata__":null,"a":%s}' % T, b"x"),
        "metadata twice": build('{"__metadata__":{},"__metadata__":{},"a":%s}' % T, b"x"),
        "metadata null twice": build('{"__metadata__":null,"__metadata__":null,"a":%s}' % T, b"x"),
        "metadata number": build('{"__metadata__":{"a":1},"a":%s}' % T, b"x"),
        "metadata null value": build('{"__metadata__":{"a":null},"a":%s}' % T, b"x"),
        "metadata nested": build('{"__metadata__":{"a":{"b":"c"}},"a":%s}' % T, b"x"),
        "metadata name twice": build('{"__metadata__":{"a":"1","a":"2"},"a":%s}' % T, b"x"),
        "metadata list": build('{"__metadata__":[],"a":%s}' % T, b"x"),
        "metadata text": build('{"__metadata__":"x","a":%s}' % T, b"x"),
        "metadata last": build('{"a":%s,"__metadata__":{"k":"v"}}' % T, b"x"),
        "metadata alone": build('{"__metadata__":{"a":"b"}}'), "metadata empty": build('{"__metadata__":{}}'),
        "metadata escaped name": build('{"__metad\\u0061ta__":{"k":"v"},"a":%s}' % T, b"x"),
        "metadata is a tensor": build('{"__metadata__":%s}' % T, b"x"),
        "metadata below a tensor": one(tensor(more=',"__metadata__":{"k":1}')),
        "tensor as a list": raw('["U8",[1],[0,1]]'), "tensor as a long list": raw('["U8",[1],[0,1],3]'),
        "tensor as a short list": raw('["U8",[1]]'), "tensor as no list": raw("[]"), "tensor null": raw("null"),
        "tensor text": raw('"x"'), "tensor number": raw("1"), "tensor true": raw("true"),
        "tensor list in another order": raw('[[1],"U8",[0,1]]'),
        "dtype as an object": raw('{"dtype":{"U8":null},"shape":[1],"data_offsets":[0,1]}'),
        "dtype as a list": raw('{"dtype":["U8"],"shape":[1],"data_offsets":[0,1]}'),
        "dtype object of a number": raw('{"dtype":{"U8":1},"shape":[1],"data_offsets":[0,1]}'),
        "dtype object of a list": raw('{"dtype":{"U8":[]},"shape":[1],"data_offsets":[0,1]}'),
        "dtype object of an object": raw('{"dtype":{"U8":{}},"shape":[1],"data_offsets":[0,1]}'),
        "dtype object of two": raw('{"dtype":{"U8":null,"I8":null},"shape":[1],"data_offsets":[0,1]}'),
        "dtype object of none": raw('{"dtype":{},"shape":[1],"data_offsets":[0,1]}'),
        "dtype object unknown": raw('{"dtype":{"X8":null},"shape":[1],"data_offsets":[0,1]}'),
        "dtype number": raw('{"dtype":1,"shape":[1],"data_offsets":[0,1]}'),
        "dtype null": raw('{"dtype":null,"shape":[1],"data_offsets":[0,1]}'),
        "dtype in small letters": raw(tensor("u8")), "dtype unknown": raw(tensor("U128")), "dtype empty": raw(tensor("")),
        "dtype with a space": raw(tensor("U8 ")), "dtype escaped": raw(tensor("\\u00558")),
        "dtype with NUL": raw(tensor("U8\\u0000")), "dtype F8": raw(tensor("F8")),
        "unknown field": extra('{"y":[1.5e3,null,true]}'), "unknown field twice": one(tensor(more=',"x":1,"x":2')),
        "dtype twice": raw('{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}'),
        "shape twice": raw('{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}'),
        "offsets twice": raw('{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}'),
        "name twice": build('{"a":%s,"a":%s}' % (T, T), b"x"),
        "name twice, escaped": build('{"a":%s,"\\u0061":%s}' % (T, T), b"x"),
        "number too large": extra("1e999"), "number too small": extra("1e-999"), "number -0": extra("-0"),
        "number of 400 digits": extra("9" * 400), "number of 300 digits": extra("9" * 300),
        "number of 309 digits": extra("1" + "0" * 308), "number at the largest": extra("1.7976931348623157e308"),
        "number past the largest": extra("1.7976931348623159e308"), "number with a long fraction": extra("0." + "1" * 500),
        "number with zeros before": extra("0" * 1 + "." + "0" * 400 + "1e401"),
        "number with an exponent of zeros": extra("1e" + "0" * 300 + "5"),
        "zero with a huge exponent": extra("0e99999999999999999999"), "one with a huge exponent": extra("1e99999999999999999999"),
        "one with a huge negative exponent": extra("1e-99999999999999999999"), "zero with fraction, huge": extra("0.000e400"),
        "number 1.": extra("1."), "number .5": extra(".5"), "number +1": extra("+1"), "number 01": extra("01"),
        "number 1e": extra("1e"), "number 1e+": extra("1e+"), "number -": extra("-"), "number 1E+2": extra("1E+2"),
        "number hex": extra("0x10"), "NaN": extra("NaN"), "Infinity": extra("Infinity"), "-Infinity": extra("-Infinity"),
        "True": extra("True"), "tru": extra("tru"), "truee": extra("truee"), "nul": extra("nul"),
        "shape with a fraction": raw(tensor(shape="[1.0]")), "shape -0": raw(tensor(shape="[-0]", end=0), b""),
        "shape -1": raw(tensor(shape="[-1]")), "shape 01": raw(tensor(shape="[01]")), "shape 1e0": raw(tensor(shape="[1e0]")),
        "shape of 2^64-1 and 0": raw(tensor(shape="[18446744073709551615,0]", end=0), b""),
        "shape overflows before a 0": raw(tensor(shape="[9223372036854775808,2,0]", end=0), b""),
        "shape overflows behind a 0": raw(tensor(shape="[0,9223372036854775808,2]", end=0), b""),
        "shape of 2^64": raw(tensor(shape="[18446744073709551616,0]", end=0), b""),
        "shape F32 of 2^62 and 0": raw(tensor("F32", "[0,4611686018427387904]", 0, 0), b""),
        "shape U8 of 2^61": raw(tensor(shape="[2305843009213693952]", end=0), b""),
        "shape U8 of 2^60 x 16": raw(tensor(shape="[1152921504606846976,16]", end=0), b""),
        "shape of 100": raw(tensor(shape="[" + ",".join(["1"] * 100) + "]")),
        "shape empty": raw(tensor(shape="[]")), "shape null": raw(tensor(shape="null")), "shape text": raw(tensor(shape='"1"')),
        "shape nested": raw(tensor(shape="[[1]]")), "shape object": raw(tensor(shape='{"0":1}')),
        "three offsets": raw('{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}'),
        "one offset": raw('{"dtype":"U8","shape":[1],"data_offsets":[0]}'),
        "no offsets": raw('{"dtype":"U8","shape":[1],"data_offsets":[]}'),
        "offsets as an object": raw('{"dtype":"U8","shape":[1],"data_offsets":{"0":0,"1":1}}'),
        "offsets backwards": raw(tensor(begin=1, end=0)), "offsets negative": raw(tensor(begin=-1)),
        "offsets huge": raw(tensor(begin=18446744073709551615, end=18446744073709551615, shape="[0]")),
        "offsets past 64 bits": raw(tensor(begin=0, end=18446744073709551617)),
        "no shape": raw('{"dtype":"U8","data_offsets":[0,1]}'), "no dtype": raw('{"shape":[1],"data_offsets":[0,1]}'),
        "no data_offsets": raw('{"dtype":"U8","shape":[1]}'), "no fields": raw("{}"),
        "a hole": raw(tensor(begin=1, end=2), b"xx"), "bytes behind": one(T, b"xx"), "bytes missing": one(T, b""),
        "too few bytes for the shape": raw(tensor(shape="[2]")), "too many bytes for the shape": raw(tensor(end=2), b"xx"),
        "comma before the end": build('{"a":%s,}' % T, b"x"), "comma in the shape": raw(tensor(shape="[1,]")),
        "two commas": build('{"a":%s,,"b":%s}' % (T, tensor(begin=1, end=2)), b"xx"), "comma first": build('{,"a":%s}' % T, b"x"),
        "no comma": build('{"a":%s "b":%s}' % (T, tensor(begin=1, end=2)), b"xx"), "no colon": build('{"a" %s}' % T, b"x"),
        "name without quotes": build("{a:%s}" % T, b"x"), "name in single quotes": build("{'a':%s}" % T, b"x"),
        "comment": build('{/**/"a":%s}' % T, b"x"), "cut short": build('{"a":%s' % T, b"x"), "name a number": build("{1:%s}" % T, b"x"),
        "name NUL": build('{"\\u0000":%s}' % T, b"x"), "name empty": build('{"":%s}' % T, b"x"),
        "name half a surrogate": build('{"\\ud800":%s}' % T, b"x"), "name second half first": build('{"\\udc00\\ud800":%s}' % T, b"x"),
        "name a surrogate pair": build('{"\\ud83d\\ude00":%s}' % T, b"x"), "name two first halves": build('{"\\ud800\\ud800":%s}' % T, b"x"),
        "name half and text": build('{"\\ud83dx":%s}' % T, b"x"), "name half and escape": build('{"\\ud83d\\n":%s}' % T, b"x"),
        "name raw control": build('{"\x01":%s}' % T, b"x"), "name raw tab": build('{"\t":%s}' % T, b"x"),
        "name raw DEL": build('{"\x7f":%s}' % T, b"x"), "name escapes": build('{"\\"\\\\\\/\\b\\f\\n\\r\\t":%s}' % T, b"x"),
        "name not UTF-8": build(b'{"\xff":' + T.encode() + b"}", b"x"), "name overlong": build(b'{"\xc0\xaf":' + T.encode() + b"}", b"x"),
        "name raw surrogate": build(b'{"\xed\xa0\x80":' + T.encode() + b"}", b"x"),
        "name bad escape": build('{"\\x":%s}' % T, b"x"), "name bad hex": build('{"\\u00g0":%s}' % T, b"x"),
        "name short hex": build('{"\\u00":%s}' % T, b"x"), "name upper hex": build('{"\\u00E9\\U00e9":%s}' % T, b"x"),
        "name signed hex": build('{"\\u+041":%s}' % T, b"x"), "value raw control": extra('"\x1f"'),
        "value bad escape": extra('"\\q"'), "value half surrogate": extra('"\\ud800"'), "name of extra half surrogate": one(tensor(more=',"\\ud800":1')),
        "byte order mark": build("\ufeff" + '{"a":%s}' % T, b"x"), "a list": build("[]"), "a text": build('"x"'), "null": build("null"),
        "overlapping": build('{"a":%s,"b":%s}' % (T, T), b"x"),
        "nothing over something": build('{"a":%s,"b":%s}' % (tensor(shape="[0]", end=0), T), b"x"),
        "in another order": build('{"b":%s,"a":%s}' % (tensor(begin=1, end=2), T), b"xy"),
        "nothing in between": build('{"b":%s,"z":%s,"a":%s}' % (tensor(begin=1, end=2), tensor(shape="[0]", begin=1, end=1), T), b"xy"),
        "nothing, far behind": build('{"a":%s,"z":%s}' % (T, tensor(shape="[0]", begin=5, end=5)), b"x"),
        "seven bytes": b"\0" * 7, "no bytes": b"", "a length alone": struct.pack("<Q", 0), "a length of more": struct.pack("<Q", 1),
        "a huge length": struct.pack("<Q", 2 ** 61) + b"x" * 8, "the hugest length": struct.pack("<Q", 2 ** 64 - 1) + b"x" * 8,
        "the length of all": struct.pack("<Q", 16) + b"{}      ", "one byte too long a length": struct.pack("<Q", 3) + b"{}",
        "over 100 MB": struct.pack("<Q", 100000001) + b"{}",
        "F4 odd": raw(tensor("F4")), "F4 of none": raw(tensor("F4", "[0]", 0, 0), b""), "F4 odd of two": raw(tensor("F4", "[3,1]", 0, 2), b"xx"),
        "F6 of three": raw(tensor("F6_E2M3", "[3]", 0, 3), b"xxx"), "F6 of four": raw(tensor("F6_E3M2", "[2,2]", 0, 3), b"xxx"),
        "F4 scalar": raw(tensor("F4", "[]")), "F6 scalar": raw(tensor("F6_E2M3", "[]")),
    }
    for depth in range(118, 132):
        cases[f"lists {depth} deep"] = extra("[" * depth + "]" * depth)
        cases[f"objects {depth} deep"] = extra('{"":' * depth + "1" + "}" * depth)
    for depth in (124, 125, 126, 127, 128):
        cases[f"metadata lists {depth} deep"] = build('{"__metadata__":{"a":%s}}' % ("[" * depth + "]" * depth))
        cases[f"shape lists {depth} deep"] = raw(tensor(shape="[" * depth + "]" * depth))
    for dtype, bits in BITS.items():
        cases["dtype " + dtype] = one(tensor(dtype, "[8]", 0, bits), bytes(range(bits)))
        cases["dtype one byte short " + dtype] = one(tensor(dtype, "[8]", 0, bits - 1), bytes(range(bits - 1)))
    return cases


# --- sound files, and headers that were bent -------------------------------

NAMES = ["w", "model.layers.0.weight", "a/b", "a", "a/b/c", "..", ".", "", "/", "//x//", "\u00fc", "\U0001f600", "\x00",
         "\n", "\x7f", "%", "%00", "~2", "a~2", "_", ".arrayfs", ".arrayfs/x", "x" * 300, "\u00e9" * 130, "a b", "'\"\\",
         "__metadata", "dtype", "\u2028", "e\u0301", "-", "*", "x/..", "../../etc/passwd", "a/./b", "a//b"]


def sound(rng):
    """A file that the reference library accepts, by construction."""
    count, at, parts, data = rng.randrange(0, 9), 0, [], b""
    for name in rng.sample(NAMES, count):
        dtype = rng.choice(list(BITS))
        shape = [rng.choice([0, 1, 2, 3, 4, 8]) for _ in range(rng.randrange(0, 5))]
        n = BITS[dtype]
        for extent in shape:
            n *= extent
        if n % 8:
            shape, n = shape + [8], n * 8
        parts.append(f"{json.dumps(name, ensure_ascii=rng.random() < 0.5)}:" + tensor(dtype, json.dumps(shape), at, at + n // 8))
        at += n // 8
    data = rng.randbytes(at)
    rng.shuffle(parts)
    if rng.random() < 0.3:
        parts.insert(rng.randrange(len(parts) + 1), '"__metadata__":%s' % rng.choice(
            ["null", "{}", '{"format":"pt"}', '{"a":"b","\\u00fc/\\n":"\\u0000"}']))
    header = "{" + ",".join(parts) + "}" + " " * rng.choice([0, 0, 3])
    return header.encode(), data


TOKENS = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"0", b"1", b"-1", b"1.0", b"1e3", b"null", b"true", b"false", b" ",
          b"\n", b"\\u0041", b"\\ud800", b"\\udc00", b"18446744073709551616", b"9223372036854775808", b'"U8"', b'"dtype"',
          b'"shape"', b'"data_offsets"', b'"__metadata__"', b'{"k":"v"}', b"[0,1]", b"[]", b"{}", b"\x00", b"\x1f", b"\xff",
          b"\xc3\xa9", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"1e999", b"0e9", b"00", b"-0", b'"F64"', b'""']


def bend(rng, header, data):
    h = bytearray(header)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(h) + 1)
        how = rng.randrange(9)
        tokens = [m.span() for m in re.finditer(rb'"(?:[^"\\]|\\.)*"|-?[0-9.eE+]+|[a-z]+|[][{},:]', bytes(h))]
        if how == 0 and h:
            h[at % len(h)] = rng.randrange(256)
        elif how == 1:
            h[at:at] = rng.choice(TOKENS)
        elif how == 2:
            del h[at:at + rng.choice([1, 1, 2, 7, 40])]
        elif how in (3, 4) and tokens:                      # one token for another of its kind, or of any
            a, b = rng.choice(tokens)
            c, d = rng.choice(tokens)
            h[a:b] = h[c:d] if how == 3 else rng.choice(TOKENS)
        elif how == 5 and tokens:                           # a number, a little off
            numbers = [s for s in tokens if h[s[0]:s[1]].isdigit()]
            if numbers:
                a, b = rng.choice(numbers)
                h[a:b] = str(max(0, int(h[a:b]) + rng.choice([-8, -1, 1, 8, 2 ** 32, 2 ** 63]))).encode()
        elif how == 6 and tokens:                           # a piece twice
            a, b = sorted((rng.choice(tokens)[0], rng.choice(tokens)[1]))
            h[b:b] = h[a:b]
        elif how == 7:
            data = data[:-1] if rng.random() < 0.5 else data + b"\0"
        elif how == 8 and tokens:                           # the whole without a piece
            a, b = sorted((rng.choice(tokens)[0], rng.choice(tokens)[1]))
            del h[a:b]
    n = len(h) if rng.random() < 0.97 else max(0, len(h) + rng.choice([-1, 1, 9]))
    return struct.pack("<Q", n) + bytes(h) + data


# --- the two verdicts ------------------------------------------------------

def repeats_a_name(file):
    """Does the header of a file that the library accepts name a tensor or a
    metadata entry twice?"""
    n = struct.unpack("<Q", file[:8])[0]
    pairs = json.loads(file[8:8 + n], object_pairs_hook=list)
    names = [k for k, _ in pairs]
    metadata = [k for key, v in pairs if key == "__metadata__" and v for k, _ in v]
    return len(set(names)) != len(names) or len(set(metadata)) != len(metadata)


def theirs(path):
    """None if refused, else {name: (dtype, shape, bytes)}."""
    try:
        with reference.safe_open(path, "np") as f:
            f.keys()
    except reference.SafetensorError:
        return None
    tensors = reference.deserialize(path.read_bytes())
    return {name: (t["dtype"], list(t["shape"]), bytes(t["data"])) for name, t in tensors}


def shown(top, out):
    """What is shown of each file in a folder: None if it passes through as a file."""
    entries = subprocess.run([ARRAYFS, "--list", "--json", top], capture_output=True, check=False).stdout
    arrayfs("--extract", top, out, code=None)
    ret = {}
    for line in entries.splitlines():
        e = json.loads(line)
        file, _, path = e["path"].partition("/")
        if not file:
            continue  # the folder itself
        if not path:
            ret[file] = {} if e["kind"] == "directory" else e.get("error", "")
            continue
        # an empty archive is a directory of nothing; others list their files
        if e["kind"] == "directory":
            continue
        ret.setdefault(file, {})[e.get("name", path)] = (e["type"], e["dtype"], e["shape"], (out / file / path).read_bytes())
    return ret


def compare(file, ours, expect):
    """A fault, or None."""
    if expect is None:
        return None if isinstance(ours, str) else "shown, but the library refuses it"
    if isinstance(ours, str):
        if repeats_a_name(file):
            return None
        return f"refused, but the library accepts it: {ours}"
    if repeats_a_name(file):
        return "a repeated name is shown"
    if set(ours) != set(expect):
        return f"names {sorted(ours)}, not {sorted(expect)}"
    for name, (dtype, shape, data) in expect.items():
        if ours[name] != (dtype, OURS[dtype], shape, data):
            return f"{name!r} is {ours[name]}, not {(dtype, OURS[dtype], shape, data)}"
    return None


def faults_of(files):
    """Puts the files into one folder, asks both; {name: fault}, and how many were accepted."""
    ret, accepted = {}, 0
    with folder() as top, folder() as out:
        for i, (name, data) in enumerate(files.items()):
            (top / f"{i}.safetensors").write_bytes(data)
        ours = shown(top, out / "x")
        for i, (name, data) in enumerate(files.items()):
            expect = theirs(top / f"{i}.safetensors")
            accepted += expect is not None
            fault = compare(data, ours.get(f"{i}.safetensors", "it is not listed"), expect)
            if fault:
                ret[name] = fault
    return ret, accepted


def check_many(title, files):
    with check(title):
        faults, accepted = faults_of(files)
        comment(f"{len(files)} files, {accepted} accepted")
        assert not faults, "\n".join(f"{name}: {fault}\n  {files[name][:2000]!r}" for name, fault in list(faults.items())[:5])


cases = named_cases()
found, accepted = faults_of(cases)
comment(f"{len(cases)} named cases, {accepted} accepted")
for title in cases:
    with check("verdict_on_" + re.sub(r"\W", "_", title)):
        assert title not in found, found[title] + f"\n  {cases[title][:2000]!r}"

rng = random.Random(20)
check_many("sound_files_are_shown_as_the_library_reads_them",
           {f"sound {i}": struct.pack("<Q", len(h)) + h + d for i, (h, d) in enumerate(sound(rng) for _ in sampled(range(1000)))})
for batch in sampled(range(8)):
    check_many(f"bent_headers_have_the_librarys_verdict_{batch}",
               {f"bent {batch} {i}": bend(rng, *sound(rng)) for i in range(1000)})
done()
