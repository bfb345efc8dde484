# SPDX-License-Identifier: MIT
"""verify: what is found, what is not told, and how it ends."""
import json
import os
import random
import signal
import subprocess
import threading
import time
import zipfile

from harness import *


def sha(data):
    return hashlib.sha256(data).hexdigest()


def lines(s, *args, code=1):
    r = s.run("verify", *args)
    same((r.code, r.err), (code, b""), f"exit code and stderr of {args} (stdout {r.out!r:.500})")
    return r.out.decode().splitlines()


def told(s, *args, code=0):
    r = s.run("verify", "--json", *args)
    same(r.code, code, r.err)
    return [json.loads(line) for line in r.out.splitlines()]


def age(*paths):
    """So that nothing waits for whoever might be writing them; their ctime stays young."""
    for path in paths:
        os.utime(path, (1, 1))


def flip(path, at):
    data = bytearray(read(path))
    data[at] ^= 1
    write(path, bytes(data))


def npz(path, compression, **arrays):
    with zipfile.ZipFile(path, "w", compression) as z:
        for name, data in arrays.items():
            header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }" % len(data)
            z.writestr(name + ".npy", b"\x93NUMPY\1\0" + struct.pack("<H", 118) + header.ljust(117) + b"\n" + data)
    return path


def middle_of(path, member):
    """Offset of a byte in the middle of a member's bytes, as they are in the file."""
    with zipfile.ZipFile(path) as z:
        i = z.getinfo(member)
        return i.header_offset + 30 + len(i.filename) + i.compress_size // 2


def test_what_is_whole_is_silence_and_0(s):
    d = s.mkdir("d")
    simple(s.path("d", "m.safetensors"))
    npz(s.path("d", "a.npz"), zipfile.ZIP_DEFLATED, x=b"x" * 5000, y=b"")
    write(s.path("d", "plain"), b"plain text")
    same(lines(s, d, code=0), [])
    same(lines(s, s.path("d", "m.safetensors"), code=0), [])
    same(lines(s, s.mkdir("empty"), code=0), [])
    same([(o["path"], o["kind"], o["result"]) for o in told(s, d)], [
        ("a.npz", "archive", "whole"), ("a.npz", "member", "whole"), ("a.npz", "member", "whole"), ("a.npz/x", "array", "whole"),
        ("a.npz/y", "array", "whole"), ("m.safetensors", "archive", "whole"), ("m.safetensors/a", "array", "whole"),
        ("plain", "file", "unchecked")])


def test_a_flipped_byte_of_a_members(s):
    """Also of one that no array is made of; also by one thread."""
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = npz(s.path("a.npz"), compression, x=random.Random(1).randbytes(50000), y=b"y" * 50000)
        with zipfile.ZipFile(file, "a", compression) as z:
            z.writestr("notes.txt", b"some words " * 50)
        same(lines(s, file, code=0), [])
        for member in ("x.npy", "notes.txt"):
            at = middle_of(file, member)
            flip(file, at)
            for threads in ("1", "4"):
                found = lines(s, "-o", "threads=" + threads, file)
                same(len(found), 1, found)
                holds(found[0].startswith(f".: member {member}: "), found)
            flip(file, at)
        at = middle_of(file, "x.npy")
        flip(file, at)
        bad = [o for o in told(s, file, code=1) if o["result"] != "whole"]
        same([(o["path"], o["kind"], o["member"], o["result"]) for o in bad], [("", "member", "x.npy", "fault")])
        holds(bad[0]["error"], bad)


def test_an_archive_that_was_cut_short(s):
    d, file = s.mkdir("d"), s.path("d", "m.safetensors")
    simple(file, n=1000)
    simple(s.path("d", "other.safetensors"))
    os.truncate(file, os.path.getsize(file) - 100)
    holds(lines(s, d)[0].startswith("m.safetensors: "), "in a directory")
    holds(lines(s, file)[0].startswith(".: "), "as SOURCE")
    same({o["path"]: o["result"] for o in told(s, d, code=1) if o["kind"] == "archive"},
         {"other.safetensors": "whole", "m.safetensors": "fault"})


def test_an_index_without_one_of_its_shards(s):
    d = s.mkdir("d")
    simple(s.path("d", "1.safetensors"))
    write(s.path("d", "m.safetensors.index.json"), json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}).encode())
    found = lines(s, d)
    same(len(found), 1, found)
    holds(found[0].startswith("m.safetensors.index.json: ") and "2.safetensors" in found[0], found)
    holds("2.safetensors" in lines(s, s.path("d", "m.safetensors.index.json"))[0], "as SOURCE")


