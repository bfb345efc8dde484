# SPDX-License-Identifier: MIT
"""Modes, owner, times, inodes, statfs, attributes, and that nothing can be written."""
import os

from harness import *


def make(s):
    d = s.mkdir("d")
    archive(s.path("d", "m.safetensors"), [("w/x", "BF16", [2, 3], b"x" * 12), ("b", "BOOL", [1], b"\1"),
                                           ("big", "F64", [1000], pattern("big", 8000))],
            {"format": "pt", "a b": "", "long": "z" * 70000})
    write(s.path("d", "plain"), b"p" * 1000)
    return d


def test_modes_and_times_of_the_archive(s):
    make(s)
    path = s.path("d", "m.safetensors")
    for mode, file, folder in ((0o644, 0o444, 0o555), (0o600, 0o400, 0o500), (0o777, 0o444, 0o555), (0o640, 0o440, 0o550)):
        os.chmod(path, mode)
        os.utime(path, ns=(1111111111000000001, 1222222222000000002))
        m = s.mount(path)
        want = os.stat(path)
        for p, m_ in ((m / "w", 0o40000 | folder), (m / "b", 0o100000 | file), (m.path, 0o40000 | folder)):
            st = os.stat(p)
            same(oct(st.st_mode), oct(m_), p)
            same((st.st_uid, st.st_gid, st.st_mtime_ns, st.st_ctime_ns),
                 (want.st_uid, want.st_gid, want.st_mtime_ns, want.st_ctime_ns), p)
            # The daemon's own opening reads the file.
            holds(st.st_atime_ns in (1111111111000000001, want.st_atime_ns), "atime")
        m.stop()


def test_sizes_blocks_and_links(s):
    d = make(s)
    os.link(s.path("d", "plain"), s.path("d", "second"))
    m = s.mount(d)
    st = os.stat(m / "m.safetensors/big")
    same((st.st_size, st.st_blocks, st.st_nlink), (8000, 16, 1))
    for folder in (m.path, m / "m.safetensors", m / "m.safetensors/w"):
        st = os.stat(folder)
        same((st.st_size, st.st_nlink), (0, 1), folder)
    a, b, real = os.stat(m / "plain"), os.stat(m / "second"), os.stat(s.path("d", "plain"))
    same((a.st_ino, a.st_nlink, a.st_blocks, a.st_size), (b.st_ino, 2, real.st_blocks, 1000))
    same(oct(os.stat(m / "plain").st_mode), oct(0o100444))


def test_dot_and_dot_dot_are_listed(s):
    need("ls")
    d = make(s)
    m = s.mount(d)
    for folder in (m.path, m / "m.safetensors", m / "m.safetensors/w"):
        same(s.tool("ls", "-1fa", folder).split()[:2] if folder != m.path else [b".", b".."], [b".", b".."], folder)
    holds({b".", b".."} <= set(s.tool("ls", "-1a", m.path).split()), "the root")


def test_inodes_are_unique_and_stable(s):
    d = make(s)
    for i in range(200):
        simple(s.path("d", f"{i}.safetensors"))
    m = s.mount(d)

    def all_inodes():
        return {p: os.lstat(p).st_ino for top, ds, fs in os.walk(m.path) for p in [os.path.join(top, n) for n in ds + fs]}
    first = all_inodes()
    same(len(set(first.values())), len(first), "distinct inode numbers")
    holds(1 not in first.values(), "the root's number again")
    write("/proc/sys/vm/drop_caches", b"2") if os.access("/proc/sys/vm/drop_caches", os.W_OK) else None
    with open(m / "m.safetensors/big", "rb") as f:
        ino = os.fstat(f.fileno()).st_ino
        for p in first:
            os.lstat(p)
        same(os.stat(m / "m.safetensors/big").st_ino, ino)


def test_statfs(s):
    d = make(s)
    m = s.mount(s.path("d", "m.safetensors"))
    v = os.statvfs(m.path)
    holds(v.f_blocks * v.f_frsize >= os.path.getsize(s.path("d", "m.safetensors")), "f_blocks")
    same((v.f_bfree, v.f_bavail, v.f_namemax, v.f_flag & os.ST_RDONLY), (0, 0, 255, os.ST_RDONLY))
    m.stop()
    v = os.statvfs(s.mount(d).path)
    same((v.f_bfree, v.f_bavail, v.f_namemax), (0, 0, 255))


