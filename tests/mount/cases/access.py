# SPDX-License-Identifier: MIT
"""Nothing is more readable through the mount than in the source: seen as other users,
through every way in which an archive brings another file in."""
import errno
import os
import struct
import sys

from harness import *

ADA, BOB = (1001, 2001), (1002, 2002)  # user and group
NONE = (NOBODY, NOBODY)
STAFF = 2000
SECOND = 5.0 if sanitized(sys.argv[1]) else 1.0  # within which a change counts


def as_user(who, function, *args, groups=()):
    """What function returns, or the errno of its OSError, when that user calls it."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(list(groups))
            os.setgid(who[1])
            os.setuid(who[0])
            got = b"+" + function(*args)
        except OSError as e:
            got = b"-" + errno.errorcode[e.errno].encode()
        os.write(into, got[:60000])
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as f:
        got = f.read()
    os.waitpid(pid, 0)
    return got[1:] if got[:1] == b"+" else got[1:].decode()


def opened(path):
    with open(path, "rb") as f:
        return f.read()


def listed(path):
    return b" ".join(sorted(os.listdir(os.fsencode(path))))


def reads(path, who=NONE, groups=()):
    return as_user(who, opened, path, groups=groups)


def denied(path, who=NONE, groups=()):
    same(reads(path, who, groups), "EACCES", f"{path} as {who} {groups}")


def soon(path, want, who=NONE):
    """Within a second."""
    until(lambda: reads(path, who) == want, f"{path} is {want!r:.40}, not {reads(path, who)!r:.40}", SECOND)


def told(path, uid, gid, mode):
    st = os.stat(path)
    same((st.st_uid, st.st_gid, oct(st.st_mode & 0o7777)), (uid, gid, oct(mode)), path)


def shared(s, source, *options):
    need_root()
    return s.mount(source, "-o", ",".join(("allow_other",) + options))


def own(path, who, mode):
    os.chown(path, *who)
    os.chmod(path, mode)


def index(s, shards, folder="d"):
    """shards: {path: seed}; the tensor that is called as the seed is in each."""
    s.mkdir(folder)
    data = {}
    for path, seed in shards.items():
        os.makedirs(os.path.dirname(s.path(folder, path)), exist_ok=True)
        data[seed] = simple(s.path(folder, path), seed, 100, seed)
    write(s.path(folder, "m.safetensors.index.json"),
          json.dumps({"weight_map": {seed: path for path, seed in shards.items()}}).encode())
    return s.path(folder), data


def both_ways(s, d, name="m.safetensors.index.json", *options):
    """The archive as SOURCE, and in a mirrored directory."""
    yield shared(s, os.path.join(d, name), *options).path
    yield shared(s, d, *options) / name


# --- an index ---------------------------------------------------------------------

def test_shards_of_an_index_keep_their_modes(s):
    need_root()
    fuse_works()
    d, data = index(s, {"a.safetensors": "a", "b.safetensors": "b", "c.safetensors": "c"})
    own(os.path.join(d, "a.safetensors"), (0, 0), 0o600)
    own(os.path.join(d, "b.safetensors"), (ADA[0], STAFF), 0o640)
    for at in both_ways(s, d):
        told(os.path.join(at, "a"), 0, 0, 0o400)
        told(os.path.join(at, "b"), ADA[0], STAFF, 0o440)
        told(os.path.join(at, "c"), 0, 0, 0o444)
        for who, groups, names in ((NONE, (), "c"), (ADA, (), "bc"), (BOB, (STAFF,), "bc"), ((0, 0), (), "abc")):
            for n in "abc":
                same(reads(os.path.join(at, n), who, groups), data[n] if n in names else "EACCES", f"{n} as {who}")


def test_folders_on_the_way_to_a_shard(s):
    """What others may not search takes their bits; a group's stay where it is the folder's."""
    need_root()
    fuse_works()
    d, data = index(s, {"private/a.safetensors": "a", "team/b.safetensors": "b", "team/c.safetensors": "c", "x/y/e.safetensors": "e",
                        "hers/f.safetensors": "f", "open/g.safetensors": "g"})
    own(os.path.join(d, "private"), (0, 0), 0o700)
    own(os.path.join(d, "team"), (0, STAFF), 0o750)
    own(os.path.join(d, "x"), (0, 0), 0o700)
    own(os.path.join(d, "hers"), ADA, 0o700)
    own(os.path.join(d, "open"), BOB, 0o711)
    os.chown(os.path.join(d, "private/a.safetensors"), *ADA)
    os.chown(os.path.join(d, "team/b.safetensors"), 0, STAFF)
    os.chown(os.path.join(d, "team/c.safetensors"), 0, ADA[1])
    os.chown(os.path.join(d, "hers/f.safetensors"), *ADA)
    for at in both_ways(s, d):
        told(os.path.join(at, "a"), *ADA, 0)
        told(os.path.join(at, "b"), 0, STAFF, 0o440)
        told(os.path.join(at, "c"), 0, ADA[1], 0o400)
        told(os.path.join(at, "e"), 0, 0, 0o400)
        told(os.path.join(at, "f"), *ADA, 0o400)
        told(os.path.join(at, "g"), 0, 0, 0o444)
        for n in "abcef":
            denied(os.path.join(at, n))
        denied(os.path.join(at, "a"), ADA)
        denied(os.path.join(at, "c"), ADA)
        same(reads(os.path.join(at, "b"), BOB, (STAFF,)), data["b"])
        same(reads(os.path.join(at, "f"), ADA), data["f"])
        same(reads(os.path.join(at, "g")), data["g"])


def test_parts_of_a_split_file(s):
    """GGUF: the first of three, as SOURCE, shows the tensors of all; t0 and t1, t2 and t3, t4."""
    need_root()
    fuse_works()
    s.mkdir("d")
    for i in range(1, 4):
        name = f"split-0000{i}-of-00003.gguf"
        write(s.path("d", name), read(os.path.join(DATA, "gguf", name)))
    own(s.path("d/split-00002-of-00003.gguf"), (0, 0), 0o600)
    own(s.path("d/split-00003-of-00003.gguf"), (ADA[0], STAFF), 0o640)
    at = shared(s, s.path("d/split-00001-of-00003.gguf"))
    for name, mode, who in (("t0", 0o444, (0, 0)), ("t2", 0o400, (0, 0)), ("t3", 0o400, (0, 0)), ("t4", 0o440, (ADA[0], STAFF))):
        told(at / name, *who, mode)
    denied(at / "t3")
    denied(at / "t4")
    same(reads(at / "t4", BOB, (STAFF,)), struct.pack("<4f", 4, 4, 4, 4))
    same(reads(at / "t0"), bytes(16))


def test_shards_that_are_links_to_elsewhere(s):
    """As a hub stores them: the folders of what the link leads to count."""
    need_root()
    fuse_works()
    d, data = index(s, {"a.safetensors": "a", "b.safetensors": "b"}, "hub/snapshot")
    s.mkdir("hub", "blobs"), s.mkdir("secret")
    for name, place in (("a.safetensors", "secret/a"), ("b.safetensors", "hub/blobs/b")):
        os.rename(os.path.join(d, name), s.path(place))
        os.symlink(s.path(place), os.path.join(d, name))
    os.chmod(s.path("secret"), 0o700)
    single = shared(s, os.path.join(d, "m.safetensors.index.json"))
    whole = shared(s, s.path("hub"), "follow") / "snapshot/m.safetensors.index.json"
    for at in (single.path, whole):
        denied(os.path.join(at, "a"))
        same(reads(os.path.join(at, "b")), data["b"])
    os.chmod(s.path("secret"), 0o711)
    os.chmod(s.path("hub/blobs"), 0o700)
    for at in (single.path, whole):
        soon(os.path.join(at, "a"), data["a"])
        soon(os.path.join(at, "b"), "EACCES")


# --- HDF5 -------------------------------------------------------------------------

def test_external_storage(s):
    need_root()
    fuse_works()
    d = s.mkdir("d", "sub") and s.path("d")
    write(s.path("d", "external.h5"), read(os.path.join(DATA, "hdf5", "external.h5")))
    write(s.path("d", "one.raw"), struct.pack("<10i", *range(10)))
    write(s.path("d", "sub/two.raw"), struct.pack("<10i", *range(10, 20)))
    for at in both_ways(s, d, "external.h5"):
        own(s.path("d", "one.raw"), ADA, 0o644)
        own(s.path("d", "sub/two.raw"), ADA, 0o640)
        os.chmod(s.path("d", "sub"), 0o755)
        soon(os.path.join(at, "two"), "EACCES")
        same(reads(os.path.join(at, "one")), struct.pack("<10i", *range(10)))
        told(os.path.join(at, "two"), *ADA, 0o440)
        same(reads(os.path.join(at, "two"), ADA), struct.pack("<20i", *range(20)))
        for view in (".arrayfs/npy/two.npy", ".arrayfs/text/two.txt", ".arrayfs/json/two.json"):
            top, sub = (at, "") if at.endswith("mnt1") else os.path.split(at)
            path = os.path.join(top, ".arrayfs", view.split("/")[1], sub, view.split("/")[2])
            denied(path)
            holds(isinstance(reads(path, ADA), bytes), path)
        own(s.path("d", "sub/two.raw"), ADA, 0o644)
        soon(os.path.join(at, "two"), struct.pack("<20i", *range(20)))
        os.chmod(s.path("d", "sub"), 0o700)
        soon(os.path.join(at, "two"), "EACCES")
        os.chmod(s.path("d", "sub"), 0o755)
        own(s.path("d", "sub/two.raw"), BOB, 0o640)  # two owners
        until(lambda: os.stat(os.path.join(at, "two")).st_uid == 0, "the mounter's", SECOND)
        told(os.path.join(at, "two"), 0, 0, 0o400)
        denied(os.path.join(at, "two"), BOB)
        os.chmod(s.path("d", "sub/two.raw"), 0o644)
        soon(os.path.join(at, "two"), struct.pack("<20i", *range(20)))
        told(os.path.join(at, "two"), 0, 0, 0o444)


def test_virtual_datasets(s):
    need_root()
    fuse_works()
    d = s.mkdir("d")
    for name in ("virtual.h5", "b0.h5", "b1.h5", "b2.h5", "u.h5"):
        write(s.path("d", name), read(os.path.join(DATA, "hdf5", name)))
    os.chmod(s.path("d", "b1.h5"), 0o600)
    for at in both_ways(s, d, "virtual.h5"):
        for name in ("numbered", "inner", "nested"):  # by a pattern, by name, and through another
            denied(os.path.join(at, name))
            told(os.path.join(at, name), 0, 0, 0o400)
        told(os.path.join(at, "strided"), 0, 0, 0o444)
    os.chmod(s.path("d", "b1.h5"), 0o644)
    soon(os.path.join(at, "nested"), struct.pack("<12h", 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5))


# --- datasets ---------------------------------------------------------------------

def dataset(s):
    file = read(os.path.join(DATA, "parquet", "pyarrow-required.parquet"))
    for name in ("k=1/a.parquet", "k=2/a.parquet", "b.parquet"):
        os.makedirs(os.path.dirname(s.path("d", name)), exist_ok=True)
        write(s.path("d", name), file)
    return s.path("d")


def test_parts_of_a_dataset(s):
    need_root()
    fuse_works()
    d = dataset(s)
    x = struct.pack("<50i", *range(50)) * 3
    m = shared(s, d, "dataset")
    same(reads(m / "x"), x)
    hidden = [m / n for n in ("x", "k", ".arrayfs/npy/x.npy", ".arrayfs/text/x.txt", ".arrayfs/json/x.json", ".arrayfs/archive.json")]
    for path, closed, again in (("k=1/a.parquet", 0o600, 0o644), ("k=2", 0o700, 0o755)):
        os.chmod(os.path.join(d, path), closed)
        soon(m / "x", "EACCES")
        told(m / "x", 0, 0, 0o400)
        for p in hidden:
            denied(p)
        same(as_user(NONE, listed, m.path), "EACCES", "its columns")
        os.chmod(os.path.join(d, path), again)
        soon(m / "x", x)
        for p in hidden:
            holds(isinstance(reads(p), bytes), p)
    own(os.path.join(d, "k=1/a.parquet"), (ADA[0], STAFF), 0o640)
    soon(m / "x", "EACCES")
    denied(m / "x", ADA)  # two owners: nobody knows who may read both
    for name in ("k=2/a.parquet", "b.parquet"):
        own(os.path.join(d, name), (ADA[0], STAFF), 0o640)
    soon(m / "x", x, ADA)
    same(reads(m / "x", BOB, (STAFF,)), x)
    told(m / "x", ADA[0], STAFF, 0o440)


# --- links that are followed --------------------------------------------------------

def test_followed_links(s):
    need_root()
    fuse_works()
    s.mkdir("d"), s.mkdir("secret/open"), s.mkdir("team")
    data = simple(s.path("secret/open/m.safetensors"))
    write(s.path("secret/open/plain"), b"plain")
    write(s.path("team/plain"), b"plain")
    own(s.path("team/plain"), (0, ADA[1]), 0o640)
    own(s.path("team"), (0, STAFF), 0o750)
    for name in ("m.safetensors", "plain", ""):
        os.symlink(s.path("secret/open", name), s.path("d", name or "open"))
    os.symlink("../team/plain", s.path("d", "team"))
    os.chmod(s.path("secret"), 0o700)
    m = shared(s, s.path("d"), "follow")
    hidden = [m / n for n in ("plain", "m.safetensors/a", "open/plain", "open/m.safetensors/a", ".arrayfs/npy/m.safetensors/a.npy")]
    for p in hidden:
        denied(p)
    same(as_user(NONE, listed, m / "open"), "EACCES")
    denied(m / "team", ADA)
    told(m / "team", 0, ADA[1], 0o400)
    with open(m / "plain", "rb") as f:  # what fstat() tells of an open file counts, too
        same(oct(os.fstat(f.fileno()).st_mode & 0o777), "0o400")
        denied(m / "plain")
    os.chmod(s.path("secret"), 0o755)
    soon(m / "open/m.safetensors/a", data)
    for p in hidden:
        until(lambda: isinstance(reads(p), bytes), p, SECOND)
    os.chmod(s.path("secret"), 0o700)
    for p in hidden:
        soon(p, "EACCES")


def test_an_index_behind_a_link(s):
    need_root()
    fuse_works()
    d, data = index(s, {"a.safetensors": "a"}, "secret")
    s.mkdir("d")
    os.symlink(s.path("secret/m.safetensors.index.json"), s.path("d/m.safetensors.index.json"))
    os.symlink(s.path("secret/a.safetensors"), s.path("d/a.safetensors"))
    m = shared(s, s.path("d"), "follow")
    same(reads(m / "m.safetensors.index.json/a"), data["a"])
    os.chmod(s.path("secret"), 0o700)
    soon(m / "m.safetensors.index.json/a", "EACCES")


# --- what changes later ---------------------------------------------------------------

def test_modes_that_change(s):
    """Both ways, of the archive's own file, of what it brings in, of folders and owners, with and without opens."""
    need_root()
    fuse_works()
    d, data = index(s, {"sub/a.safetensors": "a"})
    simple(s.path("d", "own.safetensors"), "own", 100, "own")
    places = [shared(s, s.path("d", "own.safetensors")) / "own", shared(s, d) / "own.safetensors/own"]
    for path in places:
        for again in range(2):
            same(reads(path), pattern("own", 100))
            os.chmod(s.path("d", "own.safetensors"), 0o600)
            soon(path, "EACCES")
            os.chmod(s.path("d", "own.safetensors"), 0o644)
            soon(path, pattern("own", 100))
        os.chown(s.path("d", "own.safetensors"), *ADA)
        until(lambda: os.stat(path).st_uid == ADA[0], "owner", SECOND)
        os.chown(s.path("d", "own.safetensors"), 0, 0)
    for at in both_ways(s, d):
        path = os.path.join(at, "a")
        for change, back in ((lambda: os.chmod(s.path("d/sub/a.safetensors"), 0o640), lambda: os.chmod(s.path("d/sub/a.safetensors"), 0o644)),
                             (lambda: os.chmod(s.path("d/sub"), 0o750), lambda: os.chmod(s.path("d/sub"), 0o755)),
                             (lambda: own(s.path("d/sub/a.safetensors"), ADA, 0o600), lambda: own(s.path("d/sub/a.safetensors"), ADA, 0o644))):
            change()
            soon(path, "EACCES")
            back()
            soon(path, data["a"])
        os.chown(s.path("d/sub/a.safetensors"), 0, 0)
        os.chmod(s.path("d/m.safetensors.index.json"), 0o600)  # the index itself
        soon(path, "EACCES")
        os.chmod(s.path("d/m.safetensors.index.json"), 0o644)
        soon(path, data["a"])


