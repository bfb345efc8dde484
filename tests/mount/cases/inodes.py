# SPDX-License-Identifier: MIT
"""Inode numbers and file handles: what they depend on, and how long they last."""
import ctypes
import os

from harness import *

DATASET = os.path.join(DATA, "hdf5")
AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400


def make(s):
    d = s.mkdir("d")
    s.mkdir("d", "sub", "deep")
    write(s.path("d", "plain"), b"p" * 1000)
    os.link(s.path("d", "plain"), s.path("d", "sub", "second"))
    os.symlink("plain", s.path("d", "link"))
    os.mkfifo(s.path("d", "fifo"))
    archive(s.path("d", "m.safetensors"), [("w/x", "BF16", [2, 3], b"x" * 12), ("b", "BOOL", [1], b"\1"),
                                           ("w/empty", "F32", [0], b""), ("empty", "F32", [0], b"")])
    for name in os.listdir(DATASET):
        if name.endswith((".h5", ".hdf5")):
            write(s.path("d", "sub", name), read(os.path.join(DATASET, name)))
    return d


def walk(top, reverse=False):
    """{path below: number}, directories looked into in the one order or the other."""
    found, pending = {"": os.lstat(top).st_ino}, [""]
    while pending:
        below = pending.pop()
        for name in sorted(os.listdir(os.path.join(top, below)), reverse=reverse):
            path = os.path.join(below, name)
            st = os.lstat(os.path.join(top, path))
            found[path] = st.st_ino
            if os.path.stat.S_ISDIR(st.st_mode):
                pending.append(path)
    return found


def forget():
    """Has the kernel let go of every inode that nobody holds."""
    if not os.access("/proc/sys/vm/drop_caches", os.W_OK):
        raise Skip("drop_caches cannot be written: run as root")
    write("/proc/sys/vm/drop_caches", b"2")


def test_numbers_stay_when_the_kernel_forgets_and_in_another_mount(s):
    d = make(s)
    m = s.mount(d)
    first = walk(m.path)
    holds(len(first) > 100, f"{len(first)} files")
    forget()
    same(walk(m.path, reverse=True), first, "after the kernel forgot, in the other order")
    same(walk(s.mount(d).path, reverse=True), first, "in another mount, in the other order")


def test_numbers_of_the_source_are_kept(s):
    d = make(s)
    m = s.mount(d)
    for path in ("", "plain", "sub/second", "link", "fifo", "sub", "sub/deep", "m.safetensors"):
        same(os.lstat(m / path).st_ino, os.lstat(os.path.join(d, path)).st_ino, path)


def test_readdir_tells_what_stat_tells(s):
    d = make(s)
    os.symlink(s.path("outside"), s.path("d", "out"))
    write(s.path("outside"), b"o")
    for options in ([], ["-ofollow"]):
        m = s.mount(d, *options)
        count = 0
        for top in [m.path, m / ".arrayfs", m / ".arrayfs/npy", m / ".arrayfs/json", m / ".arrayfs/original"]:
            for folder, _, _ in os.walk(top):
                for e in os.scandir(folder):
                    count += 1
                    same(e.inode(), os.lstat(e.path).st_ino, e.path)
        holds(count > 300, f"{count} names")
        m.stop()


def test_find_finds_by_number(s):
    need("find")
    m = s.mount(make(s))
    for path in ("m.safetensors/w/x", "plain"):
        ino = os.stat(m / path).st_ino
        forget()
        found = s.tool("find", m.path, "-inum", str(ino)).decode().split("\n")[:-1]
        holds(m / path in found and len(found) == (2 if path == "plain" else 1), f"{path}: {found}")


def test_no_two_files_have_one_number(s):
    d = make(s)
    for i in range(100):
        simple(s.path("d", f"{i}.safetensors"))
    m = s.mount(d)
    seen = {}
    for top in (m.path, m / ".arrayfs"):
        for path, ino in walk(top).items():
            st = os.lstat(os.path.join(top, path))
            if path.startswith("original/") and seen.get(ino) == path[len("original/"):]:
                holds(not path.endswith(".safetensors") and not stat.S_ISDIR(st.st_mode), f"{path} is what it is outside")
            elif st.st_nlink == 1:
                holds(ino not in seen, f"{path} and {seen.get(ino)}")
            seen[ino] = path


