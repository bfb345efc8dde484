# SPDX-License-Identifier: MIT
"""Archives within a zip: a Keras model's weights, read in place."""
import errno
import mmap
import os
import struct
import zipfile

from harness import *

KERAS = os.path.join(DATA, "keras")
EACH = os.path.join(DATA, "archives", "each.zip")
WEIGHTS = "model.weights.h5"


def attribute(path, name):
    return os.getxattr(path, "user." + name).decode()


def walk(top, reverse=False):
    """{path below: number}, directories looked into in the one order or the other."""
    found, pending = {}, [""]
    while pending:
        below = pending.pop()
        for name in sorted(os.listdir(os.path.join(top, below)), reverse=reverse):
            path = os.path.join(below, name)
            st = os.lstat(os.path.join(top, path))
            found[path] = st.st_ino
            if os.path.stat.S_ISDIR(st.st_mode):
                pending.append(path)
    return found


def test_the_weights_are_a_directory(s):
    source = os.path.join(KERAS, "compiled.keras")
    m = s.mount(source)
    same(names(m.path), ["config.json", "metadata.json", WEIGHTS])
    with zipfile.ZipFile(source) as z:
        same(read(m / "config.json"), z.read("config.json"))
    same(attribute(m.path, "arrayfs.format"), "keras")
    same(attribute(m / WEIGHTS, "arrayfs.format"), "hdf5")
    same(names(m / f"{WEIGHTS}/layers/dense/vars"), ["0", "1"])
    same(attribute(m / f"{WEIGHTS}/layers/dense/vars", "attr.name"), "first")
    kernel = m / f"{WEIGHTS}/layers/dense/vars/0"
    same((attribute(kernel, "array.dtype"), attribute(kernel, "array.shape")), ("float32", "[8,4]"))
    same(os.stat(kernel).st_size, 128)
    with open(kernel, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        same(mapped[:], read(kernel))
        holds(read(kernel) in read(source), "the bytes of the file")
    same(read(m / f".arrayfs/npy/{WEIGHTS}/layers/dense/vars/0.npy")[-128:], read(kernel))
    same(len(read(m / f".arrayfs/text/{WEIGHTS}/layers/dense/vars/0.txt").splitlines()), 8)
    holds(b'"format":"hdf5"' in read(m / f".arrayfs/json/{WEIGHTS}.json"), "what is known of the weights")


def test_compressed_weights_are_not_read(s):
    m = s.mount(os.path.join(KERAS, "deflated.keras"))
    same(names(m.path), ["config.json", "metadata.json", WEIGHTS])
    with zipfile.ZipFile(os.path.join(KERAS, "deflated.keras")) as z:
        same(read(m / "config.json"), z.read("config.json"))
    holds(os.path.isdir(m / WEIGHTS), "a directory")
    fails(errno.EIO, os.listdir, m / WEIGHTS)
    fails(errno.EIO, read, m / f"{WEIGHTS}/layers")
    holds("compressed in the zip (deflate)" in attribute(m / WEIGHTS, "arrayfs.error"), "why")


def test_numbers_do_not_depend_on_the_order_of_looks(s):
    d = s.mkdir("d")
    write(s.path("d", "each.zip"), read(EACH))
    write(s.path("d", "m.keras"), read(os.path.join(KERAS, "nested.keras")))
    first, second = s.mount(d), s.mount(d)
    found = walk(first.path)
    same(walk(second.path, reverse=True), found)
    holds(len(set(found.values())) > len(found) - 40, "nearly each its own")
    h5 = first / "each.zip/attributes.h5"
    same(os.stat(h5 + "/alias").st_ino, os.stat(h5 + "/z/y/d").st_ino)
    same(os.stat(h5 + "/alias").st_nlink, 2)
    pt = first / "each.zip/module.pt"
    same(os.stat(pt + "/0.weight").st_ino, os.stat(pt + "/2.weight").st_ino)
    same(read(pt + "/0.weight"), read(pt + "/2.weight"))


def test_a_file_that_is_cut_short_loses_what_lies_behind(s):
    d = s.mkdir("d")
    path = s.path("d", "m.keras")
    data = struct.pack("<Q", 120) + b'{"x":{"dtype":"U8","shape":[200000],"data_offsets":[0,200000]}}'.ljust(120) + bytes(range(250)) * 800
    with zipfile.ZipFile(path, "w") as z:
        for name, content in (("config.json", "{}"), ("metadata.json", "{}"), ("x.safetensors", data)):
            z.writestr(name, content)
    m = s.mount(path)
    with open(m / "x.safetensors/x", "rb", buffering=0) as f:
        same(os.pread(f.fileno(), 4, 0), b"\0\1\2\3")
        os.truncate(path, 50000)
        fails(errno.EIO, os.pread, f.fileno(), 4, 190000)


def test_modes_are_those_of_the_file(s):
    d = s.mkdir("d")
    write(s.path("d", "m.keras"), read(os.path.join(KERAS, "compiled.keras")))
    os.chmod(s.path("d", "m.keras"), 0o640)
    m = s.mount(d)
    same(os.stat(m / f"m.keras/{WEIGHTS}").st_mode & 0o777, 0o550)
    same(os.stat(m / f"m.keras/{WEIGHTS}/layers/dense/vars/0").st_mode & 0o777, 0o440)
    same(os.stat(m / "m.keras/config.json").st_mode & 0o777, 0o440)
