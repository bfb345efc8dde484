# SPDX-License-Identifier: MIT
"""Where a daemon tells what it could not read."""
import os
import re
import socket
import stat
import subprocess

from harness import *

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ "


def broken_archive(s, name="m.safetensors", tensors=1, big=1):
    """Whose tensors t0, t1 … cannot be read, once it is mounted and cut()."""
    archive(s.path(name), [(f"t{i}", "U8", [8192], pattern(i, 8192)) for i in range(tensors)])
    return s.path(name)


def cut(s, name="m.safetensors"):
    os.truncate(s.path(name), 4096)


def test_a_file(s):
    fuse_works()
    for source, where in (("m.safetensors", "log"), (".", "with\\,comma")):
        broken_archive(s)
        s.run("-o", f"log={where}", source, "mnt", cwd=s.dir).ok()
        name = where.replace("\\", "")
        same(stat.S_IMODE(os.stat(s.path(name)).st_mode), 0o600)
        below = "" if source != "." else "m.safetensors/"
        os.stat(s.path("mnt", below + "t0"))
        cut(s)
        for _ in range(3):
            fails(errno.EIO, read, s.path("mnt", below + "t0"))
        lines = read(s.path(name)).decode().splitlines()
        same(len(lines), 1, lines)
        holds(re.fullmatch(TIME + r"arrayfs\[\d+\]: m\.safetensors/t0: .*", lines[0]), lines)
        same(read(s.path("mnt/.arrayfs/log.txt")).decode(), re.sub(r"arrayfs\[\d+\]: ", "", lines[0]) + "\n")
        s.run("-u", "mnt", cwd=s.dir).ok()


def test_a_file_is_appended_to_and_may_be_truncated(s):
    fuse_works()
    broken_archive(s, tensors=2)
    log = write(s.path("log"), b"before\n")
    s.run("-o", f"log={log}", s.path("m.safetensors"), s.path("mnt")).ok()
    cut(s)
    fails(errno.EIO, read, s.path("mnt/t0"))
    same(read(log).split(b"\n")[0], b"before")
    os.truncate(log, 0)
    fails(errno.EIO, read, s.path("mnt/t1"))
    lines = read(log).decode().splitlines()
    same((len(lines), "t1" in lines[0]), (1, True), lines)
    s.run("-u", s.path("mnt")).ok()


def test_what_is_no_file_to_write_to_is_refused(s):
    src = broken_archive(s)
    write(s.path("target"), b"")
    os.symlink("target", s.path("link"))
    os.mkfifo(s.path("fifo"))
    s.mkdir("folder")
    for name, word in (("link", "symbolic link"), ("fifo", "not a regular file"), ("folder", "directory"), ("none/log", "No such"),
                       ("/dev/null", "not a regular file")):
        s.run("-o", f"log={os.path.join(s.dir, name)}", src, s.path("mnt")).refused("log=", word)
        same(os.path.exists(s.path("mnt")), False)
    same(read(s.path("target")), b"")


def test_standard_error_of_a_daemon(s):
    """Which nobody has to take: what finds no room is lost, and nobody waits."""
    fuse_works()
    broken_archive(s, tensors=3000)
    r, w = os.pipe()
    p = subprocess.Popen([s.exe, "-o", "log=stderr", s.path("m.safetensors"), s.path("mnt")], stderr=w)
    same(p.wait(PATIENCE), 0)
    os.close(w)
    cut(s)
    for i in range(3000):
        fails(errno.EIO, read, s.path("mnt", f"t{i}"))
    kept = read(s.path("mnt/.arrayfs/log.txt")).decode().splitlines()
    same(len(kept), 1000)
    holds("t2999" in kept[-1] and "t2000" in kept[0], (kept[0], kept[-1]))
    told = os.read(r, 1 << 20).decode().splitlines()
    holds(200 < len(told) < 3000 and all(line.startswith("arrayfs: ") for line in told), len(told))
    s.run("-u", s.path("mnt")).ok()
    os.close(r)


def test_the_system_log(s):
    """Its socket takes no more: nobody waits for it."""
    need_root()
    broken_archive(s, tensors=500)
    if os.path.exists("/dev/log"):
        raise Skip("there is one")
    s.run("-o", "log=syslog", s.path("m.safetensors"), s.path("mnt")).refused("log=syslog", "/dev/log", "log=FILE")
    fuse_works()
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        log.bind("/dev/log")
        for options in (["-o", "log=syslog"], []):
            broken_archive(s, tensors=500)
            s.run(*options, s.path("m.safetensors"), s.path("mnt")).ok()
            cut(s)
            for i in range(500):
                fails(errno.EIO, read, s.path("mnt", f"t{i}"))
            got = log.recv(65536).decode()
            holds(re.fullmatch(r"<27>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d arrayfs\[\d+\]: t0: .*", got.replace("m.safetensors/", "")), got)
            s.run("-u", s.path("mnt")).ok()
            log.setblocking(False)
            try:
                while True:
                    log.recv(65536)
            except BlockingIOError:
                log.setblocking(True)
    finally:
        log.close()
        os.unlink("/dev/log")


def test_only_who_mounted_it_reads_the_last_lines(s):
    need_root()
    fuse_works()
    for source in (broken_archive(s), s.dir):
        m = s.mount(source, "-o", "allow_other", at=s.mkdir("mnt"))
        log = m / ".arrayfs/log.txt"
        st = os.stat(log)
        same((stat.S_IMODE(st.st_mode), st.st_size, st.st_uid), (0o400, 0, os.geteuid()))
        same(read(log), b"")
        if os.geteuid() == 0:
            r = s.command("cat", log, user=NOBODY)
            same((r.code, r.out), (1, b""), r.err)
            same(s.command("cat", m / ".arrayfs/stats.json", user=NOBODY).code, 0)
        same(s.run("--cat", source, ".arrayfs/log.txt").ok().out, b"")
        m.stop()
