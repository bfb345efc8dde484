# SPDX-License-Identifier: MIT
"""info: what it says of each format, at 80 and 60 columns, and that no line is ever wider.

What is expected lies in tests/mount/info/NAME.txt: the page at 80 columns and, behind a line of dashes,
at 60; its numbers are checked against the formats' own libraries in tests/interop/test_info.py.
INFO_WRITE=1 writes these files anew; look at what changed."""
import fcntl
import json
import os
import random
import select
import struct
import subprocess
import termios
import unicodedata

from harness import *

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "info")
WORK = float(os.environ.get("TEST_WORK") or 1)
PAGES = {
    "safetensors": ("safetensors/tiny.safetensors",),
    "safetensors-index": ("safetensors_index/model.safetensors.index.json",),
    "torch": ("torch/module.pt",),
    "torch-index": ("torch_index/pytorch_model.bin.index.json",),
    "dcp": ("dcp/ranks.metadata",),
    "gguf": ("gguf/types.gguf",),
    "gguf-vocabulary": ("gguf/vocabulary.gguf",),
    "parquet": ("parquet/pyarrow-v1-snappy.parquet",),
    "parquet-nested": ("parquet/pyarrow-nested.parquet",),
    "arrow": ("arrow/polars-zstd.arrow",),
    "arrow-stream": ("arrow/pyarrow-nested.arrows",),
    "hdf5": ("hdf5/filtered.h5",),
    "netcdf": ("hdf5/netcdf.nc",),
    "npy": ("npy/version2.npy",),
    "npz": ("npz/kinds.npz",),
    "onnx": ("onnx/skl2onnx-words.onnx",),
    "tflite": ("tflite/tf-float.tflite",),
    "keras": ("keras/compiled.keras",),
    "msgpack": ("msgpack/flax-state",),
    "joblib": ("joblib/protocol2.joblib",),
    "pickle": ("pickle/protocol4.pkl",),
    "jsonl": ("jsonl/nested.jsonl",),
    "csv": ("csv/pandas.csv",),
    "tsv": ("tsv/polars.tsv",),
    "tfrecord": ("tfrecord/example.tfrecord",),
    "zip": ("archives/plain.zip",),
    "directory": ("safetensors_index",),
    "directory-of-tables": ("huggingface",),
    "array": ("safetensors/tiny.safetensors", "lm_head.weight"),
    "array-of-strings": ("parquet/pyarrow-groups.parquet", "s"),
    "array-of-netcdf": ("hdf5/netcdf.nc", "v"),
    "array-of-blocks": ("gguf/types.gguf", "q4_0.weight"),
    "array-of-records": ("npz/kinds.npz", "a"),
    "part": ("keras/compiled.keras", "model.weights.h5/layers"),
}


