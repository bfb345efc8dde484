# SPDX-License-Identifier: MIT
"""Nothing waits for ever on what another may hold: unmounting, ending, mounting."""
import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time

from harness import *

A_WHILE = 10  # seconds after which the program says that something does not answer


def background(s, *options, at="mnt"):
    """Mounts as users do; the mountpoint, which was made for it."""
    fuse_works()
    if not os.path.exists(s.path("m.safetensors")):
        simple(s.path("m.safetensors"))
    s.run(*options, s.path("m.safetensors"), s.path(at)).ok()
    return s.path(at)


def daemons(s):
    """Processes that were started for this case."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if s.dir.encode() in read(f"/proc/{pid}/cmdline") and b"arrayfs" in read(f"/proc/{pid}/comm"):
                found.append(int(pid))
        except OSError:
            pass
    return found


def timed(function):
    start = time.monotonic()
    return function(), time.monotonic() - start


def test_returns_when_the_daemon_has_ended_and_its_directory_is_gone(s):
    m = background(s)
    s.run("-u", m).ok()
    same((os.path.exists(m), daemons(s)), (False, []))


def test_in_use_is_told(s):
    m = background(s)
    with open(os.path.join(m, "a"), "rb"):
        s.run("-u", m).refused("in use", "fuser -m")
        same(len(mounts(m)), 1)
    s.run("-u", m).ok()


def test_mounted_elsewhere_by_a_bind_mount(s):
    need_root()
    m, b = background(s), s.mkdir("b")
    s.tool("mount", "--bind", m, b)
    r, took = timed(lambda: s.run("-u", m))
    same(r.code, 0)
    same(len(r.lines), 1, r.lines)
    r.told(f"still mounted at {b}:")
    holds(0.9 < took < A_WHILE / 2, took)
    same(names(b), ["a"])
    same(mounts(m), [])
    s.tool("umount", b)
    until(lambda: not daemons(s) and not os.path.exists(m), "the daemon ends, and removes the directory")


def test_mounted_elsewhere_in_another_namespace(s):
    need_root()
    need("unshare")
    m = background(s)
    # It lets go of the mounts of other tests, whose daemons would wait for it.
    others = r"""awk -v own="$1" '/ fuse\.arrayfs / && $2 != own { print $2 }' /proc/self/mounts | xargs -r umount -l; echo; exec sleep 60"""
    p = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", others, "sh", m], stdout=subprocess.PIPE)
    try:
        if not p.stdout.readline():
            raise Skip("unshare is not permitted")
        r, took = timed(lambda: s.run("-u", m))
        same((r.code, len(r.lines)), (0, 1), r.lines)
        r.told(f"{m} for process {p.pid}")
        holds(took < A_WHILE / 2, took)
        same(s.tool("nsenter", "-t", str(p.pid), "-m", "ls", m), b"a\n")
    finally:
        p.kill()
        p.wait()
    until(lambda: not daemons(s) and not os.path.exists(m), "the daemon ends")


def test_the_end_of_an_older_daemon_leaves_a_later_mount_alone(s):
    need_root()
    m, b = background(s), s.mkdir("b")
    s.tool("mount", "--bind", m, b)
    old = daemons(s)
    same(s.run("-u", m).code, 0)
    write(s.path("n.safetensors"), read(s.path("m.safetensors")))
    s.run(s.path("n.safetensors"), m).ok()
    for pid in old:
        with contextlib.suppress(ProcessLookupError):  # a process of the mount that had not quite ended
            os.kill(pid, signal.SIGTERM)
    until(lambda: not set(old) & set(daemons(s)), "the older daemon ends")
    same(names(m), ["a"])
    s.tool("umount", b)
    s.run("-u", m).ok()


def test_daemons_that_do_not_end_and_locks_of_others_are_told(s):
    """Each takes its while, so they go side by side."""
    need_root()
    stopped, locked, dead = background(s, at="stopped"), s.mkdir("locked"), background(s, at="dead")
    lock = os.open(locked, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        background(s, at="locked")
        pids = [p for p in daemons(s) if stopped.encode() in read(f"/proc/{p}/cmdline")]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in [p for p in daemons(s) if dead.encode() in read(f"/proc/{p}/cmdline")]:
            os.kill(pid, signal.SIGKILL)
        got = {}
        threads = [threading.Thread(target=lambda m=m: got.update({m: timed(lambda: s.run("-u", m))})) for m in (stopped, locked, dead)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    finally:
        os.close(lock)
    for m in (stopped, locked):
        r, took = got[m]
        r.refused("unmounted, but", "after 10 seconds")
        holds(took < A_WHILE + 5, took)
        same(mounts(m), [])
    got[dead][0].ok()
    same(os.path.exists(dead), False)
    until(lambda: not daemons(s), "they end")


def test_a_source_that_does_not_answer_holds_up_no_end(s):
    """Neither by a signal nor by umount(8), and the mount's directory goes."""
    need_root()
    s.mkdir("disk")
    simple(s.path("disk", "m.safetensors"), n=1 << 20)
    with Slow(s, s.path("disk"), s.path("slow")) as slow:
        for way in ("signal", "umount"):
            s.run(s.path("slow", "m.safetensors"), s.path("mnt")).ok()
            slow.stall()
            reader = subprocess.Popen(["cat", s.path("mnt", "a")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.3)
            if way == "signal":
                for pid in daemons(s):
                    os.kill(pid, signal.SIGTERM)
            else:
                reader.kill()
                reader.wait()
                same(s.run("-u", s.path("mnt")).code, 0)
            until(lambda: not daemons(s) and not os.path.exists(s.path("mnt")), "the daemon ends", 15)
            reader.kill()
            reader.wait()
            slow.go()


def test_who_waits_for_a_mount_is_told_and_may_give_up(s):
    s.mkdir("disk")
    simple(s.path("disk", "m.safetensors"), n=1 << 20)
    with Slow(s, s.path("disk"), s.path("slow")) as slow:
        slow.stall()
        with open(s.path("said"), "wb") as said:
            p = subprocess.Popen([s.exe, s.path("slow", "m.safetensors"), s.path("mnt")], stderr=said)
        until(lambda: b"not mounted after 10 seconds" in read(s.path("said")), "it says so", A_WHILE + 5)
        p.send_signal(signal.SIGINT)
        same(p.wait(PATIENCE), -signal.SIGINT)
        slow.go()
        until(lambda: not daemons(s), "nobody is left")
        same((mounts(s.path("mnt")), os.path.exists(s.path("mnt"))), ([], False))


def test_a_helper_that_hangs_is_given_up(s):
    need_root()
    m = background(s, "-o", "allow_other")
    write(s.path("fusermount3"), b"#!/bin/sh\nexec sleep 60\n")
    os.chmod(s.path("fusermount3"), 0o755)
    r, took = timed(lambda: s.run("-u", m, user=NOBODY, env={"PATH": s.dir + ":" + os.environ["PATH"]}))
    r.refused("fusermount3 did not answer")
    holds(took < A_WHILE + 5, took)
    s.run("-u", m).ok()


def test_fifos_are_never_waited_for(s):
    d = s.mkdir("d")
    simple(s.path("d", "m.safetensors"))
    for fifo in ("fifo", "d/x.safetensors"):
        os.mkfifo(s.path(fifo))
    f = s.path("fifo")
    s.run(f, s.path("mnt")).refused("fifo")
    s.run(s.path("d", "m.safetensors"), f).refused("fifo")
    for args in (("--list", f), ("--cat", f, "a"), ("--cat", d, "x.safetensors"), ("--extract", f, s.path("o")), ("-u", f)):
        s.run(*args).refused()
    same(s.run("--diff", f, d).code, 2)
    same(s.run("--diff", d, d).code, 0)
    same(s.run("--list", d).ok().out, b"m.safetensors/a\nx.safetensors\n")
    s.run("--extract", d, s.path("out"), "m.safetensors").ok()
    os.unlink(s.path("out/m.safetensors/a"))
    os.mkfifo(s.path("out/m.safetensors/a"))
    for how in ("--resume", "--force"):
        s.run("--extract", how, d, s.path("out"), "m.safetensors")
    same(len(read(s.path("out/m.safetensors/a"))), 100)