def test_a_rewritten_archive_has_new_numbers(s):
    d = make(s)
    m = s.mount(d)
    before = walk(m / "m.safetensors")
    os.utime(s.path("d", "m.safetensors"), ns=(1, 1))
    until(lambda: os.stat(m / "m.safetensors/b").st_ino != before["b"], "another generation")
    after = walk(m / "m.safetensors")
    same([p for p in before if p and before[p] == after[p]], [])
    os.utime(s.path("d", "m.safetensors"), ns=(2, 2))
    until(lambda: os.stat(m / "m.safetensors/b").st_ino != after["b"], "a third")


# --- file handles ---------------------------------------------------------------

class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * 128)]


def handle_of(path):
    h, mount = Handle(bytes=128), ctypes.c_int()
    if libc.name_to_handle_at(AT_FDCWD, os.fsencode(path), ctypes.byref(h), ctypes.byref(mount), 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return h


def open_handle(mount, h, flags=os.O_RDONLY):
    top = os.open(mount, os.O_RDONLY)
    fd = libc.open_by_handle_at(top, ctypes.byref(h), flags)
    code = ctypes.get_errno()
    os.close(top)
    if fd < 0:
        raise OSError(code, os.strerror(code))
    return fd


# Not the views' directories: the kernel looks for a directory's name among those that its
# parent lists, and .arrayfs is not listed.
HANDLED = ("plain", "sub", "sub/deep", "m.safetensors", "m.safetensors/w", "m.safetensors/w/x", "link",
           ".arrayfs/npy/m.safetensors/w/x.npy", ".arrayfs/json/sub.json", ".arrayfs/archive.json")


def test_handles_open_again_after_the_kernel_forgot(s):
    need_root()
    m = s.mount(make(s))
    for path in HANDLED:
        h, st = handle_of(m / path), os.lstat(m / path)
        forget()
        fd = open_handle(m.path, h, os.O_PATH)
        try:
            got = os.fstat(fd)
            same((got.st_ino, got.st_mode, got.st_size), (st.st_ino, st.st_mode, st.st_size), path)
            if os.path.isfile(m / path) and path != "link":
                same(read(f"/proc/self/fd/{fd}"), read(m / path), path)
            if os.path.isdir(m / path):
                same(sorted(os.listdir(f"/proc/self/fd/{fd}")), names(m / path), path)
                same(os.stat(f"/proc/self/fd/{fd}/..").st_ino, os.stat(os.path.join(m / path, "..")).st_ino, path + "/..")
        finally:
            os.close(fd)


def test_handles_of_every_hdf5_node_open_again(s):
    need_root()
    d = make(s)
    m = s.mount(d)
    handles = {}
    for path in walk(m / "sub"):
        full = os.path.join(m / "sub", path)
        if not os.path.islink(full):
            handles[full] = handle_of(full), os.stat(full).st_ino
    holds(len(handles) > 100, f"{len(handles)} handles")
    forget()
    for full, (h, ino) in reversed(handles.items()):
        fd = open_handle(m.path, h, os.O_PATH)
        same(os.fstat(fd).st_ino, ino, full)
        os.close(fd)


def test_handles_of_what_is_there_no_more_are_stale(s):
    need_root()
    d = make(s)
    m = s.mount(d)
    plain, array = handle_of(m / "plain"), handle_of(m / "m.safetensors/b")
    forget()
    replace(s.path("d", "plain"), b"new")
    replace(s.path("d", "m.safetensors"), archive_bytes([("b", "U8", [1], b"9")]))
    fails(errno.ESTALE, open_handle, m.path, plain)
    fails(errno.ESTALE, open_handle, m.path, array)
    fails(errno.ESTALE, open_handle, m.path, array)
    same(read(m / "m.safetensors/b"), b"9")


def test_handles_of_an_earlier_daemon_are_stale(s):
    need_root()
    d = make(s)
    m = s.mount(d)
    os.stat(m / "sub")
    h = handle_of(m / "plain")
    m.stop()
    again = s.mount(d, at=m.path)
    os.stat(again / "plain")
    fails(errno.ESTALE, open_handle, again.path, h)


# --- indexes ------------------------------------------------------------------------

def model(s, folder, indexes=("model.safetensors.index.json",), below=""):
    """Two shards, and indexes that name all of their tensors but one."""
    os.makedirs(s.path(folder, below), exist_ok=True)
    shards = {}
    for i in (1, 2):
        shards[f"{i}.safetensors"] = [(f"layers.{i}.{k}", "U8", [3000 * k], pattern((i, k), 3000 * k)) for k in range(1, 4)]
        archive(s.path(folder, below, f"{i}.safetensors"), shards[f"{i}.safetensors"] + [(f"extra{i}", "U8", [9], b"not named")])
    for index in indexes:
        write(s.path(folder, index), json.dumps({"weight_map": {
            t[0]: os.path.join(below, shard) for shard, tensors in reversed(shards.items()) for t in tensors}}).encode())
    return s.path(folder)


def test_an_array_seen_through_an_index_is_one_file(s):
    need("du", "find", "tar")
    d = model(s, "d")
    index, one = "model.safetensors.index.json/layers.1.2", "1.safetensors/layers.1.2"
    for first, second in ((index, one), (one, index)):
        m = s.mount(d)
        a, b = os.stat(m / first), os.stat(m / second)
        same((a.st_ino, a.st_nlink, b.st_nlink), (b.st_ino, 2, 2), first)
        same(os.stat(m / "1.safetensors/extra1").st_nlink, 1)
        same({e.name: e.inode() for e in os.scandir(m / "1.safetensors") if "layers" in e.name},
             {e.name: e.inode() for e in os.scandir(m / "model.safetensors.index.json") if "layers.1" in e.name})
        m.stop()
    m = s.mount(d)
    same(int(s.tool("du", "-sb", m.path).split()[0]), 2 * (3000 + 6000 + 9000) + 2 * 9, "bytes by du")
    same(len(s.tool("find", m.path, "-type", "f", "-links", "+1").split()), 12)
    same(len(s.tool("find", m.path, "-samefile", m / one).split()), 2)
    s.tool("tar", "-cf", s.path("t.tar"), "-C", m.path, ".")
    links = [line for line in s.tool("tar", "-tvf", s.path("t.tar")).splitlines() if line.startswith(b"h")]
    same(len(links), 6, "hard links in the tar")
    os.mkdir(s.path("out"))
    s.tool("tar", "-xf", s.path("t.tar"), "-C", s.path("out"))
    s.tool("diff", "-r", m.path, s.path("out"))


def test_rsync_keeps_what_an_index_shares(s):
    need("rsync")
    m = s.mount(model(s, "d"))
    s.tool("rsync", "-aH", m.path + "/", s.path("out/"))
    a, b = (os.stat(s.path("out", p, "layers.2.3")) for p in ("2.safetensors", "model.safetensors.index.json"))
    same((a.st_ino, a.st_nlink), (b.st_ino, 2))
    same(read(s.path("out", "2.safetensors", "layers.2.3")), pattern((2, 3), 9000))


def test_names_by_several_indexes_and_from_folders_above(s):
    d = model(s, "d", ["a.index.json", "b.index.json", "not.index.json"], below="shards")
    write(s.path("d", "not.index.json"), b'{"no": "index"}')
    m = s.mount(d)
    same(os.stat(m / "shards/1.safetensors/layers.1.1").st_nlink, 3)
    same(len({os.stat(m / f"{p}/layers.1.1").st_ino for p in ("shards/1.safetensors", "a.index.json", "b.index.json")}), 1)
    same(os.stat(m / "b.index.json/layers.2.1").st_nlink, 3)


def test_split_names_and_an_index_are_one_file_too(s):
    m = s.mount(model(s, "d"), "-o", "split=.")
    a, b = os.stat(m / "1.safetensors/layers/1/2"), os.stat(m / "model.safetensors.index.json/layers/1/2")
    same((a.st_ino, a.st_nlink), (b.st_ino, 2))


def test_an_index_alone_has_its_arrays_to_itself(s):
    d = model(s, "d")
    m = s.mount(os.path.join(d, "model.safetensors.index.json"))
    same(os.stat(m / "layers.1.1").st_nlink, 1)


def test_a_broken_index_names_nothing(s):
    d = model(s, "d", ["a.index.json"])
    write(s.path("d", "b.index.json"), json.dumps({"weight_map": {"layers.1.1": "1.safetensors", "none": "1.safetensors"}}).encode())
    m = s.mount(d)
    same(os.stat(m / "1.safetensors/layers.1.1").st_nlink, 2)
    holds(os.path.isfile(m / "b.index.json"), "a file with an error")


def test_a_thousand_indexes_over_one_shard(s):
    d = model(s, "d", [f"{i}.index.json" for i in range(1000)])
    m = s.mount(d)
    begin = time.monotonic()
    for path in ("1.safetensors/layers.1.1", "7.index.json/layers.1.1", "999.index.json/layers.1.1"):
        same(os.stat(m / path).st_nlink, 1001, path)
    holds(time.monotonic() - begin < PATIENCE, "in bounded time")


def test_commands_tell_what_an_index_shares_once(s):
    d = model(s, "d")
    index = "model.safetensors.index.json"
    listed = s.run("--list", d).ok().out.decode().splitlines()
    same((len(listed), len(set(listed))), (8, 8))
    holds(not any(line.startswith(index) for line in listed), f"{listed}")
    told = {o["path"]: o for o in map(json.loads, s.run("--list", "--json", d).ok().out.splitlines())}
    same(told[index + "/layers.1.2"].get("same_as"), "1.safetensors/layers.1.2")
    same("same_as" in told["1.safetensors/layers.1.2"], False)
    same(len(s.run("--list", d, index).ok().out.splitlines()), 6, "by its own path")
    same(len(s.run("--list", d, f"{index}/*.2").ok().out.splitlines()), 2, "by a pattern that only its paths match")
    same(s.run("--cat", d, f"{index}/*.1.2").ok().out, pattern((1, 2), 6000))
    s.run("--extract", d, s.path("out")).ok()
    same(os.readlink(s.path("out", index, "layers.1.2")), "../1.safetensors/layers.1.2")
    s.tool("diff", "-r", s.mount(d).path, s.path("out"))
    other = model(s, "e")
    s.run("--diff", d, other).ok()
    archive(s.path("e", "1.safetensors"), [(f"layers.1.{k}", "U8", [3000 * k], pattern((1, k if k != 2 else 9), 3000 * k)) for k in
                                           range(1, 4)] + [("extra1", "U8", [9], b"not named")])
    lines = s.run("--diff", d, other).out.decode().splitlines()
    same([line.split(":")[0] for line in lines if "layers.1.2" in line], ["1.safetensors/layers.1.2"], f"{lines}")


def test_an_index_that_comes_or_goes_is_counted(s):
    d = model(s, "d", ["a.index.json"])
    m = s.mount(d)
    path = m / "1.safetensors/layers.1.1"

    def links():
        return os.stat(path).st_nlink
    same(links(), 2)
    text = read(s.path("d", "a.index.json"))
    write(s.path("d", "b.index.json"), text)
    until(lambda: links() == 3, "a third name", 3)
    os.unlink(s.path("d", "a.index.json"))
    os.unlink(s.path("d", "b.index.json"))
    until(lambda: links() == 1, "its own name alone", 3)
    for i in range(200):  # more archives than stay open
        simple(s.path("d", f"other{i}.safetensors"))
    for i in range(200):
        os.stat(m / f"other{i}.safetensors/a")
    write(s.path("d", "a.index.json"), text)
    until(lambda: links() == 2, "a second name, after its archive was closed", 3)


def test_many_files_that_are_no_indexes_are_not_opened(s):
    """Thousands of .json files are data: of those only what is called an index is one."""
    d = model(s, "d")
    for i in range(2100):
        write(s.path("d", f"{i}.json"), b'{"weight_map": 1}')
    m = s.mount(d)
    begin = time.monotonic()
    same(os.stat(m / "1.safetensors/layers.1.1").st_nlink, 2)
    holds(time.monotonic() - begin < PATIENCE, "in bounded time")
