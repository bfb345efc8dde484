# SPDX-License-Identifier: MIT
"""Where it is mounted: made, removed, refused, handed over, inside SOURCE; signals."""
import os
import signal
import subprocess

from harness import *


def test_made_if_missing_and_removed_again(s):
    data = simple(s.path("m.safetensors"))
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        m = s.mount(s.path("m.safetensors"), made=False)
        same(read(m / "a"), data)
        m.stop(sig)
        same(os.path.exists(m.path), False, "the mountpoint")


def test_only_the_last_component_is_made(s):
    simple(s.path("m.safetensors"))
    s.run(s.path("m.safetensors"), s.path("no", "mnt")).refused(s.path("no", "mnt"))
    same(os.path.exists(s.path("no")), False)


def test_one_that_was_there_stays(s):
    simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"))
    m.stop()
    same(os.listdir(m.path), [])


def test_a_file_is_refused(s):
    simple(s.path("m.safetensors"))
    write(s.path("f"), b"x")
    for target in ("f", "m.safetensors"):
        s.run(s.path("m.safetensors"), s.path(target)).refused(s.path(target))


def test_not_empty_needs_nonempty(s):
    fuse_works()
    data = simple(s.path("m.safetensors"))
    d = s.mkdir("d")
    write(s.path("d", "f"), b"x")
    s.run(s.path("m.safetensors"), d).refused(d, "not empty")
    same(mounts(d), [])
    m = s.mount(s.path("m.safetensors"), "-o", "nonempty", at=d)
    same(read(m / "a"), data)
    m.stop()
    same(names(d), ["f"])


def test_a_mount_over_a_mount_is_told_what_is_there(s):
    need_root()
    fuse_works()
    simple(s.path("m.safetensors"))
    archive(s.path("none.safetensors"), [])
    for source in ("m.safetensors", "none.safetensors"):
        m = s.mount(s.path(source), at=s.mkdir("mnt"))
        os.symlink(m.path, s.path("link"))
        for path in (m.path, m.path + "/", s.path("link")):
            s.run(s.path("m.safetensors"), path).refused(f"{s.path(source)} is mounted there already", "arrayfs unmount")
        same(len(mounts(m.path)), 1)
        if source == "m.safetensors":
            over = s.mount(s.path("none.safetensors"), "-o", "nonempty", at=m.path)
            same(names(m.path), [])
            over.process.send_signal(signal.SIGTERM)
            same(over.wait(), 0)
            same(names(m.path), ["a"])
        os.unlink(s.path("link"))
        m.stop()


def test_one_that_does_not_answer_is_told_at_once(s):
    fuse_works()
    simple(s.path("m.safetensors"))
    for sig in (signal.SIGSTOP, signal.SIGKILL):
        s.run(s.path("m.safetensors"), s.path("mnt")).ok()
        pids = [int(p) for p in s.command("pgrep", "-f", s.path("mnt")).out.split()]
        for pid in pids:
            os.kill(pid, sig)
        s.run(s.path("m.safetensors"), s.path("mnt"), timeout=5).refused("m.safetensors is mounted there already", "arrayfs unmount")
        for pid in pids:
            if sig == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
        s.run("-u", s.path("mnt")).ok()


def test_links_that_lead_out_are_told_with_the_option(s):
    fuse_works()
    s.mkdir("hub", "blobs"), s.mkdir("hub", "snapshot")
    data = simple(s.path("hub", "blobs", "abc"))
    os.symlink("../blobs/abc", s.path("hub", "snapshot", "model.safetensors"))
    words = ("links in it lead out", "model.safetensors -> ../blobs/abc", "-o follow")
    for args, told in (([s.path("hub", "snapshot")], True), (["-o", "follow", s.path("hub", "snapshot")], False), ([s.path("hub")], False),
                       ([s.path("plain")], False)):
        if not os.path.exists(s.path("plain")):
            s.mkdir("plain")
            write(s.path("plain", "f"), b"")
            os.symlink("f", s.path("plain", "within"))
            os.symlink(s.path("plain", "f"), s.path("plain", "absolute"))
            os.symlink("../nothing", s.path("plain", "dangling"))
        r = s.run(*args, s.path("mnt"))
        same((r.code, len(r.lines)), (0, int(told)), (args, r.lines))
        if told:
            r.told(*words)
        else:
            r.ok()
        if "follow" in args:
            same(read(s.path("mnt", "model.safetensors", "a")), data)
        s.run("-u", s.path("mnt")).ok()


def test_slash_behind_and_dots_in_it(s):
    fuse_works()
    data = simple(s.path("m.safetensors"))
    s.mkdir("x")
    s.run(s.path("m.safetensors"), s.path("x/../mnt/")).ok()
    same(read(s.path("mnt/a")), data)
    s.run("-u", s.path("x/../mnt/")).ok()
    same(os.path.exists(s.path("mnt")), False)


def open_and_mount(s, path):
    """As a privileged helper does it, and hands the descriptor over."""
    fuse_works()
    need_root()
    fd = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other"
    if libc.mount(b"handed", path.encode(), b"fuse.arrayfs", 7, options.encode()) < 0:  # MS_RDONLY | NOSUID | NODEV
        os.close(fd)
        raise AssertionError(os.strerror(ctypes.get_errno()))  # fuse_works() has just done it
    return fd