def on_terminal(s, *args, columns):
    """What a terminal of so many columns gets."""
    master, slave = terminal()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    mode = termios.tcgetattr(slave)
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    out = b""
    with subprocess.Popen([s.exe, *OPTIONS, *args], stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE,
                          env=dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm", NO_COLOR="1")) as p:
        os.close(slave)
        while select.select([master], [], [], PATIENCE)[0]:
            try:
                out += os.read(master, 65536)
            except OSError:
                break
        os.close(master)
        p.stderr.read()
    return out.decode("utf-8", "surrogateescape")


def columns_of(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def fits(said, columns, about, lines=20):
    for line in said.splitlines():
        holds(columns_of(line) <= columns, (about, columns_of(line), line))
    holds(len(said.splitlines()) <= lines, (about, said))


def source(file):
    return os.path.join(DATA, file)


def test_each_format(s):
    for name, (file, *path) in PAGES.items():
        wide = s.run("info", source(file), *path).ok().out.decode()
        narrow = on_terminal(s, "info", source(file), *path, columns=60)
        fits(wide, 80, name)
        fits(narrow, 60, name)
        expected = os.path.join(HERE, name + ".txt")
        if os.environ.get("INFO_WRITE"):
            write(expected, (wide + "-" * 60 + "\n" + narrow).encode())
        same(wide + "-" * 60 + "\n" + narrow, read(expected).decode(), name)


def fixtures():
    """Every file in tests/data, those that are broken included; the same of them for the same TEST_WORK."""
    found = sorted(os.path.join(folder, name) for folder, _, files in os.walk(DATA) for name in files)
    return [path for path in found if random.Random(path).random() < WORK]


def test_no_line_of_any_file_is_too_wide(s):
    """One that cannot be opened is one sentence."""
    for path in fixtures():
        r = s.run("info", path)
        holds(r.code in (0, 1), (path, r.code, r.err))
        if r.out:
            fits(r.out.decode("utf-8", "surrogateescape"), 80, path)
        else:
            same((r.code, len(r.lines)), (1, 1), (path, r.lines))


def test_no_line_on_a_narrow_terminal_is_too_wide(s):
    for path in fixtures()[::8]:
        for columns in (60, 33, 20, 7):
            fits(on_terminal(s, "info", path, columns=columns), max(columns, 20), path)


def test_a_writer_without_a_name_is_none(s):
    """As onnx.helper writes it: `producer_name`, the second field, is there and empty."""
    tensor = b"\x08\x01\x10\x02\x42\x01w\x4a\x01x"
    graph = b"\x12\x01g\x2a" + bytes([len(tensor)]) + tensor
    write(s.path("m.onnx"), b"\x08\x08\x12\x00\x3a" + bytes([len(graph)]) + graph + b"\x42\x02\x10\x15")
    holds("writer" not in s.run("info", s.path("m.onnx")).ok().out.decode(), "a writer")
    same((told(s, s.path("m.onnx"))["arrays"], "writer" in told(s, s.path("m.onnx"))), (1, False))


def told(s, *args):
    return json.loads(s.run("info", "--json", *args).ok().out)


def test_json_of_every_fixture_is_an_object(s):
    for path in fixtures()[::4]:
        r = s.run("info", "--json", path)
        if r.code == 0:
            same(json.loads(r.out)["source"], path)


def test_arrays_of_every_kind(s):
    """Of every eighth fixture some arrays and directories: no line is too wide, and JSON is JSON."""
    for path in fixtures()[::8]:
        nodes = [json.loads(line) for line in s.run("list", "--json", path).out.splitlines()]
        names = [o["path"] for o in nodes if o["kind"] != "link"]
        for name in names[1::max(1, len(names) // 4)]:
            fits(s.run("info", path, name).out.decode("utf-8", "surrogateescape"), 80, (path, name), lines=200)
            r = s.run("info", "--json", path, name)
            holds(r.code in (0, 1), (path, name, r.code, r.err))
            if r.out:
                same(json.loads(r.out)["path"], name)


def test_hostile_names_and_shapes(s):
    big = 1 << 61
    archive(s.path("m.safetensors"), [("\x1b[31mred\u202e", "F32", [2], bytes(8)), ("x" * 300, "F32", [1] * 64, bytes(4)),
                                      ("zero", "F32", [0, 1 << 40], b""), ("é😀" * 40, "I64", [3], bytes(24))],
            {"\x1b]0;title\x07": "value\x1b[2J\nline two\ttab", "long": "y" * 100000, "wide": "é" * 600})
    for columns in (80, 60, 20):
        said = on_terminal(s, "info", s.path("m.safetensors"), columns=columns)
        fits(said, columns, columns)
        holds(not any(c in said for c in "\x1b\x07\u202e"), ascii(said))
    said = s.run("info", s.path("m.safetensors")).ok().out.decode()
    holds("%1B[31mred" in said and "value%1B[2J line two tab" in said, said)
    one = s.run("info", s.path("m.safetensors"), "x" * 300).ok
    same(told(s, s.path("m.safetensors"))["parameters"], 2 + 1 + 3)
    header = json.dumps({"big": {"dtype": "U8", "shape": [big, 2], "data_offsets": [0, 2 * big]}}).encode()
    with open(s.path("b.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header)
    s.run("info", s.path("b.safetensors")).refused("b.safetensors")


def test_a_hundred_thousand_tensors_are_twenty_lines(s):
    archive(s.path("m.safetensors"), [(f"{i}.w", "F32", [4], bytes(16)) for i in range(int(100000 * WORK))])
    fits(s.run("info", s.path("m.safetensors")).ok().out.decode(), 80, "many")


def test_no_data_are_read(s):
    """140 GB that are not there: a file with holes."""
    header = json.dumps({f"layer.{i}.weight": {"dtype": "BF16", "shape": [1000, 1000, 1000], "data_offsets": [i * 2 * 10**9, (i + 1) * 2 * 10**9]}
                         for i in range(70)}).encode()
    with open(s.path("m.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header)
        f.truncate(8 + len(header) + 140 * 10**9)
    o = told(s, s.path("m.safetensors"))
    same((o["parameters"], o["array_bytes"], o["dtypes"]),
         (70 * 10**9, 140 * 10**9, [{"dtype": "bfloat16", "arrays": 70, "bytes": 140 * 10**9}]))
    said = s.run("info", s.path("m.safetensors")).ok().out.decode()
    holds("70.0 B (70,000,000,000)" in said and "bfloat16  100.0%  131G  70 arrays" in said, said)


def test_parts_and_directories(s):
    d = s.mkdir("d")
    archive(s.path("d", "m.safetensors"), [("a.w", "F32", [2, 3], bytes(24)), ("b/x", "I8", [4], b"abcd"), ("b/y", "BOOL", [2], b"\0\1")],
            {"who": "me"})
    write(s.path("d", "plain"), b"plain text")
    write(s.path("d", "bad.safetensors"), b"\xff" * 100)
    os.symlink("m.safetensors/b", s.path("d", "link"))
    o = told(s, d)
    same((o["archives"], o["arrays"], o["parameters"], o["other_files"], o["directories"], o["unreadable"]),
         ([{"format": "safetensors", "archives": 1, "bytes": os.path.getsize(s.path("d", "m.safetensors"))}], 3, 10, 3, 0, 1))
    holds(o["reason"].startswith("bad.safetensors: "), o)
    o = told(s, d, "m.safetensors")
    same((o["path"], o["format"], o["attributes"], o["parameters"]), ("m.safetensors", "safetensors", {"who": "me"}, 10))
    for path in ("m.safetensors/b", "link"):
        o = told(s, d, path)
        same((o["arrays"], o["parameters"], "format" in o), (2, 4, False))
    o = told(s, d, "m.safetensors/b/x")
    same((o["dtype"], o["shape"], o["elements"], o["stored_size"], o["values"]), ("int8", [4], 4, 4, [97, 98, 99, 100]))
    same(told(s, d, "plain")["size"], 10)
    s.run("info", d, "none").refused("d: none: No such file")
    s.run("info", s.path("d", "plain")).refused("plain")
    s.run("info").refused("SOURCE", code=2)
    s.run("info", d, "a", "b").refused("b", code=2)
    s.run("info", "--tree", d).refused("--tree", code=2)
    with open("/dev/full", "wb") as full:
        p = subprocess.run([s.exe, *OPTIONS, "info", d], stdout=full, stderr=subprocess.PIPE)
    same((p.returncode, b"standard output" in p.stderr), (1, True))


def test_a_tied_tensor_counts_once(s):
    o = told(s, source("torch_index/pytorch_model-00001-of-00002.bin"))
    names = [json.loads(line) for line in s.run("list", "--json", source("torch_index/pytorch_model-00001-of-00002.bin")).ok().out.splitlines()]
    tied = [n for n in names if "same_as" in n]
    holds(tied, names)
    numbers = [n for n in names if n["kind"] == "file" and "same_as" not in n]
    same((o["arrays"], o["array_bytes"]), (len(numbers), sum(n["size"] for n in numbers)))
    o = told(s, source("safetensors_index"))
    same(o["arrays"], 6)  # four of the model, two of the tail, each in a shard and in an index
