# SPDX-License-Identifier: MIT
"""--diff: what is told of two archives, and how it ends."""
import json
import os
import signal
import struct
import subprocess

from harness import *


def f32(*values):
    return struct.pack("<%df" % len(values), *values)


def pair(s, a, b, meta_a=None, meta_b=None):
    return archive(s.path("a.safetensors"), a, meta_a), archive(s.path("b.safetensors"), b, meta_b)


def told(s, *args, code=1):
    """The lines; exit code 1 says that there are some, and that nothing went wrong."""
    r = s.run("--diff", *args)
    same((r.code, r.err), (code, b""), f"exit code and stderr of {args} (stdout {r.out!r:.200})")
    same(bool(r.out), code == 1, "something on stdout")
    return r.out.decode().splitlines()


def differences(s, *args, code=1):
    r = s.run("--diff", "--json", *args)
    same((r.code, r.err), (code, b""))
    whole = json.loads(r.out)
    same((whole["a"], whole["b"], whole["same"], whole["complete"]), (args[-2], args[-1], code == 0, True))
    return whole["differences"]


def test_the_same_is_silence_and_0(s):
    a, b = pair(s, [("x", "F32", [2], f32(1, 2)), ("y/z", "I8", [1], b"1")], [("y/z", "I8", [1], b"1"), ("x", "F32", [2], f32(1, 2))])
    same(told(s, a, b, code=0), [])
    same(told(s, a, a, code=0), [])
    same(differences(s, a, b, code=0), [])
    archive(a, []), archive(b, [])
    same(told(s, a, b, code=0), [])


def test_a_part_of_an_archive(s):
    a, b = pair(s, [("in/it/x", "F32", [2], f32(1, 2)), ("in/it/y", "U8", [1], b"1"), ("z", "U8", [1], b"1")],
                [("x", "F32", [2], f32(1, 3)), ("y", "U8", [1], b"1"), ("w", "U8", [1], b"1")], {"format": "pt"})
    lines = ["x: 1 of 2 elements differ, largest absolute difference 1.0 at [1]", "only in B: w"]
    for part in (f"{a}/in/it", f"{a}/in/it/", f"{a}//in//it"):
        same(told(s, part, b), lines)
    same(told(s, b, f"{a}/in/it"), [lines[0], "only in A: w"])
    same([d["path"] for d in differences(s, f"{a}/in/it", b)], ["x", "w"])
    same(told(s, f"{a}/in/it/x", f"{b}/x"), [".: 1 of 2 elements differ, largest absolute difference 1.0 at [1]"])
    same(told(s, f"{a}/in/it/y", f"{b}/y", code=0), [])
    same(told(s, f"{a}/in", f"{a}/in", code=0), [])
    for part, why in (("in/at", "did you mean 'in/it'?"), ("in/it/x/y", "")):
        r = s.run("--diff", f"{a}/{part}", b)
        same((r.code, r.out), (2, b""))
        same((r.err.decode().startswith(f"arrayfs: {a}/{part}: "), why in r.err.decode()), (True, True), r.err)
    latest = os.path.join(DATA, "hdf5", "latest.h5") # g/soft is a link to ../a
    same(told(s, f"{latest}/g/soft", f"{latest}/a", code=0), [])
    r = s.run("--diff", f"{a}/.arrayfs/npy", b)
    same((r.code, r.out, r.err.decode()), (2, b"", f"arrayfs: {a}/.arrayfs/npy: a view, whose bytes are not an array's: name the array that it shows\n"))
    r = s.run("--diff", s.path("missing/in"), b)
    same((r.code, r.err.decode()), (2, f"arrayfs: {s.path('missing/in')}: No such file or directory; there is no directory '{s.path('missing')}'\n"))