def test_trouble_is_2(s):
    r = s.run("verify", s.path("none")).refused("none", code=2)
    same(r.out, b"")
    s.run("verify", write(s.path("text"), b"text")).refused("not an archive", code=2)
    simple(s.path("m.safetensors"))
    for args in ((), ("a", "b"), ("--long", "a"), ("-o", "verify=no", s.path("m.safetensors")), ("--force", "a")):
        s.run("verify", *args).refused("--help", code=2)
    with open("/dev/full", "wb") as full:
        s.run("verify", "--json", s.path("m.safetensors"), stdout=full).refused("No space", code=2)


def test_what_is_sound_but_not_shown_is_no_fault(s):
    """Pickled objects cannot be judged: that is trouble, and the rest is checked."""
    file = os.path.join(DATA, "npy", "objects.npy")
    r = s.run("verify", file).refused("pickled", code=2)
    same((r.out, [o["result"] for o in json_lines(s, file)]), (b"", ["whole", "trouble"]))


def json_lines(s, *args):
    return [json.loads(line) for line in s.run("verify", "--json", *args).out.splitlines()]


def test_what_may_not_be_read(s):
    need_root()
    need("setpriv")
    d = s.mkdir("d")
    for name in ("a.safetensors", "b.safetensors"):
        simple(s.path("d", name))
    write(s.path("d", "SHA256SUMS"), f"{sha(read(s.path('d', 'a.safetensors')))}  a.safetensors\n".encode())
    os.chmod(s.path("d", "a.safetensors"), 0)
    os.chmod(s.dir, 0o755), os.chmod(d, 0o755)
    r = s.command("setpriv", "--reuid", str(NOBODY), "--clear-groups", s.exe, *OPTIONS, "verify", d)
    same((r.code, r.out), (2, b""))
    same(len(r.lines), 2, r.lines)
    holds(all(line.startswith(f"arrayfs: {d}: a.safetensors: ") for line in r.lines), r.lines)


def test_a_word_may_be_a_source_by_its_path(s):
    """The first operand is a command; ./verify is a SOURCE."""
    archive(s.path("verify"), [("a", "U8", [1], b"x")])
    same(s.run("--list", "verify", cwd=s.dir).ok().out, b"a\n")
    s.run("verify", "verify", cwd=s.dir).ok()
    s.run("verify", "./verify", cwd=s.dir).ok()
    s.run("verify", "-o", "threads=1", "--", "verify", cwd=s.dir).ok()
    s.run("-o", "threads=2", "verify", "verify", "--json", cwd=s.dir).ok()


# --- lists of digests ------------------------------------------------------------------

def three(s):
    d = s.mkdir("d")
    data = {name: pattern(name, 3000) for name in ("a.bin", "b c.bin", "sub/d.bin")}
    s.mkdir("d", "sub")
    for name, text in data.items():
        write(s.path("d", name), text)
    return d, {name: sha(text) for name, text in data.items()}


def test_manifests(s):
    d, right = three(s)
    for text in (right, {"files": right}, {"step": 3, "files": {n: {"sha256": h, "size": 3000} for n, h in right.items()}},
                 {"checkpoint": {"sha256": right}}, {"files": [{"name": n, "sha256": h.upper()} for n, h in right.items()]}):
        write(s.path("d", "manifest.json"), json.dumps(text).encode())
        same([(o["path"], o["list"], o["result"]) for o in told(s, d) if "list" in o],
             [(n, "manifest.json", "whole") for n in right], text)
        same(lines(s, d, code=0), [])
    write(s.path("d", "manifest.json"), json.dumps({"files": {**right, "a.bin": right["b c.bin"], "gone.bin": "0" * 64}}).encode())
    same(sorted(lines(s, d)), [f"a.bin: its SHA-256 is {right['a.bin']}, not {right['b c.bin']} as in manifest.json",
                               "gone.bin: is missing, though manifest.json names it"])
    flip(s.path("d", "sub", "d.bin"), 1500)
    same(sorted(line.partition(":")[0] for line in lines(s, "-o", "threads=1", d)), ["a.bin", "gone.bin", "sub/d.bin"])


def test_a_manifest_that_is_broken(s):
    d, right = three(s)
    write(s.path("d", "manifest.json"), json.dumps(right).encode()[:-1])
    holds(lines(s, d)[0].startswith("manifest.json: ") and "at byte" in lines(s, d)[0], "cut short")
    write(s.path("d", "manifest.json"), json.dumps({**right, "a.bin": right["a.bin"][1:]}).encode())
    same(lines(s, d), ["manifest.json: the SHA-256 of a.bin is no row of 64 hexadecimal digits"])
    write(s.path("d", "manifest.json"), b'{"short_name": "a web application", "icons": []}')
    same(lines(s, d, code=0), [])