def handle_path(fd):
    return f"/proc/self/fd/{fd}"


def test_modes_that_change_while_it_is_open(s):
    """Who has it open goes on reading, and so does who mapped it; a folder or an O_PATH descriptor opens nothing more."""
    fuse_works()
    need_root()
    d, data = index(s, {"a.safetensors": "a"})
    h5 = write(s.path("d", "old.h5"), read(os.path.join(DATA, "hdf5", "old.h5")))
    for at, name, changed in [(at, "a", s.path("d", "a.safetensors")) for at in both_ways(s, d)] + \
            [(at, "g/up/a", h5) for at in both_ways(s, d, "old.h5")]:
        want = reads(os.path.join(at, name))
        holds(isinstance(want, bytes), f"{name} {want}")

        def holder():
            f = os.open(os.path.join(at, name), os.O_RDONLY)
            p = os.open(os.path.join(at, name), os.O_PATH)
            top = os.open(os.path.dirname(os.path.join(at, name)), os.O_RDONLY | os.O_DIRECTORY)
            os.chdir(at)
            os.write(ready, b"x")
            os.read(go, 1)
            got = [os.pread(f, 1 << 20, 0) == want]
            for path, where in ((handle_path(p), None), (os.path.basename(name), top), (name, None)):
                try:
                    os.close(os.open(path, os.O_RDONLY, dir_fd=where))
                    got.append(True)
                except OSError as e:
                    got.append(e.errno == errno.EACCES and "EACCES")
            return repr(got).encode()
        waits, ready = os.pipe()
        go, tells = os.pipe()

        def change():
            os.read(waits, 1)
            os.chmod(changed, 0o600)
            time.sleep(SECOND)
            os.write(tells, b"x")
        pid = os.fork()
        if pid == 0:
            change()
            os._exit(0)
        same(as_user(NONE, holder), b"[True, 'EACCES', 'EACCES', 'EACCES']", f"{at} {name}")
        os.waitpid(pid, 0)
        os.chmod(changed, 0o644)
        soon(os.path.join(at, name), want)
        for fd in (waits, ready, go, tells):
            os.close(fd)