def test_names_types_shapes_and_values(s):
    a, b = pair(s, [("only/a", "U8", [1], b"1"), ("only/b", "U8", [1], b"1"), ("type", "F32", [1], f32(1)), ("shape", "U8", [2, 3], b"123456"),
                    ("same", "U8", [1], b"1"), ("w", "F32", [2, 3], f32(0, 1, 2, 3, 4, 5)), ("bits", "BOOL", [3], b"\0\1\0"), ("both", "F32", [1], f32(1)),
                    ("kind", "U8", [1], b"1")],
                   [("new", "U8", [1], b"1"), ("type", "F16", [1], b"\0\0"), ("shape", "U8", [3, 2], b"123456"), ("same", "U8", [1], b"1"),
                    ("w", "F32", [2, 3], f32(0, 1, 2, 3.25, -4, float("nan"))), ("bits", "BOOL", [3], b"\0\0\1"), ("both", "F64", [2], f32(1) * 4),
                    ("kind/below", "U8", [1], b"1")])
    same(told(s, a, b), [
        "only in A: only/",
        "type: dtype float32 in A, float16 in B",
        "shape: shape [2,3] in A, [3,2] in B",
        "w: 3 of 6 elements differ, largest absolute difference 8.0 at [1,1], 1 NaN on one side",
        "bits: 2 of 3 elements differ, first at [1]",
        "both: dtype float32 in A, float64 in B",
        "both: shape [1] in A, [2] in B",
        "kind: kind file in A, directory in B",
        "only in B: new",
    ])
    same(differences(s, a, b), [
        {"path": "only", "what": "only", "in": "A"},
        {"path": "type", "what": "dtype", "a": "float32", "b": "float16"},
        {"path": "shape", "what": "shape", "a": [2, 3], "b": [3, 2]},
        {"path": "w", "what": "values", "unit": "element", "count": 6, "differ": 3, "first": [1, 0], "largest": 8.0, "at": [1, 1], "nan": 1},
        {"path": "bits", "what": "values", "unit": "element", "count": 3, "differ": 2, "first": [1]},
        {"path": "both", "what": "dtype", "a": "float32", "b": "float64"},
        {"path": "both", "what": "shape", "a": [1], "b": [2]},
        {"path": "kind", "what": "kind", "a": "file", "b": "directory"},
        {"path": "new", "what": "only", "in": "B"},
    ])


def test_tolerances(s):
    inf, nan = float("inf"), float("nan")
    a, b = pair(s, [("w", "F32", [4], f32(1, nan, inf, 100)), ("n", "I64", [1], struct.pack("<q", 10))],
                [("w", "F32", [4], f32(1.25, -nan, inf, 101)), ("n", "I64", [1], struct.pack("<q", 11))])
    same(told(s, a, b)[0], "w: 3 of 4 elements differ, largest absolute difference 1.0 at [3]")
    same(told(s, "--atol", "0.5", a, b), ["w: 1 of 4 elements differ, largest absolute difference 1.0 at [3]",
                                        "n: 1 of 1 elements differ, largest absolute difference 1 at [0]"])
    same(told(s, "--rtol=0.01", a, b), ["w: 1 of 4 elements differ, largest absolute difference 0.25 at [0]",
                                      "n: 1 of 1 elements differ, largest absolute difference 1 at [0]"])
    same(told(s, "--atol=1", a, b, code=0), [])
    same(told(s, "--atol", "0", a, a, code=0), [])


def test_usage(s):
    a = s.path("a.safetensors")
    simple(a)
    for args in (("--diff", a), ("--diff", a, a, a), ("--diff", "--long", a, a), ("--diff", "--list", a, a), ("--atol", "1", "--list", a),
                 ("--diff", "--atol", "x", a, a), ("--diff", "--rtol", "-1", a, a), ("--diff", "--atol", "nan", a, a)):
        s.run(*args).refused("--help", code=2)


def test_attributes(s):
    x = [("x", "U8", [1], b"1")]
    a, b = pair(s, x, x, {"same": "1", "a\n": "1", "v": "1"}, {"same": "1", "b": "1", "v": "2"})
    same(told(s, a, b), [".: attribute user.attr.a%0A only in A", ".: attribute user.attr.b only in B", ".: attribute user.attr.v differs"])
    same(differences(s, a, b)[1:], [{"path": ".", "what": "attribute", "name": "user.attr.b", "in": "B"},
                                    {"path": ".", "what": "attribute", "name": "user.attr.v"}])
    old = os.path.join(DATA, "hdf5", "attributes.h5")
    same(told(s, old, old, code=0), [])


def test_directories_as_diff_r_has_them(s):
    a, b = s.mkdir("a"), s.mkdir("b")
    for d, x in ((a, b"1"), (b, b"2")):
        archive(os.path.join(d, "m.safetensors"), [("x", "U8", [1], x), ("y", "U8", [1], b"1")])
        write(os.path.join(d, "text"), b"some words " + x)
        write(os.path.join(d, "long"), b"x" * int(x))
        os.symlink("to" + x.decode(), os.path.join(d, "link"))
        os.mkdir(os.path.join(d, "empty"))
    os.mkdir(os.path.join(a, "gone")), write(os.path.join(a, "gone", "file"), b"")
    write(os.path.join(b, "bad\nname"), b""), write(os.path.join(b, "empty", "new"), b"")
    os.mkfifo(os.path.join(a, "pipe")), write(os.path.join(b, "pipe"), b"")
    same(told(s, a, b), [
        "only in A: gone/",
        "link: link to1 in A, to2 in B",
        "long: size 1 in A, 2 in B",
        "m.safetensors/x: 1 of 1 elements differ, largest absolute difference 1 at [0]",
        "pipe: kind fifo in A, file in B",
        "text: 1 of 12 bytes differ, first at [11]",
        "only in B: bad%0Aname",
        "only in B: empty/new",
    ])
    differences(s, a, b)
    # an archive in a directory against the archive itself
    same(told(s, os.path.join(a, "m.safetensors"), os.path.join(b, "m.safetensors"))[0][:2], "x:")


