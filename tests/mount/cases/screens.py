# SPDX-License-Identifier: MIT
"""What people see: nothing is wider than the terminal, nor told a thousand times."""
import fcntl
import os
import re
import struct
import subprocess
import termios
import time
import unicodedata

from harness import *


def screen(s, *args, columns=80, err=False, **env):
    """The lines that a terminal of that width gets, on standard output or error."""
    master, slave = terminal()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    mode = termios.tcgetattr(slave)
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    env = {"LC_ALL": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1", **env}
    streams = {"stdout": subprocess.DEVNULL, "stderr": slave} if err else {"stdout": slave, "stderr": subprocess.DEVNULL}
    p = subprocess.Popen([s.exe, *OPTIONS, *map(os.fspath, args)], stdin=subprocess.DEVNULL, env=dict(os.environ, **env), **streams)
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