def test_modes_that_change_while_the_archive_is_closed(s):
    """Only the kernel remembers it then."""
    need_root()
    fuse_works()
    d, data = index(s, {"a.safetensors": "a"})
    for i in range(300):
        simple(s.path("d", f"{i:03}.safetensors"))
    m = shared(s, d)
    path = m / "m.safetensors.index.json/a"
    for mode, want in ((0o600, "EACCES"), (0o644, data["a"]), (0o600, "EACCES")):
        reads(path)
        for i in range(300):
            os.stat(m / f"{i:03}.safetensors/a")
        os.chmod(s.path("d", "a.safetensors"), mode)
        time.sleep(0.5)
        soon(path, want)


def test_many_read_while_modes_change(s):
    """Nobody reads for longer than a second after it was forbidden, whoever looks at the same time."""
    need_root()
    fuse_works()
    d, data = index(s, {f"{i}.safetensors": f"t{i}" for i in range(20)})
    for at in both_ways(s, d):
        pids = []
        for k in range(4):
            pid = os.fork()
            if pid == 0:
                end = time.monotonic() + 7 * SECOND + 1
                while time.monotonic() < end:
                    for i in range(20):
                        try:
                            os.stat(os.path.join(at, f"t{i}"))
                            opened(os.path.join(at, f"t{i}"))
                        except OSError:
                            pass
                os._exit(0)
            pids.append(pid)
        for k in range(3):
            for mode, want in ((0o600, None), (0o644, data)):
                for i in range(20):
                    os.chmod(s.path("d", f"{i}.safetensors"), mode)
                time.sleep(SECOND)
                for i in range(20):
                    same(reads(os.path.join(at, f"t{i}")), want[f"t{i}"] if want else "EACCES", f"t{i} {mode:o}")
        for pid in pids:
            os.waitpid(pid, 0)


