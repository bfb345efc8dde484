# SPDX-License-Identifier: MIT
"""Checkpoints of several files, by torch: a folder of torch.distributed.checkpoint, with what its own load() gives in
expected/; an index of .bin files."""
import errno
import os
import shutil
import struct
import zipfile

from harness import *

DCP, BIN = os.path.join(DATA, "dcp"), os.path.join(DATA, "torch_index")
SLICE = 1577  # the first of ranks/__0_0.distcp, of the tensor `rows`


def expected(name):
    """The tensors' bytes: numpy.savez() of uint8."""
    found = {}
    with zipfile.ZipFile(os.path.join(DCP, "expected", f"{name}.npz")) as z:
        for member in z.namelist():
            data = z.read(member)
            found[member.removesuffix(".npy").replace("|", "/")] = data[10 + struct.unpack("<H", data[8:10])[0]:]
    return found


def files(top):
    """{path below: bytes}"""
    return {os.path.relpath(os.path.join(folder, name), top): read(os.path.join(folder, name))
            for folder, _, found in os.walk(top) for name in found}


def checkpoint(s, name, to="d"):
    shutil.copytree(os.path.join(DCP, name), s.path(to))
    return s.path(to)


def test_a_folder_shows_its_tensors_whole(s):
    for name in ("one", "ranks"):
        m = s.mount(checkpoint(s, name, name), "-o", "dataset")
        same(files(m.path), expected(name), name)
        same(os.getxattr(m.path, "user.arrayfs.format"), b"torch.distributed")


def test_its_metadata_named(s):
    m = s.mount(os.path.join(checkpoint(s, "ranks"), ".metadata"))
    same(files(m.path), expected("ranks"))
    same(os.getxattr(m.path, "user.attr.step"), b"12")
    same(os.getxattr(m / "grid", "user.array.shape"), b"[5,7,3]")


def test_in_a_mirrored_directory_slices_stay_files(s):
    d = checkpoint(s, "ranks")
    whole = read(os.path.join(d, "__0_0.distcp"))
    os.mkdir(os.path.join(d, "sub"))
    write(os.path.join(d, "sub", "alone.distcp"), whole[:SLICE])  # as it stands, a file of torch.save()
    m = s.mount(d)
    same(sorted(os.listdir(m.path)), [".metadata", "__0_0.distcp", "__1_0.distcp", "__2_0.distcp", "__3_0.distcp", "sub"])
    same(files(m / ".metadata"), expected("ranks"))
    same(read(m / "__0_0.distcp"), whole)
    same(read(m / "sub/alone.distcp"), whole[:SLICE])
    same([n for n in os.listxattr(m / "sub/alone.distcp") if n.startswith("user.")], [])
    s.run(s.path(d, "__0_0.distcp"), s.mkdir("m")).refused("part of a checkpoint", ".metadata", "dataset")


def test_the_folder_without_the_option_is_told(s):
    m = s.mount(checkpoint(s, "ranks"))
    holds(any("-o dataset" in line for line in m.log()), f"a line tells the option: {m.log()}")
    m = s.mount(s.path("d"), "-o", "dataset")
    same([line for line in m.log() if "-o dataset" in line], [])


def test_a_file_cut_short(s):
    d = checkpoint(s, "ranks")
    m = s.mount(d)
    want = expected("ranks")
    same(read(m / ".metadata/same"), want["same"])
    os.truncate(os.path.join(d, "__1_0.distcp"), 7000)  # within the slice of `nested`; `same` is behind it
    fails(errno.EIO, read, m / ".metadata/nested")
    same(read(m / ".metadata/middle"), want["middle"])
    holds(any("nested" in line for line in m.log()), f"a line names the tensor: {m.log()}")


def test_a_missing_file(s):
    d = checkpoint(s, "ranks")
    os.unlink(os.path.join(d, "__1_0.distcp"))
    m = s.mount(d, "-o", "dataset")
    fails(errno.EIO, read, m / "rows")
    fails(errno.EIO, read, m / "same")
    same(os.stat(m / "same").st_size, 48)
    same(os.getxattr(m / "same", "user.arrayfs.error"), b"its file __1_0.distcp: No such file or directory")
    same(os.getxattr(m.path, "user.attr.step"), b"12")


def test_another_checkpoint_in_its_place_shows(s):
    d = checkpoint(s, "ranks")
    m = s.mount(d)
    same(files(m / ".metadata"), expected("ranks"))
    for name in ("__0_0.distcp", ".metadata"):
        replace(os.path.join(d, name), read(os.path.join(DCP, "one", name)))

    def is_new():  # while it is listed the old may become the new
        try:
            return files(m / ".metadata") == expected("one")
        except OSError:
            return False
    until(is_new, "the new checkpoint shows")


def test_no_more_readable_than_its_files(s):
    d = checkpoint(s, "ranks")
    for name in os.listdir(d):
        os.chmod(os.path.join(d, name), 0o600 if name == "__2_0.distcp" else 0o644)
    m = s.mount(d)
    same(os.stat(m / ".metadata/few").st_mode & 0o777, 0o444)
    same(os.stat(m / ".metadata/rows").st_mode & 0o777, 0o400, "a tensor of which a part is in it")
    fails(errno.EACCES, os.getxattr, m / ".metadata", "user.attr.step")  # it is in there
    whole = s.mount(d, "-o", "dataset")
    same(os.stat(whole / "few").st_mode & 0o777, 0o400, "in a table, all are as the least readable")


def test_parts_by_safetensors_show_each_its_own(s):
    m = s.mount(os.path.join(DCP, "huggingface"))
    want, rows = expected("ranks")["rows"], b""
    for rank in range(1, 5):
        rows += read(m / f"shard-0000{rank}-model-00001-of-00002.safetensors/rows")
    same(rows, want)


def test_an_index_of_bin_files(s):
    shutil.copytree(BIN, s.path("d"))
    m = s.mount(s.path("d"))
    index, shard = m / "pytorch_model.bin.index.json", m / "pytorch_model-00001-of-00002.bin"
    for name in ("embed.weight", "head.weight", "layers.0.weight", "turned", "layers/0"):
        same(read(os.path.join(index, name)), read(os.path.join(shard, name)), name)
    one = {(os.stat(path).st_ino, os.stat(path).st_nlink) for path in (
        os.path.join(shard, "embed.weight"), os.path.join(shard, "head.weight"), os.path.join(index, "embed.weight"),
        os.path.join(index, "head.weight"), m / "other.bin.index.json/embed.weight")}
    same(len(one), 1, "one inode")
    same(one.pop()[1], 5, "of five names")
    same(os.listdir(m / "other.bin.index.json"), ["tail", "bias", "embed.weight"])
