# SPDX-License-Identifier: MIT
"""What people see: nothing is wider than the terminal, nor told a thousand times."""
import fcntl
import json
import os
import re
import struct
import subprocess
import termios
import unicodedata

from harness import *


def screen(s, *args, columns=80, cwd=None, **env):
    """The lines that a terminal of that width gets."""
    master, slave = terminal()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    mode = termios.tcgetattr(slave)
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    env = {"LC_ALL": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1", **env}
    p = subprocess.Popen([s.exe, *OPTIONS, *args], stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.DEVNULL, env=dict(os.environ, **env),
                         cwd=cwd)
    os.close(slave)
    out = b""
    while True:
        try:
            some = os.read(master, 65536)
        except OSError:
            break
        if not some:
            break
        out += some
    os.close(master)
    p.wait(PATIENCE)
    return out.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")


def width(line):
    """The columns that a line takes, at most: what makes a pictograph of a character may widen it."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    return sum(0 if unicodedata.category(c) in ("Mn", "Me") and c != "\ufe0f" else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in line)


def fit(lines, columns, what):
    wide = [line for line in lines if width(line) > columns]
    holds(not wide, (columns, what, wide[:3]))


def test_differences_and_faults_wrap_at_words(s):
    name = "model.layers.0.self_attn.a_rather_long_name_of_a_projection.weight"
    archive(s.path("a.safetensors"), [(name, "F32", [2, 2], struct.pack("4f", 1, 2, 3, 4)), ("x", "U8", [1], b"x")], {"k": "word " * 40})
    archive(s.path("b.safetensors"), [(name, "F32", [2, 2], struct.pack("4f", 1, 2.5, 3, 4)), ("y" * 100, "U8", [1], b"x")], {"k": "other " * 30})
    args = ("diff", s.path("a.safetensors"), s.path("b.safetensors"))
    piped = s.run(*args).out.decode()
    for columns in (40, 60, 80):
        lines = screen(s, *args, columns=columns)
        fit(lines, columns, args)
        told = re.sub("\n  ", " ", "\n".join(lines)).split("\n")
        same(len(told), len(piped.splitlines()), told)
        holds(any(line.endswith("largest absolute difference 0.5 at [0,1]") for line in told), told)
        same([line for line in told if "…" not in line], [p for p, line in zip(piped.splitlines(), told) if "…" not in line])
    write(s.path("SHA256SUMS"), f"{'0' * 64}  a.safetensors\n".encode())
    for columns in (40, 60, 80):
        lines = screen(s, "verify", s.dir, columns=columns)
        fit(lines, columns, "verify")
        holds("SHA256SUMS" in " ".join(lines) or "a.safetensors" in " ".join(lines), lines)
    holds("\n  " not in s.run("verify", s.dir).out.decode(), "wrapped in a pipe")


def test_progress_is_one_line(s):
    d = s.mkdir("d")
    with open(s.path("d", "big"), "wb") as f:
        f.truncate(3 << 30)
    write(s.path("d", "SHA256SUMS"), f"{'0' * 64}  big\n".encode())
    for columns in (20, 60, 80):
        master, slave = terminal()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        p = subprocess.Popen([s.exe, *OPTIONS, "verify", d], stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        shown = b""
        while shown.count(b"\r") < 2:
            shown += os.read(master, 4096)
        p.terminate()
        p.wait(PATIENCE)
        os.close(master)
        lines = [line for line in shown.decode().replace("\x1b[K", "").split("\r") if line.strip()]
        holds(lines and all(len(line) < columns for line in lines) and ("] " in lines[0]) == (columns >= 60), (columns, lines))


def test_rows_do_not_command_a_terminal(s):
    file = write(s.path("t.csv"), "a,b\n1,\"é\x1b[31mred\u009b31m\u202e\"\n2,\"two\nlines\"\n".encode())
    same(screen(s, "rows", "--csv", file), ["a,b", "1,é%1B[31mred%C2%9B31m%E2%80%AE", '2,"two', 'lines"'])
    same(s.run("rows", "--csv", file).ok().out, read(file).replace(b'"\xc3\xa9', b"\xc3\xa9").replace(b'\xae"', b"\xae"))


# --- screens that were looked at -------------------------------------------------------------

def test_screens(s):
    """Each file of tests/mount/screens has a width and a command, which is run in tests/data, and what is to be seen."""
    folder = os.path.join(os.path.dirname(__file__), "..", "screens")
    checkpoint(s)
    for name in sorted(os.listdir(folder)):
        head, _, expected = read(os.path.join(folder, name)).decode().partition("\n")
        columns, args = re.fullmatch(r"(\d+) columns: arrayfs (.*)", head).groups()
        lines = screen(s, *args.split(), columns=int(columns), cwd=s.dir if "model.safetensors" in args else DATA)
        same("\n".join(lines) + "\n", expected, name)
        fit(lines, int(columns), name)


# --- listings -------------------------------------------------------------------------------

FORMS = ((), ("--long",), ("--long", "-H"), ("--tree",), ("--tree", "-H"), ("--depth", "1"), ("--long", "--depth", "1"), ("--tree", "--depth", "2"))


def test_no_line_is_wider_than_the_terminal(s):
    for folder in sorted(os.listdir(DATA)):
        for columns in (60, 80):
            for form in ((), ("--long",), ("--tree",), ("--tree", "-H", "--depth", "2")):
                lines = screen(s, "list", *form, os.path.join(DATA, folder), columns=columns)
                fit(lines, columns, (folder, form))


def test_nor_one_of_info_and_stats(s):
    for file in ("arrow/pandas.feather", "gguf/types.gguf", "hdf5/netcdf.nc", "parquet/pyarrow-encodings.parquet", "pickle/out-of-band.pkl"):
        for command in ("info", "stats"):
            fit(screen(s, command, os.path.join(DATA, file), columns=60), 60, (command, file))


def hostile(s):
    wide = "\u5c42" * 70
    named = [wide, "x" * 300, "a" + "\u0301" * 100, "e\u0301" * 90, "\u202e\u2028\u2029\u009b31mred", "\x1b[2Jclear", "\U0001f600" * 40,
             "\u2600\ufe0f" * 40, "\U0001f468\u200d\U0001f469" * 20, "\u0e44\u0e17\u0e22" * 40, "\u1112\u1161\u11ab" * 30, "a/" * 80 + "end",
             "deep/" * 30 + wide, "\u26f2" * 40, "\U0001f18e" * 50, "\u231a" * 41, "\ufe12" * 40, "\u0301lead", "\u0928\u092e\u0938\u094d\u0924\u0947" * 20]
    named += ["q" * n for n in range(38, 82)]
    archive(s.path("d", "hostile.safetensors"), [(n, "F8_E4M3", [1] * 64, b"x") for n in named] +
            [(f"{wide}.{i}", "U8", [1] * 9, b"x") for i in range(12)])
    for name in (b"\xff\xfe" * 60, b"\xe5\xb1", b"\xf0\x9f\x98", b"a\nb\tc\x1b[31m", b"\xc2\x9b31m", b"\xed\xa0\x80" * 20):
        write(os.fsencode(s.path("d")) + b"/" + name, b"x")


def test_names_and_shapes_of_any_kind_fit(s):
    d = s.mkdir("d")
    hostile(s)
    for columns in (40, 60, 61, 80):
        for source in (d, s.path("d", "hostile.safetensors")):
            for form in (*FORMS, ("--tree", "-osplit=.")):
                for more in ({}, {"LC_ALL": "C"}, {"NO_COLOR": ""}):
                    if more and columns != 60:
                        continue
                    lines = screen(s, "list", *form, source, columns=columns, **more)
                    fit(lines, columns, (source, form, more))
                    said = re.sub(r"\x1b\[(1;34|0)m", "", "\n".join(lines)) if more == {"NO_COLOR": ""} else "\n".join(lines)
                    holds(not any(c in said for c in "\x1b\u009b\u202e\u2028\u2029\udcff"), ascii(said))
    piped = s.run("list", s.path("d", "hostile.safetensors")).ok().out.decode().splitlines()
    holds("a/" * 80 + "end" in piped, "cut in a pipe")


def test_names_are_cut_where_their_neighbours_are_the_same(s):
    tensors = [(f"model.layers.{layer}.self_attn.{x}_proj.weight", "F32", [1 + layer], b"x" * (4 + 4 * layer)) for layer in (0, 1) for x in "qkvo"]
    archive(s.path("m.safetensors"), tensors)
    for form, columns in (("--tree", 44), ("--long", 44), ("--tree", 50), ("--long", 40)):
        lines = screen(s, "list", form, s.path("m.safetensors"), columns=columns)
        fit(lines, columns, form)
        for x in "qkvo":
            same(sum(f"{x}_proj.weight" in line for line in lines), 2, (form, columns, lines))


def test_width_of_a_terminal_that_does_not_know(s):
    archive(s.path("m.safetensors"), [("x" * 100, "U8", [1], b"x")])
    for columns, env, most in ((0, {"COLUMNS": "50"}, 50), (60, {"COLUMNS": "50"}, 60), (0, {"COLUMNS": ""}, 130), (0, {"COLUMNS": "no"}, 130)):
        lines = screen(s, "list", "--long", s.path("m.safetensors"), columns=columns, **env)
        same(width(lines[0]), min(most, len("uint8  [1]  1  ") + 100), (columns, env))


def checkpoint(s, layers=80):
    """723 tensors for 80 layers."""
    each = {"self_attn.q_proj": [8, 8], "self_attn.k_proj": [1, 8], "self_attn.v_proj": [1, 8], "self_attn.o_proj": [8, 8], "mlp.gate_proj": [28, 8],
            "mlp.up_proj": [28, 8], "mlp.down_proj": [8, 28], "input_layernorm": [8], "post_attention_layernorm": [8]}
    tensors = [("model.embed_tokens", [32, 8])] + [(f"model.layers.{i}.{n}", shape) for i in range(layers) for n, shape in each.items()]
    tensors += [("model.norm", [8]), ("lm_head", [32, 8])]
    elements = {tuple(shape): shape[0] * (shape + [1])[1] for _, shape in tensors}
    return archive(s.path("model.safetensors"), [(n + ".weight", "BF16", shape, bytes(2 * elements[tuple(shape)])) for n, shape in tensors])


def test_layers_that_are_the_same_are_told_once(s):
    m = checkpoint(s)
    flat = s.run("list", "--tree", m).ok().out.decode().splitlines()
    same(len(flat), 13)
    same([line.split()[1:] for line in flat[2:5]], [["model.layers.{0…79}.self_attn.q_proj.weight", "(×80)", "bfloat16", "[8,8]", "10240"],
                                                    ["model.layers.{0…79}.self_attn.k_proj.weight", "(×80)", "bfloat16", "[1,8]", "1280"],
                                                    ["model.layers.{0…79}.self_attn.v_proj.weight", "(×80)", "bfloat16", "[1,8]", "1280"]])
    split = s.run("list", "--tree", "-o", "split=.", m).ok().out.decode().splitlines()
    same(len(split), 30)
    same([line.split() for line in split if "layers" in line or "0…79" in line],
         [["│", "├──", "layers/", "720", "files", "133120"], ["│", "│", "└──", "0…79/", "(×80)", "720", "files", "133120"]])
    holds(any(line.split()[-4:] == ["weight", "bfloat16", "[28,8]", "448"] for line in split), "the first layer's own sizes: " + "\n".join(split))
    plain = s.command("env", "LC_ALL=C", s.exe, "list", "--tree", m).ok().out.decode()
    holds("model.layers.{0...79}.mlp.up_proj.weight (x80)" in plain, plain)
    same(len(s.run("list", "--long", m).ok().out.splitlines()), 723)
    same(len(s.run("list", m).ok().out.splitlines()), 723)


def tree(s, *args):
    lines = s.run("list", "--tree", *args).ok().out.decode().splitlines()
    return [" ".join(line.replace("│", " ").replace("├──", "").replace("└──", "").split()) for line in lines[1:]]


def test_what_differs_is_not_told_as_the_same(s):
    m = s.path("m.safetensors")
    u8 = lambda n, shape=(1,), data=b"x": (n, "U8", list(shape), data)
    archive(m, [u8("a/0/w"), u8("a/1/w"), u8("b/0/w"), ("b/1/w", "I8", [1], b"x"), u8("c/0/w"), u8("c/1/v"), u8("d/0/w"), u8("d/1/w", (1, 1)),
                u8("e/0/w"), u8("e/1/w"), u8("e/1/x"), u8("f/0"), u8("f/1"), u8("g/0"), u8("g/1"), u8("g/2"), u8("h/0/w"), u8("h/1")])
    same(tree(s, m), ["a/ 2 files 2", "0,1/ (×2) 2 files 2", "w uint8 [1] 1",
                      "b/ 2 files 2", "0/ 1 file 1", "w uint8 [1] 1", "1/ 1 file 1", "w int8 [1] 1",
                      "c/ 2 files 2", "0/ 1 file 1", "w uint8 [1] 1", "1/ 1 file 1", "v uint8 [1] 1",
                      "d/ 2 files 2", "0/ 1 file 1", "w uint8 [1] 1", "1/ 1 file 1", "w uint8 [1,1] 1",
                      "e/ 3 files 3", "0/ 1 file 1", "w uint8 [1] 1", "1/ 2 files 2", "w uint8 [1] 1", "x uint8 [1] 1",
                      "f/ 2 files 2", "0 uint8 [1] 1", "1 uint8 [1] 1",
                      "g/ 3 files 3", "0…2 (×3) uint8 [1] 3",
                      "h/ 2 files 2", "0/ 1 file 1", "w uint8 [1] 1", "1 uint8 [1] 1"])
    d = s.mkdir("files")  # nobody knows what is in them
    for i in range(5):
        write(s.path("files", f"log.{i}"), b"same")
        os.symlink("nowhere", s.path("files", f"link{i}"))
        s.mkdir("files", f"run{i}")
        write(s.path("files", f"run{i}", "note"), b"same")
    same(len(tree(s, d)), 20)


def test_several_numbers_and_gaps(s):
    m = s.path("m.safetensors")
    archive(m, [(f"m.{layer}.e.{e}.w", "U8", [1], b"x") for layer in range(3, 20) for e in range(16)] +
            [(f"m.{layer}.mlp", "U8", [1], b"x") for layer in range(3)] + [(f"x{i:05d}", "U8", [1], b"x") for i in range(8, 13)] +
            [(f"y{i}", "U8", [1], b"x") for i in (1, 2, 4, 7, 11, 16, 22, 29)] + [(f"s.{i}.w", "U8", [1], b"x") for i in range(0, 80, 2)])
    same(tree(s, m), ["m.{3…19}.e.{0…15}.w (×272) uint8 [1] 272", "m.{0…2}.mlp (×3) uint8 [1] 3", "x{00008…00012} (×5) uint8 [1] 5",
                      "y{1,2,4,7,11,…,29} (×8) uint8 [1] 8", "s.{0,2…78}.w (×40) uint8 [1] 40"])
    same(tree(s, "-osplit=.", m)[:6], ["m/ 275 files 275", "3…19/ (×17) 272 files 272", "e/ 16 files 16", "0…15/ (×16) 16 files 16", "w uint8 [1] 1",
                                       "0…2/ (×3) 3 files 3"])
    same(tree(s, m, "x00008", "x00008", "y*"), ["x00008 uint8 [1] 1", "x00008 uint8 [1] 1", "y{1,2,4,7,11,…,29} (×8) uint8 [1] 8"])


# --- --depth ----------------------------------------------------------------------------------

def test_depth(s):
    d = s.mkdir("d")
    archive(s.path("d", "m.safetensors"), [("z", "U8", [3], b"abc"), ("a/b", "F32", [2], b"x" * 8), ("a/c/d", "I64", [], b"y" * 8)])
    s.mkdir("d", "empty")
    s.mkdir("d", "sub", "sub")
    write(s.path("d", "sub", "sub", "plain"), b"plain text")
    plain = lambda *args: s.run("list", *args).ok().out.decode().splitlines()
    same(plain("--depth", "1", d), ["empty/", "m.safetensors/", "sub/"])
    same(plain("--depth", "2", d), ["empty/", "m.safetensors/z", "m.safetensors/a/", "sub/sub/"])
    same(plain("--depth", "3", d), ["empty/", "m.safetensors/z", "m.safetensors/a/b", "m.safetensors/a/c/", "sub/sub/plain"])
    same(plain("--depth", "9", d), plain(d))
    same(plain("--depth", "1", d, "m.safetensors", "sub/"), ["m.safetensors/z", "m.safetensors/a/", "sub/sub/"])
    same(plain("--depth=1", d, "m.safetensors/a/b"), ["m.safetensors/a/b"])
    same(plain("--depth=1", d, "*"), ["empty/", "m.safetensors/z", "m.safetensors/a/", "sub/sub/"])
    same(plain("--depth=1", d, "**/a", "s*"), ["m.safetensors/a/b", "m.safetensors/a/c/", "sub/sub/"])
    same([line.split() for line in plain("--long", "--depth=1", d)],
         [["-", "0", "files", "0", "empty/"], ["-", "3", "files", "19", "m.safetensors/"], ["-", "1", "file", "10", "sub/"]])
    same([line.split() for line in plain("--long", "--depth=2", d, "m.safetensors")],
         [["uint8", "[3]", "3", "m.safetensors/z"], ["float32", "[2]", "8", "m.safetensors/a/b"], ["-", "1", "file", "8", "m.safetensors/a/c/"]])
    same(tree(s, "--depth=2", d), ["empty/ 0 files 0", "m.safetensors/ 3 files 19", "z uint8 [3] 3", "a/ 2 files 16", "sub/ 1 file 10", "sub/ 1 file 10"])
    same(tree(s, "--depth=1", d, "m.safetensors"), ["m.safetensors/ 3 files 19", "z uint8 [3] 3", "a/ 2 files 16"])
    objects = [json.loads(line) for line in plain("--json", "--depth", "1", d)]
    same([(o["path"], o["kind"]) for o in objects], [("", "directory"), ("empty", "directory"), ("m.safetensors", "directory"), ("sub", "directory")])


def test_depth_of_columns(s):
    file = os.path.join(DATA, "parquet", "pyarrow-nested.parquet")
    rows = {r.split()[-1]: r.split() for r in s.run("list", "--long", file).ok().out.decode().splitlines()}
    top = [r.split() for r in s.run("list", "--long", "--depth=1", file).ok().out.decode().splitlines()]
    same(top, [r for path, r in rows.items() if "/" not in path.rstrip("/")])


def test_what_lies_deeper_is_not_looked_at(s):
    d = s.mkdir("d")
    os.chmod(s.mkdir("d", "shut"), 0)
    os.chmod(d, 0o755)
    user = NOBODY if os.geteuid() == 0 else None
    for form in ((), ("--json",)):
        s.run("list", *form, d, user=user).refused("shut")
        same(len(s.run("list", *form, "--depth=1", d, user=user).ok().out.splitlines()), 1 + len(form))


def test_folding_looks_below_the_depth(s):
    archive(s.path("m.safetensors"), [("l/0/a", "U8", [1], b"x"), ("l/1/b", "U8", [1], b"x"), ("l/2/a", "U8", [1], b"x"), ("l/3/a", "U8", [1], b"x")])
    same(tree(s, "--depth=2", s.path("m.safetensors")), ["l/ 4 files 4", "0,2,3/ (×3) 3 files 3", "1/ 1 file 1"])


# --- --color ----------------------------------------------------------------------------------

def test_color_beats_the_environment(s):
    archive(s.path("m.safetensors"), [("d/a", "U8", [1], b"x")])
    for args, env, on_terminal, piped in (((), {"NO_COLOR": "", "TERM": "xterm"}, True, False), ((), {"NO_COLOR": "1"}, False, False),
                                          ((), {"NO_COLOR": "", "TERM": "dumb"}, False, False), (("--color",), {"TERM": "dumb"}, True, True),
                                          (("--color=always",), {"NO_COLOR": "1"}, True, True), (("--color=never",), {"NO_COLOR": ""}, False, False),
                                          (("--color=auto",), {"NO_COLOR": ""}, True, False)):
        told = screen(s, "list", "--tree", *args, s.path("m.safetensors"), **env)
        same(any("\x1b[1;34md\x1b[0m/" in line for line in told), on_terminal, (args, env))
        same(b"\x1b" in s.run("list", "--tree", *args, s.path("m.safetensors"), env=env).ok().out, piped, (args, env))
        same(b"\x1b" in s.run("list", "--depth=1", *args, s.path("m.safetensors"), env=env).ok().out, piped, (args, env))
