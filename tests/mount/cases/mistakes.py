# SPDX-License-Identifier: MIT
"""What people get wrong: one sentence, which ends in what to do."""
import os
import shutil

from harness import *

FLAGS = "--device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined"
NEED_NONE = "(list, info, cat, rows, stats, extract, diff and verify need no mount)"
GONE = "No such file or directory"
INSIDE = "Not a directory; a PATH in an archive follows it after a space"
CUT = "; it is cut short or still being written"


def make(s):
    """A folder of what is got wrong."""
    archive(s.path("m.safetensors"), [("model.norm.weight", "U8", [4], b"\0\1\2\3"), ("model.embed.weight", "U8", [2, 2], b"abcd"),
                                      ("lm_head.weight", "U8", [1], b"x")])
    whole = read(s.path("m.safetensors"))
    shutil.copy(os.path.join(DATA, "parquet", "pyarrow-v2-zstd.parquet"), s.path("t.parquet"))
    shutil.copy(os.path.join(DATA, "hdf5", "dense.h5"), s.path("d.h5"))
    write(s.path("cut.safetensors"), whole[:-1])
    write(s.path("head.safetensors"), whole[:50])
    write(s.path("cut.parquet"), read(s.path("t.parquet"))[:-100])
    write(s.path("cut.h5"), read(s.path("d.h5"))[:1000])
    write(s.path("empty.safetensors"), b"")
    write(s.path("old.nc"), b"CDF\1" + bytes(100))
    write(s.path("a.orc"), b"ORC" + bytes(100))
    write(s.path("a.avro"), b"Obj\1" + bytes(100))
    write(s.path("a.tar"), bytes(257) + b"ustar\0" + bytes(300))
    write(s.path("lfs.safetensors"), b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n")
    write(s.path("notes.txt"), b"plain text\n")
    write(s.path("t.csv"), b"id,city\n1,Oslo\n")
    s.mkdir("full")
    write(s.path("full", "x"), b"x")
    shutil.copy(s.path("m.safetensors"), s.mkdir("models"))
    os.symlink("/etc/hostname-of-another", s.path("models", "out"))
    os.symlink("nowhere", s.path("gone"))
    os.mkfifo(s.path("pipe"))


# What is typed, the sentence, and the exit code where it is not 1.
MISTAKES = [
    # commands and operands
    ("lst m.safetensors", "'lst' is neither a command nor a file; did you mean 'list'?", 2),
    ("extrct m.safetensors out", "'extrct' is neither a command nor a file; did you mean 'extract'?", 2),
    ("unmonut mnt", "'unmonut' is neither a command nor a file; did you mean 'unmount'?", 2),
    ("help", "'help' is neither a command nor a file; did you mean `arrayfs --help`?", 2),
    ("tree m.safetensors", "'tree' is neither a command nor a file; did you mean `arrayfs list --tree`?", 2),
    ("mount m.safetensors mnt", "'mount' is neither a command nor a file; did you mean `arrayfs SOURCE MOUNTPOINT`?", 2),
    ("", "SOURCE and MOUNTPOINT are needed, or a command (see arrayfs --help)", 2),
    ("m.safetensors", "a MOUNTPOINT is needed; arrayfs list m.safetensors needs none", 2),
    ("modle", "'modle' is neither a command nor a file (see arrayfs --help)", 2),
    ("list", "list needs a SOURCE (see arrayfs list --help)", 2),
    ("cat m.safetensors", "cat needs a PATH; arrayfs list m.safetensors shows what there is", 2),
    ("cat ./m.safetensors//lm_head.weight", f"./m.safetensors//lm_head.weight: {INSIDE}: ./m.safetensors lm_head.weight", 2),
    ("cat lm_head.weight m.safetensors", f"lm_head.weight: {GONE}; SOURCE comes first"),
    ("extract out m.safetensors", f"out: {GONE}; SOURCE comes first"),
    ("mnt m.safetensors", f"mnt: {GONE}; SOURCE comes first"),
    ("extract m.safetensors", "extract needs a DEST (see arrayfs extract --help)", 2),
    ("diff m.safetensors", "diff needs a second SOURCE (see arrayfs diff --help)", 2),
    ("m.safetensors t.parquet mnt", "unexpected operand 'mnt'; one SOURCE is mounted at a time, and a directory shows all that are in it", 2),
    # options
    ("list --lnog m.safetensors", "unknown option --lnog; did you mean --long?", 2),
    ("--info m.safetensors", "unknown option --info; did you mean `arrayfs info`?", 2),
    ("list --jsn m.safetensors", "unknown option --jsn; did you mean --json?", 2),
    ("cat --csv m.safetensors x", "--csv is an option of: rows (see arrayfs cat --help)", 2),
    ("rows --json t.csv", "unknown option --json; did you mean --jsonl?", 2),
    ("rows t.csv -n 3", "unknown option -n; did you mean --rows 0:N?", 2),
    ("rows t.csv --head 3", "unknown option --head; did you mean --rows 0:N?", 2),
    ("cat --text m.safetensors lm_head.weight", "unknown option --text; did you mean the PATH .arrayfs/text/PATH.txt?", 2),
    ("list -n m.safetensors", "unknown option -n (see arrayfs list --help)", 2),
    ("list --long --json m.safetensors", "--long and --json cannot be combined (see arrayfs list --help)", 2),
    ("cat m.safetensors x --rows", "--rows needs a value (see arrayfs cat --help)", 2),
    ("cat --rows 5 m.safetensors x", "--rows 5: must be two numbers A:B, such as 0:10 (see arrayfs cat --help)", 2),
    ("-o cach=1G m.safetensors mnt", "unknown mount option 'cach=1G'; did you mean 'cache='?", 2),
    ("-o folow m.safetensors mnt", "unknown mount option 'folow'; did you mean 'follow'?", 2),
    ("-o cache m.safetensors mnt", "unknown mount option 'cache'; did you mean 'cache='?", 2),
    ("-o whatever m.safetensors mnt", "unknown mount option 'whatever'; arrayfs -o help lists them", 2),
    # sources
    ("list m.safetensor", f"m.safetensor: {GONE}; did you mean 'm.safetensors'?"),
    ("list ./M.safetensors", f"./M.safetensors: {GONE}; did you mean './m.safetensors'?"),
    ("list modles/m.safetensors", f"modles/m.safetensors: {GONE}; there is no directory 'modles'"),
    ("list gone", "gone: a link to nowhere, which does not exist"),
    ("list -", "-: No such file; standard input has to be saved to a file first"),
    ("list pipe", "pipe: a pipe, which has to be saved to a file first"),
    ("list https://example.org/m.safetensors", f"https://example.org/m.safetensors: {GONE}; a URL has to be downloaded first"),
    ("list m.safetensors/lm_head.weight", f"m.safetensors/lm_head.weight: {INSIDE}: m.safetensors lm_head.weight"),
    ("list cut.safetensors", f"cut.safetensors: tensors of 9 bytes in a file with room for 8{CUT}"),
    ("list head.safetensors", None),
    ("list cut.parquet", f"cut.parquet: no PAR1 at its end{CUT}"),
    ("list cut.h5", f"cut.h5: 146 bytes at 1867 in a file of 1000{CUT}"),
    ("list empty.safetensors", "empty.safetensors: an empty file, not an archive"),
    ("list old.nc", "old.nc: a netCDF-3 file, which arrayfs does not read: `nccopy -k nc4 OLD NEW` makes it HDF5"),
    ("list lfs.safetensors", "lfs.safetensors: a pointer of Git LFS in place of the file, which arrayfs does not read: `git lfs pull` fetches it"),
    ("list a.tar", "a.tar: a tar file, which arrayfs does not read: extract it first (`tar -xf`)"),
    ("list a.orc", "a.orc: an ORC file, which arrayfs does not read"),
    ("list a.avro", "a.avro: an Avro file, which arrayfs does not read"),
    ("list -o dataset full", "full: no Parquet or Arrow file in it"),
    # paths and columns
    ("cat m.safetensors lm_head", f"m.safetensors: lm_head: {GONE}; did you mean 'lm_head.weight'?"),
    ("info m.safetensors lm_head", f"m.safetensors: lm_head: {GONE}; did you mean 'lm_head.weight'?"),
    ("cat m.safetensors norm.weight", f"m.safetensors: norm.weight: {GONE}; did you mean 'model.norm.weight'?"),
    ("list m.safetensors model/norm/weight", f"m.safetensors: model/norm/weight: {GONE}; did you mean 'model.norm.weight'?"),
    ("cat -o split=. m.safetensors model.norm.weight", f"m.safetensors: model.norm.weight: {GONE}; did you mean 'model/norm/weight'?"),
    ("cat m.safetensors .arrayfs/npy/lm_head.weight", f"m.safetensors: .arrayfs/npy/lm_head.weight: {GONE}; did you mean "
     "'.arrayfs/npy/lm_head.weight.npy'?"),
    ("cat m.safetensors .arrayfs/png/lm_head.weight.png", f"m.safetensors: .arrayfs/png/lm_head.weight.png: {GONE}; 'lm_head.weight' is not shown "
     "as png"),
    ("extract m.safetensors out model.nrom.weight", f"m.safetensors: model.nrom.weight: {GONE}; did you mean 'model.norm.weight'?"),
    ("list m.safetensors bias", f"m.safetensors: bias: {GONE}; arrayfs list shows what there is"),
    ("cat models m.safetensors", "models: m.safetensors: is a directory of model.norm.weight, model.embed.weight, lm_head.weight"),
    ("cat models out", "models: out: a link to /etc/hostname-of-another leads out of SOURCE"),
    ("cat t.csv city", "t.csv: city: is a directory of offsets, values; .arrayfs/text/city.txt is its text"),
    ("rows t.csv ctiy", "t.csv: no column 'ctiy'; did you mean 'city'?"),
    ("rows . t.parquet", ".: is a directory; name one table in it as SOURCE, or show all of them as one: -o dataset"),
    ("rows m.safetensors", "m.safetensors: is no table (safetensors); its arrays are shown by arrayfs list and arrayfs cat"),
    # mounting
    ("m.safetensors full", "full: not empty (-o nonempty mounts over it)"),
    ("m.safetensors t.parquet", "t.parquet: Not a directory to mount on (SOURCE comes first; arrayfs diff compares two)"),
    ("m.safetensors a/b/c", f"a/b/c: {GONE}, nor the one above it (mkdir -p creates both)"),
    ("unmount full", "full: nothing is mounted there; arrayfs status lists the mounts"),
    ("unmount mnt", f"mnt: {GONE}; arrayfs status lists the mounts"),
]


def test_what_people_get_wrong(s):
    make(s)
    before = names(s.dir)
    for typed, sentence, *code in MISTAKES:
        r = s.run(*typed.split(), cwd=s.dir)
        same(r.code, code[0] if code else 1, typed)
        said = r.err.decode()
        if sentence is None:
            holds(said.endswith(CUT + "\n"), said)
        else:
            same(said, f"arrayfs: {sentence}\n", typed)
        same(r.out, b"", typed)
        shutil.rmtree(s.path("out"), ignore_errors=True)
    same(names(s.dir), before, "nothing is left behind")


def test_binary_is_not_written_to_a_terminal(s):
    make(s)
    ours, theirs = terminal()

    def cat(*args):
        r = s.run("cat", *args, stdout=theirs, cwd=s.dir)
        os.write(theirs, b"|")
        out = b""
        while not out.endswith(b"|"):
            out += os.read(ours, 1 << 16)
        return r.code, out[:-1].replace(b"\r\n", b"\n"), r.err.decode()
    try:
        code, out, err = cat("m.safetensors", "model.norm.weight")
        same((code, out), (1, b""))
        same(err, "arrayfs: m.safetensors: model.norm.weight: binary, which a terminal cannot show; .arrayfs/text/model.norm.weight.txt "
             "is its text, `| od -tx1` its bytes, and --force insists\n")
        same(cat("--force", "m.safetensors", "model.norm.weight"), (0, b"\0\1\2\3", ""))
        same(cat("m.safetensors", "model.embed.weight"), (0, b"abcd", ""), "what happens to be text")
        same(cat("m.safetensors", ".arrayfs/text/model.norm.weight.txt")[:2], (0, b"  0\n  1\n  2\n  3\n"))
        same(cat("--rows", "1:2", "m.safetensors", "model.embed.weight"), (0, b"cd", ""))
        same(cat(".", "notes.txt"), (0, b"plain text\n", ""))
        write(s.path("escape.txt"), b"\33[2J")
        same(cat(".", "escape.txt")[:2], (1, b""))
    finally:
        os.close(ours)
        os.close(theirs)


def test_where_nothing_can_be_mounted(s):
    """No device, or none for the user: what would help, and what needs none."""
    need("unshare", "mount")
    need_root()
    make(s)
    # It lets go of the mounts of other tests, whose daemons would wait for it.
    bare = ("awk '/ fuse.arrayfs / { print $2 }' /proc/self/mounts | xargs -r umount -l 2>/dev/null; "
            "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && ")
    environment = {k: "" for k in ("container", "KUBERNETES_SERVICE_HOST")}

    def mounts_not(before, *who):
        r = s.command("unshare", "-m", "sh", "-c", bare + before + '"$@"', "sh", *who, s.exe_of(65534), s.path("m.safetensors"), s.path("mnt"),
                      env=environment)
        same((r.code, r.out), (1, b""))
        holds(not os.path.exists(s.path("mnt")), "a mountpoint is left")
        return r.err.decode()
    if s.command("unshare", "-m", "sh", "-c", bare + "true").code:
        raise Skip("no mount namespace can be made: run as root with CAP_SYS_ADMIN")
    said = mounts_not("")
    holds(FLAGS in said and said.endswith(NEED_NONE + "\n") and said.count("\n") == 1, said)
    if os.path.exists("/dev/fuse") and shutil.which("setpriv"):
        os.chmod(s.dir, 0o777)
        said = mounts_not("mknod -m 600 /dev/fuse c 10 229; ", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        if "not permitted" not in said:
            same(said, f"arrayfs: {s.path('mnt')}: cannot be mounted: no write access to /dev/fuse: `chmod 666 /dev/fuse`, as root {NEED_NONE}\n")
    same(s.run("list", s.path("m.safetensors")).ok().out, b"model.norm.weight\nmodel.embed.weight\nlm_head.weight\n")


def test_what_is_mounted_already(s):
    make(s)
    m = s.mount(s.path("m.safetensors"))
    s.run(s.path("t.parquet"), m.path).refused(f"{m.path}: {s.path('m.safetensors')} is mounted there already (arrayfs unmount ends it)")
    s.run("unmount", f"{m.path}/model.embed.weight").refused(f"{m.path}/model.embed.weight: lies in the mount {m.path}, which is unmounted as a whole")
    s.run("status", f"{m.path}/model.embed.weight").refused(f"{m.path}/model.embed.weight: lies in the mount {m.path}; name that")
    r = s.run("info", m.path)
    same((r.code, r.err.decode()), (0, f"arrayfs: {m.path}: in a mount of arrayfs, where arrays are plain files; name its source, {s.path('m.safetensors')}\n"))
    s.run("info", f"{m.path}/.arrayfs/original").ok()
    s.run("unmount", "/proc").refused("/proc: a mount of type proc, not arrayfs's: umount(8) unmounts it")


def test_a_command_behind_its_source_is_a_mountpoint_and_told_so(s):
    fuse_works(None)
    make(s)
    r = s.run("m.safetensors", "list", cwd=s.dir)
    same(r.code, 0)
    same(r.err.decode(), "arrayfs: list: a directory of that name is made and mounted on; as a command, it comes before SOURCE\n")
    s.run("unmount", s.path("list")).ok()
    s.mkdir("list")
    same(s.run("m.safetensors", "list", cwd=s.dir).ok().err, b"")
    s.run("unmount", s.path("list")).ok()


def test_links_that_lead_out_are_told_by_commands(s):
    """Else a snapshot in a hub's cache would be a folder without arrays, and no word why."""
    blob = s.mkdir("hub", "blobs")
    snapshot = s.mkdir("hub", "snapshots", "x")
    archive(os.path.join(blob, "1"), [("w", "U8", [1], b"x")])
    os.symlink("../../blobs/1", os.path.join(snapshot, "m.safetensors"))
    hint = (f"arrayfs: {snapshot}: links in it lead out, as m.safetensors -> ../../blobs/1 does, and are shown as links "
            "(-o follow shows what they lead to)")
    for command in "info", "list", "stats":
        same(s.run(command, snapshot).lines[:1], [hint], command)
        s.run(command, "-o", "follow", snapshot).ok()
    s.run("info", s.path("hub")).ok()
    s.run("cat", snapshot, "m.safetensors").refused(f"{snapshot}: m.safetensors: leads out of SOURCE (-o follow follows such links)")


def test_links_that_lead_out_are_told_at_the_mount(s):
    make(s)
    write(s.path("outside"), b"x")
    os.symlink("../outside", s.path("models", "leads"))
    os.unlink(s.path("models", "out"))
    m = s.mount(s.path("models"))
    until(lambda: any("links in it lead out, as leads -> ../outside does, and are shown as links (-o follow shows what they lead to)" in line
                      for line in m.log()), "the hint")