def test_attributes(s):
    make(s)
    m = s.mount(s.path("d", "m.safetensors"))
    attrs = {n: os.getxattr(m / "w/x", n) for n in os.listxattr(m / "w/x")}
    same(attrs, {"user.array.dtype": b"bfloat16", "user.array.shape": b"[2, 3]" if b" " in attrs["user.array.shape"] else b"[2,3]",
                 "user.array.order": b"C", "user.array.byteorder": b"little", "user.array.type": b"BF16"})
    holds("user.array.byteorder" not in os.listxattr(m / "b"), "byteorder of a single byte")
    same(os.getxattr(m / "b", "user.array.dtype"), b"bool")
    root = {n: os.getxattr(m.path, n) for n in os.listxattr(m.path)}
    same((root["user.arrayfs.format"], root["user.attr.format"], root["user.attr.a b"]), (b"safetensors", b"pt", b""))
    holds("user.attr.long" not in root, "a value over 64 KiB")
    for name in ("user.none", "security.capability", "trusted.x", "user.attr.long"):
        fails(errno.ENODATA, os.getxattr, m / "w/x", name)
    need("getfattr")
    holds(b'user.array.dtype="bfloat16"' in s.tool("getfattr", "--absolute-names", "-d", m / "w/x"), "getfattr -d")


def test_shapes_that_only_decoding_tells(s):
    """Lists without size statistics: what was decoded for the size tells the shape, too."""
    m = s.mount(os.path.join(DATA, "parquet", "pyarrow-groups.parquet"))
    decoded = lambda: json.loads(read(m / ".arrayfs/stats.json"))["cache"]["decoded"]
    n = sum(i % 3 for i in range(30))
    text = sum(len(f"b{i}") * (i % 3) for i in range(30))
    want = {"l/offsets": 31, "l/values": n, "l/values/a": n, "l/values/b": n, "l/values/b/offsets": n + 1, "l/values/b/values": text, "s/values": 80}
    for name in want:
        holds("user.array.shape" in os.listxattr(m / name), name)
        holds(("user.array.order" in os.listxattr(m / name)) == os.path.isfile(m / name), name)
        os.getxattr(m / name, "user.array.dtype")
    same({name: json.loads(os.getxattr(m / name, "user.array.shape")) for name in want}, {name: [k] for name, k in want.items()})
    before = decoded()
    for name in want:
        os.getxattr(m / name, "user.array.shape")
    same(decoded(), before)
    need("getfattr")
    holds(b'user.array.shape="[80]"' in s.tool("getfattr", "--absolute-names", "-d", m / "s/values"), "getfattr -d")


def test_attributes_beyond_what_the_kernel_carries(s):
    """Values to 64 KiB, a list of 64 KiB in all, names of 255 bytes: the rest is in the JSON view, and tools go on."""
    few = {"full": "z" * 65536, "over": "z" * 65537, "": "of no name of its own", "n" * 250: "a long name", "nul\0in": "x", "v": "a\0b",
           "line\n": "two\nlines", "\u00e9": "\u00e9"}
    many = {f"{i:05}" + "n" * 100: str(i) for i in range(1000)}
    for kept, metadata in ((["full", "", "v", "line\n", "\u00e9"], few), (list(many), many)):
        src = archive(s.path("m.safetensors"), [("a", "U8", [1], b"x")], metadata)
        m = s.mount(src)
        got = {n[len("user.attr."):]: os.getxattr(m.path, n).decode() for n in os.listxattr(m.path) if n.startswith("user.attr.")}
        if metadata is few:
            same(got, {k: few[k] for k in kept})
        else:
            size = sum(len(n) + 1 for n in os.listxattr(m.path))
            holds(65536 - 200 < size <= 65536, f"a list of {size} bytes")
            same(got, {k: many[k] for k in kept[:len(got)]})
        same(json.loads(read(m / ".arrayfs/archive.json"))["attributes"], metadata)
        for tool in (["ls", "-la", m.path], ["tar", "--xattrs", "--xattrs-include=user.*", "-cf", s.path("t.tar"), "-C", m.path, "."],
                     ["getfattr", "--absolute-names", "-dR", m.path], ["cp", "-a", m.path, s.path("copy")]):
            if shutil.which(tool[0]):
                out = s.tool(*tool)
                same(out.count(b"\nuser.attr."), len(got) if tool[0] == "getfattr" else 0, tool[0])
        remove(s.path("copy"))
        m.stop()


def gguf(path, pairs):
    """A GGUF file of these pairs: key, type, bytes."""
    text = lambda t: struct.pack("<Q", len(t)) + t.encode()
    return write(path, b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(text(k) + struct.pack("<I", kind) + v for k, kind, v in pairs))