def test_sums_of_sha256sum_itself(s):
    d = s.mkdir("d", "in")
    strange = ["plain", "*star", " space", "new\nline", "back\\slash", "ret\rurn", "umläut"]
    for name in strange:
        write(os.path.join(d, name), name.encode())
    for form in ((), ("--binary",), ("--tag",)):
        out = s.command("sh", "-c", 'cd "$1"; shift; sha256sum "$@" ./*', "sh", d, *form).out
        write(os.path.join(d, "SHA256SUMS"), b"".join(line for line in out.splitlines(True) if b"SHA256SUMS" not in line))
        same(sorted((o["path"], o["result"]) for o in told(s, d) if "list" in o), sorted((n, "whole") for n in strange), form)
    write(os.path.join(d, "plain"), b"other")
    os.unlink(os.path.join(d, "new\nline"))
    found = lines(s, s.path("d"))
    same(sorted(line.partition(": ")[0] for line in found), ["in/new%0Aline", "in/plain"])
    write(os.path.join(d, "SHA256SUMS"), b"no line\n")
    same(lines(s, d), ["SHA256SUMS: line 1 is none that sha256sum writes"])


def test_names_that_leave_the_folder_are_never_opened(s):
    """Though what they lead to is what the list says."""
    d = s.mkdir("d", "in")
    secret = write(s.path("secret"), b"secret")
    digest = sha(b"secret")
    os.mkfifo(s.path("d", "in", "fifo"))
    os.symlink(secret, s.path("d", "in", "out"))
    os.symlink("../beside", s.path("d", "in", "beside"))
    write(s.path("d", "beside"), b"secret")
    names_ = ["../../secret", secret, "x/../../secret", "..", "", "fifo", "out", "beside"]
    write(s.path("d", "in", "manifest.json"), json.dumps({"files": {n: digest for n in names_}}).encode())
    r = s.run("verify", s.path("d")).told("in/out: leads out of SOURCE", "-o follow")
    found = r.out.decode().splitlines()
    same((r.code, len(r.lines)), (1, 1))
    same([line for line in found if "names" in line],
         [f"in/manifest.json: names {n}, which is no file below its folder" for n in names_[:5]])
    same(sorted(line for line in found if "names" not in line), ["in/fifo: not a regular file", "in/out: a path that leads out of the folder"])
    same([o["result"] for o in told(s, "-o", "follow", s.path("d"), code=1) if o["path"] == "in/out" and "list" in o], ["whole"])


def test_blobs_of_a_hub(s):
    cache, good, bad = s.mkdir("hub", "blobs"), archive_bytes([("a", "U8", [3], b"abc")]), archive_bytes([("a", "U8", [3], b"abd")])
    snapshot = s.mkdir("hub", "snapshots", "x")
    for name, data, text in (("good", good, good), ("bad", bad, bad[:-1] + b"?")):
        write(os.path.join(cache, sha(data)), text)
        os.symlink("../../blobs/" + sha(data), os.path.join(snapshot, name + ".safetensors"))
    write(os.path.join(cache, "0" * 64 + ".incomplete"), b"half")
    write(os.path.join(cache, hashlib.sha1(b"config").hexdigest()), b"config")
    listed = b'{"weight_map": {"a": "good.safetensors"}}'
    write(os.path.join(cache, hashlib.sha1(listed).hexdigest()), listed)
    os.symlink("../../blobs/" + hashlib.sha1(listed).hexdigest(), os.path.join(snapshot, "model.safetensors.index.json"))
    fault = f"its SHA-256 is {sha(bad[:-1] + b'?')}, not what its blob is called"
    same(lines(s, s.path("hub")), [f"blobs/{sha(bad)}: {fault}"])
    same(lines(s, cache), [f"{sha(bad)}: {fault}"])
    same(lines(s, "-o", "follow", snapshot), [f"bad.safetensors: {fault}"])
    r = s.run("verify", snapshot)
    same((r.code, r.out, len(r.lines)), (2, b"", 3))
    r.told("-o follow", "good.safetensors", "bad.safetensors")


# --- while others write ------------------------------------------------------------------

def test_what_is_being_written_is_left_alone(s):
    d = s.mkdir("d", "step-2.tmp")
    whole = archive_bytes([("a", "U8", [9], b"x" * 9)])
    write(os.path.join(d, "m.safetensors"), whole[:-3])
    write(os.path.join(d, "manifest.json"), b'{"m.safetensors": "' + b"0" * 64)
    write(s.path("d", "n.safetensors.part"), whole[:-3])
    same(lines(s, s.path("d"), code=0), [])
    same({(o["path"], o["result"]) for o in told(s, s.path("d"))}, {("step-2.tmp", "unchecked"), ("n.safetensors.part", "unchecked")})
    same(len(lines(s, d)), 2, "named as SOURCE")
    same(len(lines(s, s.path("d", "n.safetensors.part"))), 1, "named as SOURCE")