def test_descriptor_handed_over(s):
    data = simple(s.path("m.safetensors"))
    mnt = s.mkdir("mnt")
    fd = open_and_mount(s, mnt)
    try:
        p = subprocess.Popen([s.exe, "-f", s.path("m.safetensors"), f"/dev/fd/{fd}"], pass_fds=[fd], cwd=s.dir)
    finally:
        os.close(fd)
    try:
        same(read(os.path.join(mnt, "a")), data)
        until(lambda: libc.umount2(mnt.encode(), 0) == 0, "umount2")
        same(p.wait(PATIENCE), 0, "exit code")
        same(names(s.dir), ["m.safetensors", "mnt"])
    finally:
        libc.umount2(mnt.encode(), 2)
        p.kill()


def test_descriptor_handed_over_in_the_background(s):
    data = simple(s.path("m.safetensors"))
    mnt = s.mkdir("mnt")
    fd = open_and_mount(s, mnt)
    r = s.command(s.exe, s.path("m.safetensors"), f"/dev/fd/{fd}", pass_fds=[fd])
    os.close(fd)
    r.ok()
    same(read(os.path.join(mnt, "a")), data)
    until(lambda: libc.umount2(mnt.encode(), 0) == 0, "umount2")


def test_descriptor_that_is_none_is_refused(s):
    simple(s.path("m.safetensors"))
    for word in ("77", "x", "0", ""):
        s.run(s.path("m.safetensors"), "/dev/fd/" + word, timeout=5).refused("/dev/fd/")


def test_inside_source_shows_what_lies_beneath(s):
    d = s.mkdir("d")
    data = simple(s.path("d", "m.safetensors"))
    s.mkdir("d", "mnt")
    write(s.path("d", "mnt", "beneath"), b"below")
    m = s.mount(d, "-o", "nonempty", at=s.path("d", "mnt"))
    same(names(m.path), ["m.safetensors", "mnt"])
    same(names(m / "mnt"), ["beneath"])
    same(read(m / "mnt/beneath"), b"below")
    same(read(m / "m.safetensors/a"), data)
    s.tool("find", m.path)


def test_inside_source_made_and_deep(s):
    d = s.mkdir("d", "e", "f")
    simple(s.path("d", "m.safetensors"))
    m = s.mount(s.path("d"), at=os.path.join(d, "mnt"))
    same(names(m / "e/f"), ["mnt"])
    same(names(m / "e/f/mnt"), [])
    s.tool("find", m.path)
    m.stop()
    same(names(d), [])


def test_on_source_itself(s):
    d = s.mkdir("d")
    data = simple(s.path("d", "m.safetensors"))
    write(s.path("d", "f"), b"text")
    m = s.mount(d, "-o", "nonempty", at=d)
    same(names(d), ["f", "m.safetensors"])
    same(read(m / "m.safetensors/a"), data)
    same(read(m / "f"), b"text")
    m.stop()
    same(os.path.isfile(s.path("d", "m.safetensors")), True)


def test_archive_below_the_mountpoint(s):
    d = s.mkdir("d")
    data = simple(s.path("d", "m.safetensors"))
    m = s.mount(s.path("d", "m.safetensors"), "-o", "nonempty", at=d)
    same(read(m / "a"), data)


def test_directory_below_the_mountpoint(s):
    d = s.mkdir("d", "e")
    data = simple(s.path("d", "e", "m.safetensors"))
    write(s.path("d", "e", "f"), b"text")
    m = s.mount(d, "-o", "nonempty", at=s.path("d"))
    same(names(m.path), ["f", "m.safetensors"])
    same(read(m / "m.safetensors/a"), data)
    same(read(m / "f"), b"text")


def test_signals_in_the_background(s):
    need("pgrep")
    fuse_works()
    simple(s.path("m.safetensors"))
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        s.run(s.path("m.safetensors"), s.path("mnt")).ok()
        for pid in s.command("pgrep", "-f", s.path("mnt")).out.split():
            try:
                os.kill(int(pid), sig)
            except ProcessLookupError:
                pass  # the first that is told ends the others
        until(lambda: not os.path.exists(s.path("mnt")), "the mountpoint removed")


def test_rights_of_a_container(s):
    """docs/operation.md: as root, CAP_SYS_ADMIN is enough, and no-new-privileges may stay."""
    need_root()
    need("setpriv")
    fuse_works()
    data = simple(s.path("m.safetensors"))
    for also in ([], ["--no-new-privs"]):
        s.tool("setpriv", *also, "--inh-caps=-all", "--bounding-set=-all,+sys_admin", s.exe, *OPTIONS, s.path("m.safetensors"), s.path("mnt"))
        same(read(s.path("mnt/a")), data)
        s.run("unmount", s.path("mnt")).ok()
    r = s.command("setpriv", "--inh-caps=-all", "--bounding-set=-all", s.exe, *OPTIONS, s.path("m.safetensors"), s.path("mnt"))
    same((r.code, os.path.exists(s.path("mnt"))), (1, False))


def test_readers_of_a_detached_mount_finish(s):
    """docs/operation.md: the daemon goes on for them while another serves the next mount."""
    need_root()
    need("umount")
    fuse_works()
    data = simple(s.path("m.safetensors"))
    s.run(s.path("m.safetensors"), s.path("mnt")).ok()
    with open(s.path("mnt/a"), "rb", buffering=0) as f:
        s.tool("umount", "-l", s.path("mnt"))
        s.run(s.path("m.safetensors"), s.path("mnt")).ok()
        same(read(s.path("mnt/a")), data)
        same(f.read(len(data)), data)
    s.run("unmount", s.path("mnt")).ok()
