# SPDX-License-Identifier: MIT
"""Names as docs/shown.md has them; expected values are written by hand."""
import os

from harness import *


def fnv(raw):
    h = 0xcbf29ce484222325
    for b in raw:
        h = (h ^ b) * 0x100000001b3 & (1 << 64) - 1
    return h


def shown(s, theirs, *options):
    """The paths shown for tensors of those names, in archive order."""
    path = s.path("n.safetensors")
    archive(path, [(n, "U8", [1], bytes([65 + i])) for i, n in enumerate(theirs)])
    listed = s.run("--list", *options, path).ok().out.decode().splitlines()
    m = s.mount(path, *options)
    for p in listed:
        holds(len(read(m / p)) == 1, p)
    same(sorted(listed), sorted(os.path.relpath(os.path.join(d, f), m.path) for d, _, fs in os.walk(m.path) for f in fs))
    by = {read(m / p): p for p in listed}
    own = {}
    for p in listed:
        try:
            own[p] = os.getxattr(m / p, "user.arrayfs.name")
        except OSError:
            own[p] = None
    m.stop()
    return [by[bytes([65 + i])] for i in range(len(theirs))], own


def test_plain(s):
    same(shown(s, ["model.layers.0.mlp.weight", "a/b/c", "a//d/", "50%", "é – 中", "%41"])[0],
         ["model.layers.0.mlp.weight", "a/b/c", "a/d", "50%", "é – 中", "%41"])


def test_escapes(s):
    got, own = shown(s, ["a\x01b", "\x7f", ".", "x/..", "", "/", "n\0n", "new\nline", "...", "a/./b"])
    same(got, ["a%01b", "%7F", "%2E", "x/%2E%2E", "_", "_~2", "n%00n", "new%0Aline", "...", "a/%2E/b"])
    same((own["a%01b"], own["_"], own["..."]), (b"a\x01b", b"", None))


def test_long(s):
    at, over, wide = "a" * 240, "b" * 241, "é" * 121
    got, own = shown(s, [at, over, wide])
    same(got, [at, "b" * 223 + f"~{fnv(over.encode()):016x}", "é" * 111 + f"~{fnv(wide.encode()):016x}"])
    same(own[got[1]], over.encode())


def test_collisions(s):
    same(shown(s, ["a", "a/b", "a/c", "d/e", "d", "x//y", "x/y", "x/y~2"])[0],
         ["a", "a~2/b", "a~2/c", "d/e", "d~2", "x/y", "x/y~2", "x/y~2~2"])


def test_reserved(s):
    same(shown(s, [".arrayfs", "sub/.arrayfs"])[0], [".arrayfs~2", "sub/.arrayfs"])


def test_split(s):
    same(shown(s, ["m.0.w", "m.0.b", "m..1", ".x.", "m", "p/q.r"], "-o", "split=.")[0],
         ["m/0/w", "m/0/b", "m/1", "x", "m~2", "p/q/r"])
    same(shown(s, ["m.0.w", "m.0.b"])[0], ["m.0.w", "m.0.b"])


def test_mirrored_names_are_byte_for_byte(s):
    d = s.mkdir("d").encode()
    odd = [b"\xff\xfe", b"new\nline", b".arrayfs", b"a%41", b"..x", b"x" * 255, b" "]
    for n in odd:
        write(os.path.join(d, n), b"t")
    m = s.mount(s.path("d"))
    same(sorted(os.listdir(m.path.encode())), sorted(odd))
    for n in odd:
        same(read(os.path.join(m.path.encode(), n)), b"t")
    for line in s.run("--list", s.path("d")).ok().out.splitlines():
        holds(all(c >= 32 and c != 127 for c in line), repr(line))
    fails(errno.ENAMETOOLONG, os.stat, m / ("y" * 256))