def test_a_shard_that_is_replaced_or_gone(s):
    """The old bytes are shown, but nobody knows any more who may read them: who could, and may read what has the name now."""
    need_root()
    fuse_works()
    d, data = index(s, {"a.safetensors": "a"})
    m = shared(s, os.path.join(d, "m.safetensors.index.json"))
    replace(os.path.join(d, "a.safetensors"), archive_bytes([("a", "U8", [100], pattern("other", 100))]))
    time.sleep(SECOND)
    same(reads(m / "a"), data["a"])
    os.chmod(os.path.join(d, "a.safetensors"), 0o600)
    soon(m / "a", "EACCES")
    os.unlink(os.path.join(d, "a.safetensors"))
    time.sleep(SECOND)
    denied(m / "a")
    same(reads(m / "a", (0, 0)), data["a"])


# --- access control lists ---------------------------------------------------------------

def acl(path, *entries):
    """entries: (tag, permissions, id)"""
    text = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", text)
    except OSError as e:
        raise Skip(f"access control lists: {e.strerror}")


USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER, NOID = 1, 2, 4, 8, 16, 32, 0xffffffff


def test_access_control_lists(s):
    """The mode's group bits are the most that a list allows, and not what the group may."""
    need_root()
    fuse_works()
    d, data = index(s, {"a.safetensors": "a"})
    a = os.path.join(d, "a.safetensors")
    write(s.path("d", "plain"), b"plain")
    places = [os.path.join(at, "a") for at in both_ways(s, d)]
    for target in (a, s.path("d", "plain")):
        os.chown(target, 0, STAFF)
        acl(target, (USER_OBJ, 6, NOID), (USER, 4, ADA[0]), (GROUP_OBJ, 0, NOID), (MASK, 4, NOID), (OTHER, 0, NOID))
        same(oct(os.stat(target).st_mode & 0o777), "0o640")
        for path in places if target == a else [s.mounted[1] / "plain"]:
            until(lambda: reads(path, BOB, (STAFF,)) == "EACCES", f"the group is denied {path}", SECOND)
        acl(target, (USER_OBJ, 6, NOID), (USER, 0, BOB[0]), (GROUP_OBJ, 4, NOID), (MASK, 4, NOID), (OTHER, 4, NOID))
        for path in places if target == a else [s.mounted[1] / "plain"]:
            until(lambda: reads(path, BOB) == "EACCES", f"who is named is denied {path}", SECOND)


