# SPDX-License-Identifier: MIT
"""One archive, or an index, mounted: what is in it, and that it never changes."""
import json
import os

from harness import *

INDEX = "model.safetensors.index.json"


def index(path, weight_map, **more):
    write(path, json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map, **more}).encode())


def test_every_dtype_by_the_reference_library(s):
    """Expected: what the header says, and the bytes that stand there."""
    for name in ("dtypes", "shapes", "names", "layout"):
        path = os.path.join(DATA, "safetensors", name + ".safetensors")
        raw = read(path)
        n = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:8 + n])
        m = s.mount(path)
        shown = {}
        for top, _, files in os.walk(m.path):
            for f in files:
                p = os.path.join(top, f)
                try:
                    own = os.getxattr(p, "user.arrayfs.name").decode()
                except OSError:
                    own = os.path.relpath(p, m.path)
                shown[p] = own, read(p)
        tensors = {k: v for k, v in header.items() if k != "__metadata__"}
        same(len(shown), len(tensors), f"files of {name}")
        for p, (own, data) in shown.items():
            if own not in tensors:
                continue  # a component's name, told by the case of names
            begin, end = tensors[own]["data_offsets"]
            same(data, raw[8 + n + begin:8 + n + end], p)
            same(os.getxattr(p, "user.array.type").decode(), tensors[own]["dtype"], p)
            same(json.loads(os.getxattr(p, "user.array.shape")), tensors[own]["shape"], p)
        m.stop()


def test_replaced_archive_goes_on_showing_the_old_bytes(s):
    path = s.path("m.safetensors")
    old = simple(path, "old", 300000)
    m = s.mount(path)
    replace(path, archive_bytes([("b", "U8", [1], b"x")]))
    same(names(m.path), ["a"])
    same(read(m / "a"), old)
    os.unlink(path)
    same(read(m / "a"), old)


def test_scalar_and_empty(s):
    archive(s.path("m.safetensors"), [("s", "F32", [], b"\0\0\x80?"), ("e", "F32", [0, 3], b"")])
    m = s.mount(s.path("m.safetensors"))
    same((read(m / "s"), read(m / "e")), (b"\0\0\x80?", b""))
    same((os.getxattr(m / "s", "user.array.shape"), os.getxattr(m / "e", "user.array.shape")), (b"[]", b"[0,3]")
         if os.getxattr(m / "e", "user.array.shape") == b"[0,3]" else (b"[]", b"[0, 3]"))


def test_no_tensors(s):
    archive(s.path("m.safetensors"), [])
    m = s.mount(s.path("m.safetensors"))
    same(names(m.path), [])


def shards(s, folder):
    d = s.mkdir(folder)
    one = simple(os.path.join(d, "one.safetensors"), "1", 5000, "a")
    archive(os.path.join(d, "two.safetensors"), [("b", "U8", [3], b"two"), ("not.named", "U8", [1], b"x")])
    index(os.path.join(d, INDEX), {"b": "two.safetensors", "a": "one.safetensors"})
    return d, one


def test_index_holds_exactly_what_it_names_in_its_order(s):
    d, one = shards(s, "d")
    src = os.path.join(d, INDEX)
    same(s.run("--list", src).ok().out, b"b\na\n")
    m = s.mount(src)
    same(names(m.path), ["a", "b"])
    same((read(m / "a"), read(m / "b")), (one, b"two"))


def test_index_refused_by_name(s):
    d, _ = shards(s, "d")
    s.mkdir("d", "sub")
    simple(s.path("outside.safetensors"), name="o")
    simple(s.path("d", "sub", "in.safetensors"), name="i")
    os.symlink("../outside.safetensors", s.path("d", "l.safetensors"))
    os.symlink("sub", s.path("d", "linked"))
    os.symlink("nowhere", s.path("d", "dangling.safetensors"))
    src = os.path.join(d, INDEX)
    for weight_map, words in (
            ({"a": "none.safetensors"}, ["none.safetensors"]), ({"zz": "one.safetensors"}, ["zz"]),
            ({"a": "two.safetensors"}, ["a"]), ({"o": "../outside.safetensors"}, ["../outside.safetensors"]),
            ({"o": s.path("outside.safetensors")}, ["outside.safetensors"]),
            ({"i": "linked/in.safetensors"}, ["linked/in.safetensors"]),
            ({"i": "sub/../sub/in.safetensors"}, [".."]), ({"i": "sub"}, ["sub"]), ({"a": ""}, []),
            ({"a": "dangling.safetensors"}, ["dangling.safetensors"])):
        index(src, weight_map)
        s.run("--list", src).refused(INDEX, *words)
    index(src, {"i": "sub/in.safetensors", "o": "l.safetensors"})
    same(s.run("--list", src).ok().out, b"i\no\n")


def test_hub_cache(s):
    """snapshots/REV/NAME -> ../../blobs/HASH, index included: by the index, by the folder, by the whole cache."""
    blobs, rev = s.mkdir("hub", "blobs"), s.mkdir("hub", "snapshots", "rev")
    one = simple(os.path.join(blobs, "h1"), "1", 70000, "a")
    two = simple(os.path.join(blobs, "h2"), "2", 70000, "b")
    index(os.path.join(blobs, "h3"), {"a": "m-1.safetensors", "b": "m-2.safetensors"})
    for name, blob in (("m-1.safetensors", "h1"), ("m-2.safetensors", "h2"), (INDEX, "h3")):
        os.symlink("../../blobs/" + blob, os.path.join(rev, name))
    m = s.mount(os.path.join(rev, INDEX))
    same((read(m / "a"), read(m / "b")), (one, two))
    m.stop()
    m = s.mount(rev, "-o", "follow")
    same(read(m / "m-1.safetensors/a"), one)
    same(read(m / (INDEX + "/b")), two)
    m.stop()
    m = s.mount(s.path("hub"))
    same(os.readlink(m / "snapshots/rev/m-1.safetensors"), "../../blobs/h1")
    same(read(m / "snapshots/rev/m-2.safetensors/b"), two)
    m.stop()
    m = s.mount(rev)
    same(os.readlink(m / "m-1.safetensors"), "../../blobs/h1")