def test_every_fixture_is_itself_and_no_other(s):
    for folder in ("hdf5", "parquet", "safetensors"):
        files = sorted(f for f in os.listdir(os.path.join(DATA, folder)) if "." in f)
        for f, g in zip(files, files[1:] + files[:1]):
            p = os.path.join(DATA, folder, f)
            r = s.run("--diff", p, p)
            holds(r.code == 0 and not r.lines or r.code == 2 and r.lines, f"{f}: {r.code} {r.out!r} {r.err!r}")
            same(r.out, b"", f)
            r = s.run("--diff", "--json", p, os.path.join(DATA, folder, g))
            same_data = f.startswith("pyarrow-v1-") and g.startswith("pyarrow-v2-")
            holds(r.code == 0 if same_data else r.code in (1, 2), f"{f} and {g}: {r.code}")
            if r.out and not same_data:
                same(json.loads(r.out)["same"], False, f"{f} and {g}")


def test_columns_of_tables_are_compared_whatever_is_told_of_the_whole(s):
    """CSV tells of a table that it is a struct of so many rows; Parquet tells of none."""
    write(s.path("a.csv"), b"id,city\n1,Oslo\n2,Rome\n")
    write(s.path("b.csv"), b"id,town\n1,Oslo\n")
    rows = [".: shape [2] in A, [1] in B", "id: shape [2] in A, [1] in B", "only in A: city/", "only in B: town/"]
    same(told(s, s.path("a.csv"), s.path("b.csv")), rows)
    for a in "a", "b":
        os.rename(s.path(a + ".csv"), os.path.join(s.mkdir(a), "t.csv"))
    same(told(s, "-o", "records", s.path("a"), s.path("b")),
         [line.replace(".:", "t.csv:") if line[0] == "." else line.replace("A: ", "A: t.csv/").replace("B: ", "B: t.csv/")
          if line[:4] == "only" else "t.csv/" + line for line in rows])
    archive(s.path("m.safetensors"), [("id", "I64", [2], struct.pack("<2q", 1, 3)), ("new", "U8", [1], b"x")])
    same(told(s, s.path("a", "t.csv"), s.path("m.safetensors")),
         ["id: 1 of 2 elements differ, largest absolute difference 1 at [1]", "only in A: city/", "only in B: new"])


def test_an_index_is_its_tensors(s):
    folder = os.path.join(DATA, "safetensors_index")
    index = os.path.join(folder, "model.safetensors.index.json")
    same(told(s, index, index, code=0), [])
    m = s.path("whole.safetensors")
    told_of = [json.loads(x) for x in s.run("--list", "--json", index).ok().out.splitlines()]
    archive(m, [(o["path"], o["type"], o["shape"], s.run("--cat", index, o["path"]).ok().out) for o in told_of if o["kind"] == "file"])
    same([x for x in s.run("--diff", index, m).out.decode().splitlines() if "attribute" not in x], [])


def test_groups_with_several_paths(s):
    links = os.path.join(DATA, "hdf5", "links.h5")
    same(told(s, links, links, code=0), [])
    out = s.path("out")
    s.run("--extract", links, out).ok()
    lines = s.run("--diff", links, out).out.decode().splitlines()
    holds("b: kind directory in A, link in B" in lines, lines)


def test_a_part_that_cannot_be_read_is_trouble(s):
    a, b = s.path("a.h5"), os.path.join(DATA, "hdf5", "pack.h5")
    r = s.run("--diff", b, b)
    same((r.code, r.out), (0 if not r.lines else 2, b""))
    write(a, b"\0" * 4096)
    for args in ((a, b), (b, a), (b, s.path("none"))):
        s.run("--diff", *args).refused(code=2)
    p, q = pair(s, [("x", "F32", [2], f32(1, 2))], [("x", "F32", [2], f32(1, 2))])
    os.truncate(q, os.path.getsize(q) - 1)
    s.run("--diff", p, q).refused("b.safetensors", code=2)


def test_unreadable_archive_in_a_directory(s):
    need_root()
    a, b = s.mkdir("a"), s.mkdir("b")
    for d in (a, b):
        simple(os.path.join(d, "m.safetensors")), simple(os.path.join(d, "n.safetensors"))
    os.chmod(os.path.join(b, "m.safetensors"), 0)
    os.chmod(os.path.join(a, "n.safetensors"), 0o644), os.chmod(os.path.join(b, "n.safetensors"), 0o644)
    os.chmod(os.path.join(a, "m.safetensors"), 0o644)
    r = s.run("--diff", a, b, user=NOBODY)
    same(r.code, 2)
    r.told("m.safetensors")