# --- where SOURCE itself lies ----------------------------------------------------------------

def test_folders_that_lead_to_source_do_not_count(s):
    """They are the mounter's choice; the daemon still finds the files there when it looks at them again."""
    need_root()
    fuse_works()
    d, data = index(s, {"a.safetensors": "a"}, "hers/d")
    for path in (s.path("hers"), d, os.path.join(d, "m.safetensors.index.json"), os.path.join(d, "a.safetensors")):
        own(path, ADA, 0o700 if os.path.isdir(path) else 0o644)
    m = shared(s, os.path.join(d, "m.safetensors.index.json"))
    for mode, want in ((0o600, "EACCES"), (0o644, data["a"])):
        same(reads(m / "a", ADA), data["a"])
        os.chmod(os.path.join(d, "a.safetensors"), mode)
        soon(m / "a", want)


# --- an ordinary user's own mount ---------------------------------------------------------

def test_an_ordinary_user_reads_his_own(s):
    """However the folders are that lead to it."""
    need_root()
    ada = NONE
    d, data = index(s, {"a.safetensors": "a"}, "hers/d")
    s.mkdir("team")
    os.rename(os.path.join(d, "a.safetensors"), s.path("team/blob"))
    os.symlink(s.path("team/blob"), os.path.join(d, "a.safetensors"))
    own(s.path("team"), (0, ada[1]), 0o750)
    for path in (s.path("hers"), d, os.path.join(d, "m.safetensors.index.json"), s.path("team/blob")):
        own(path, ada, 0o700 if os.path.isdir(path) else 0o600)
    os.chown(s.mkdir("mnt-ada"), *ada)
    if as_user(ada, lambda: os.close(os.open("/dev/fuse", os.O_RDWR)) or b"") != b"":
        raise Skip("no /dev/fuse for an ordinary user")
    m = s.mount(os.path.join(d, "m.safetensors.index.json"), user=ada[0], at=s.path("mnt-ada"))
    same(reads(m / "a", ada), data["a"])