def test_steps_renamed_in_and_files_replaced_beside(s):
    """A directory in which steps appear and go, and a file and its manifest are replaced one after the other."""
    top, stop, broken = s.mkdir("top"), threading.Event(), []
    whole = 0

    def steps():
        for n in range(1, 10000):
            if stop.is_set():
                return
            step, manifest = os.path.join(top, f"step-{n:06}"), {}
            os.mkdir(step + ".tmp")
            for k in range(2):
                data = archive_bytes([("w", "U8", [100000], pattern(str(n % 50), 1000) * 100)])
                with open(f"{step}.tmp/{k}.safetensors", "wb") as f:
                    f.write(data[:50000])
                    f.flush()
                    time.sleep(0.001)
                    f.write(data[50000:])
                manifest[f"{k}.safetensors"] = sha(data)
            write(step + ".tmp/manifest.json", json.dumps(manifest).encode())
            os.rename(step + ".tmp", step)
            replace(os.path.join(top, "latest.safetensors"), data)
            replace(os.path.join(top, "manifest.json"), json.dumps({"latest.safetensors": sha(data)}).encode())
            if n > 5:
                shutil.rmtree(os.path.join(top, f"step-{n - 5:06}"))

    writer = threading.Thread(target=steps)
    writer.start()
    try:
        until(lambda: len(os.listdir(top)) > 5, "steps")
        for _ in range(10):
            r = s.run("verify", "--json", top)
            results = [json.loads(line)["result"] for line in r.out.splitlines()]
            # a file that is replaced all the time may be told as changed, but never as broken
            whole += results.count("whole")
            if r.code == 1 or "fault" in results:
                broken.append((r.code, [line for line in r.out.splitlines() if b'"whole"' not in line], r.err))
    finally:
        stop.set()
        writer.join()
    same(broken, [])
    holds(whole > 50, f"only {whole} were checked")


def test_replaced_for_good_is_found(s):
    """A file that does not fit its manifest, however young both are."""
    d = s.mkdir("d")
    write(s.path("d", "a.bin"), b"other")
    write(s.path("d", "SHA256SUMS"), f"{sha(b'right')}  a.bin\n".encode())
    same(len(lines(s, d)), 1)
    age(s.path("d", "a.bin"), s.path("d", "SHA256SUMS"))
    same(len(lines(s, d)), 1)

    def mend():
        time.sleep(0.3)
        replace(s.path("d", "a.bin"), b"right")
    write(s.path("d", "a.bin"), b"other")
    mender = threading.Thread(target=mend)
    mender.start()
    same(lines(s, d, code=0), [])
    mender.join()


# --- how it ends ------------------------------------------------------------------------------

def test_a_closed_pipe(s):
    file = archive(s.path("m.safetensors"), [(f"a{i}", "U8", [1], b"x") for i in range(20000)])
    r = s.command("sh", "-c", '"$1" verify --json "$2" | head -n 1', "sh", s.exe, file)
    same((len(r.out.splitlines()), r.err), (1, b""))


def test_many_files_in_bounded_memory(s):
    """More files and arrays than are under way at once; in their order."""
    d = s.mkdir("d")
    sums = b""
    for i in range(600):
        data = archive_bytes([(f"a{k}", "U8", [1], b"x") for k in range(3)])
        write(s.path("d", f"{i:03}.safetensors"), data)
        sums += f"{sha(data)}  {i:03}.safetensors\n".encode()
    write(s.path("d", "SHA256SUMS"), sums)
    for threads in ("1", "3"):
        objects = told(s, "-o", "threads=" + threads, d)
        same(len(objects), 600 * 5 + 1)
        same({o["result"] for o in objects if o["path"] != "SHA256SUMS"}, {"whole"})
        same([o["path"] for o in objects if o["kind"] == "archive"], sorted(o["path"] for o in objects if o["kind"] == "archive"))


def test_a_signal_ends_it(s):
    d = s.mkdir("d")
    with open(s.path("d", "big"), "wb") as f:
        f.truncate(20 << 30)
    write(s.path("d", "SHA256SUMS"), f"{'0' * 64}  big\n".encode())
    p = subprocess.Popen([s.exe, *OPTIONS, "verify", d], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.2)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=PATIENCE)
    same((p.returncode, out, err), (-signal.SIGINT, b"", b""))


def test_progress_on_a_terminal(s):
    d = s.mkdir("d")
    with open(s.path("d", "big"), "wb") as f:
        f.truncate(3 << 30)
    write(s.path("d", "SHA256SUMS"), f"{'0' * 64}  big\n".encode())
    ours, theirs = terminal()
    p = subprocess.Popen([s.exe, *OPTIONS, "verify", d], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b" of 3.0G" not in shown:
        part = os.read(ours, 4096)
        holds(part, shown)
        shown += part
    p.send_signal(signal.SIGTERM)
    p.wait(PATIENCE)
    os.close(ours)