def sparse(path, size):
    head = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    write(path, struct.pack("<Q", len(head)) + head)
    os.truncate(path, 8 + len(head) + size)
    return path


def begun(s, *args):
    q = subprocess.Popen([s.exe, *OPTIONS, "--diff", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: sum(map(int, read(f"/proc/{q.pid}/stat").split(b") ")[1].split()[11:13])) > 4, "some work")
    return q


def test_deep_folders_cost_what_they_hold(s):
    """Not their paths, which are longer with each."""
    deep = "d/" * 60000
    for name, byte in (("a", b"1"), ("b", b"2")):
        archive(s.path(name), [(deep + "x", "U8", [1], byte), (deep + "only" + name, "U8", [1], byte), (deep + "y", "U8", [1], b"3")])
    r = s.run("--diff", s.path("a"), s.path("b"))
    same((r.code, r.out.decode().splitlines()), (1, [
        f"{deep}x: 1 of 1 elements differ, largest absolute difference 1 at [0]", f"only in A: {deep}onlya", f"only in B: {deep}onlyb"]))


def test_cut_short_meanwhile(s):
    for which in (0, 1):
        files = [sparse(s.path(n + ".safetensors"), 8 << 30) for n in "ab"]
        q = begun(s, *files)
        os.truncate(files[which], 4096)
        out, err = q.communicate(timeout=PATIENCE * 3)
        same((q.returncode, out, len(err.splitlines())), (2, b"", 1), f"{err!r}")
        holds(err.startswith(b"arrayfs: " + files[which].encode()) and b"cut short" in err, err)


def test_signals_end_it(s):
    files = [sparse(s.path(n + ".safetensors"), 16 << 30) for n in "ab"]
    for sig in (signal.SIGINT, signal.SIGTERM):
        q = begun(s, *files)
        q.send_signal(sig)
        same((q.communicate(timeout=PATIENCE), q.returncode), ((b"", b""), -sig))


def on_terminal(s, *args, sig=None):
    master, slave = terminal()
    q = subprocess.Popen([s.exe, *OPTIONS, "--diff", *args], stdin=slave, stdout=slave, stderr=slave, env=dict(os.environ, LC_ALL="C.UTF-8"))
    os.close(slave)
    out = b""
    while True:
        try:
            got = os.read(master, 65536)
        except OSError:     # the other side is closed
            break
        if not got:
            break
        out += got
        if sig and b"/s," in out:
            q.send_signal(sig)
            sig = None
    os.close(master)
    return q.wait(PATIENCE), out


def test_terminals(s):
    """A bar, which is gone when all is told; and nothing in a name moves the cursor."""
    name = "a\x1b[2J\u202eb\u00e9"
    a, b = pair(s, [(name, "U8", [1], b"1")], [(name, "U8", [1], b"2")])
    code, out = on_terminal(s, a, b)
    same((code, out), (1, "a%1B[2J%E2%80%AEb\u00e9: 1 of 1 elements differ, largest absolute difference 1 at [0]\r\n".encode()))
    same(told(s, a, b), ["a%1B[2J\u202eb\u00e9: 1 of 1 elements differ, largest absolute difference 1 at [0]"])
    files = [sparse(s.path(n + ".safetensors"), 16 << 30) for n in "ab"]
    code, out = on_terminal(s, *files, sig=signal.SIGINT)
    same(code, -signal.SIGINT)
    holds(b"#" in out or b"[...." in out, out)
    same(out.rsplit(b"\r", 1)[1], b"\x1b[K")


def test_full_disk_and_closed_pipe(s):
    a, b = pair(s, [(f"t{i}", "U8", [1], b"1") for i in range(20000)], [(f"t{i}", "U8", [1], b"2") for i in range(20000)])
    with open("/dev/full", "wb") as full:
        s.run("--diff", a, b, stdout=full).refused("No space", code=2)
    r = s.command("bash", "-c", '"$1" --diff "$2" "$3" | head -n 1; echo ${PIPESTATUS[0]}', "sh", s.exe, a, b)
    same((r.out, r.err), (b"t0: 1 of 1 elements differ, largest absolute difference 1 at [0]\n141\n", b""))


def test_little_memory(s):
    """Decoded data of both go through one cache, which is smaller than either."""
    p = os.path.join(DATA, "hdf5", "pack.h5")
    for cache in ("0", "64K", "1M"):
        r = s.run("--diff", "-o", f"cache={cache},threads=4", p, p)
        holds(r.code == 0 or (r.code == 2 and r.lines), f"{cache}: {r.code} {r.out!r} {r.err!r}")