def test_lists_too_long_for_attributes(s):
    """And lists of lists: in the JSON view, and as arrays."""
    text = lambda t: struct.pack("<Q", len(t)) + t.encode()
    words = [f"w{i}" for i in range(12_000)]
    src = gguf(s.path("m.gguf"), [
        ("few", 9, struct.pack("<IQ", 5, 3) + struct.pack("<3i", 1, -2, 3)), ("bytes", 9, struct.pack("<IQ", 0, 40_000) + bytes(40_000)),
        ("words", 9, struct.pack("<IQ", 8, len(words)) + b"".join(map(text, words))), ("one", 8, text("a\nb")),
        ("nested", 9, struct.pack("<IQ", 9, 2) + struct.pack("<IQ2b", 1, 2, -1, 5) + struct.pack("<IQ", 8, 1) + text("x"))])
    m = s.mount(src)
    got = {n[len("user.attr."):]: os.getxattr(m.path, n) for n in os.listxattr(m.path) if n.startswith("user.attr.")}
    same(got, {"GGUF.version": b"3", "few": b"[1,-2,3]", "one": b"a\nb"})
    for name in ("bytes", "words", "nested"):
        fails(errno.ENODATA, os.getxattr, m.path, "user.attr." + name)
    same(json.loads(read(m / ".arrayfs/archive.json"))["attributes"],
         {"GGUF.version": 3, "few": [1, -2, 3], "bytes": [0] * 40_000, "words": words, "one": "a\nb", "nested": [[-1, 5], ["x"]]})
    same(sorted(os.listdir(m / "metadata")), ["bytes", "few", "words"])
    same(read(m / "metadata/words/values"), "".join(words).encode())
    same(read(m / ".arrayfs/text/metadata/words/offsets.txt").split()[:3], [b"0", b"2", b"4"])
    other = gguf(s.path("n.gguf"), [("nested", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQb", 1, 1, -1))])
    out = subprocess.run([s.exe, "--diff", src, other], capture_output=True, check=False).stdout
    holds(b"nested" in out, out)


def test_every_writing_call_gives_EROFS(s):
    d = make(s)
    os.symlink("plain", s.path("d", "l"))
    m = s.mount(d)
    f, dirs = (m / "m.safetensors/b", m / "plain"), (m.path, m / "m.safetensors", m / "m.safetensors/w")
    for p in f:
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
            fails(errno.EROFS, os.open, p, flags)
        for call, args in ((os.unlink, [p]), (os.chmod, [p, 0o600]), (os.chown, [p, 0, 0]), (os.utime, [p]),
                           (os.truncate, [p, 0]), (os.rename, [p, p + "2"]), (os.link, [p, p + "2"]),
                           (os.setxattr, [p, "user.x", b"y"]), (os.removexattr, [p, "user.array.dtype"])):
            fails(errno.EROFS, call, *args)
    for p in dirs:
        n = os.path.join(p, "new")
        for call, args in ((os.mkdir, [n]), (os.mkfifo, [n]), (os.symlink, ["x", n]), (os.open, [n, os.O_CREAT | os.O_WRONLY]),
                           (os.mknod, [n])):
            fails(errno.EROFS, call, *args)
    fails(errno.EROFS, os.rmdir, m / "m.safetensors/w")
    fails(errno.EROFS, os.unlink, m / "l")


def test_writing_to_a_handed_descriptor_mounted_writable(s):
    """The kernel does not refuse for us there."""
    fuse_works()
    need_root()
    make(s)
    mnt = s.mkdir("mnt")
    fd = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"handed", mnt.encode(), b"fuse.arrayfs", 0, options.encode()) < 0:
        raise AssertionError(os.strerror(ctypes.get_errno()))  # fuse_works() has just done it
    p = subprocess.Popen([s.exe, "-f", s.path("d", "m.safetensors"), f"/dev/fd/{fd}"], pass_fds=[fd])
    os.close(fd)
    try:
        f, n = os.path.join(mnt, "b"), os.path.join(mnt, "new")
        same(read(f), b"\1")
        for call, args in ((os.open, [f, os.O_WRONLY]), (os.open, [f, os.O_RDWR]), (os.unlink, [f]), (os.mkdir, [n]),
                           (os.chmod, [f, 0o777]), (os.truncate, [f, 0]), (os.rename, [f, n]), (os.symlink, ["x", n]),
                           (os.setxattr, [f, "user.x", b"y"]), (os.open, [n, os.O_CREAT | os.O_WRONLY]), (os.link, [f, n])):
            fails(errno.EROFS, call, *args)
    finally:
        until(lambda: libc.umount2(mnt.encode(), 0) == 0, "umount2") # the kernel lets go of files later
        same(p.wait(PATIENCE), 0)
