# SPDX-License-Identifier: MIT
"""The command line, exit codes and messages (usage, refused sources)."""
import os
import re
import shutil
import subprocess

from harness import *


def test_options_stand_before_between_and_after_operands(s):
    src = s.path("m.safetensors")
    simple(src)
    for args in (["--list", "--long", src], [src, "--list", "--long"], ["--long", src, "--list"]):
        r = s.run(*args).ok()
        same(r.out.split(), [b"uint8", b"[100]", b"100", b"a"], str(args))


def test_two_dashes_end_options(s):
    simple(s.path("-odd"))
    same(s.run("--list", "--", "-odd", cwd=s.dir).ok().out, b"a\n")
    s.run("--cat", "--", "--long", "--json", cwd=s.dir).refused("--long")


def test_help_and_version_go_to_standard_output(s):
    for flag in ("-h", "--help", "-V", "--version"):
        r = s.run(flag).ok()
        holds(b"arrayfs" in r.out, flag)


def test_commands_are_words(s):
    """Each does what its option does; a SOURCE that is called so has a path."""
    src = s.path("m.safetensors")
    simple(src)
    for word, option, *args in (("list", "--list", src), ("ls", "--list", src), ("list", "--list", "--long", src), ("cat", "--cat", src, "a"),
                                ("diff", "--diff", src, src)):
        a, b = s.run(word, *args).ok(), s.run(option, *args).ok()
        same(a.out, b.out, word)
        same(s.run(*args[:-1], "-o", "threads=1", word, args[-1]).out if word == "list" else b.out, b.out, "behind options")
    s.run("extract", src, s.path("out")).ok()
    same(read(s.path("out", "a")), pattern("x", 100))
    same(s.run("ls", "-lh", src).ok().out, b"uint8  [100]  100  a\n")
    same(s.run("ls", src, "-l", "-h").ok().out, b"uint8  [100]  100  a\n")
    simple(s.path("list"))
    same(s.run("list", "./list", cwd=s.dir).ok().out, b"a\n")
    same(s.run("list", "list", cwd=s.dir).ok().out, b"a\n")
    s.run("list", cwd=s.dir).refused("list needs a SOURCE", code=2)
    s.run("unmount", s.dir).refused("nothing is mounted")
    s.run("umount").refused("needs a MOUNTPOINT", code=2)


def test_every_help_fits_a_small_terminal(s):
    whole = s.run("--help").ok().out
    words = {w for w in set(re.findall(rb"[a-z]+", whole)) if s.run(w.decode(), "--help").out != whole}
    holds(len(words) >= 7 and b"list" in words and b"unmount" in words, words)
    for args in [["--help"], ["-h"], ["-o", "help"]] + [[w.decode(), "--help"] for w in words]:
        text = s.run(*args).ok().out.decode()
        holds(len(text.splitlines()) <= 24, f"{args}: {len(text.splitlines())} lines")
        holds(max(len(line) for line in text.splitlines()) <= 80, f"{args}: {max(text.splitlines(), key=len)}")
    same(whole.count(b"$ arrayfs"), 3, "examples")
    same(s.run("ls", "-h").ok().out, s.run("list", "--help").ok().out, "-h without anything to list")


def test_a_full_disk_and_closed_descriptors(s):
    archive(s.path("m.safetensors"), [("a", "U8", [3], b"abc")])
    for args in (("--help",), ("--version",), ("--list", s.path("m.safetensors"))):
        with open("/dev/full", "wb") as full:
            s.run(*args, stdout=full).refused("standard output: No space")
        s.command("sh", "-c", '"$@" >&-', "sh", s.exe, *args).refused("standard output: Bad file descriptor")
    fuse_works()
    for closed in ("<&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        s.command("sh", "-c", f'"$@" {closed}', "sh", s.exe, s.path("m.safetensors"), s.path("mnt")).ok()
        same(read(s.path("mnt", "a")), b"abc", closed)
        s.run("-u", s.path("mnt")).ok()
        s.command("sh", "-c", f'"$@" {closed}', "sh", s.exe, "--extract", s.path("m.safetensors"), s.path("out")).ok()
        same(read(s.path("out", "a")), b"abc", closed)
        shutil.rmtree(s.path("out"))


def test_usage_errors_exit_with_two_and_name_the_word(s):
    src = s.path("m.safetensors")
    simple(src)
    for args, word in (
            ([], "SOURCE"), ([src], "MOUNTPOINT"), ([src, "b", "c"], "'c'"), (["--wrong", src], "--wrong"),
            (["-z", src, "m"], "-z"), (["-o"], "-o"), (["--list"], "SOURCE"), (["--cat", src], "PATH"),
            (["--extract", src], "DEST"), (["-u"], "MOUNTPOINT"), (["-u", "a", "b"], "'b'"),
            (["--list", "--cat", src], "one command"), (["--long", src, "m"], "--long"),
            (["--list", "--long", "--json", src], "--json"), (["--list", "--force", src], "--force"),
            (["--list", "--tree", "--long", src], "--tree"), (["--cat", "-H", src, "a"], "--human-readable"), (["--list", "--rows", "0:1", src], "--rows"),
            (["--list", "--npy", src], "--npy"), (["--cat", "--resume", src, "a"], "--resume"), (["--cat", src, "--rows"], "--rows"),
            (["-o", "bogus", src, "m"], "bogus"), (["-o", "ro,bogus=3", src, "m"], "bogus=3"),
            (["-o", "split=ab", src, "m"], "split=ab"), (["-o", "split=", src, "m"], "split="),
            (["-o", "cache=lots", src, "m"], "cache=lots"), (["-o", "threads=0", src, "m"], "threads=0"),
            (["-o", "verify=maybe", src, "m"], "verify=maybe"), (["-o", "sandbox=x", src, "m"], "sandbox=x"),
            (["-o", "log=", src, "m"], "log="), (["-o", "rwx", src, "m"], "rwx"), (["--list", "-o", "bogus", src], "bogus"),
            (["-o", "bogus\nline", src, "m"], "bogus%0Aline")):
        s.run(*args, cwd=s.dir).refused(word, code=2)
    same(os.path.exists(s.path("m")), False, "a mountpoint")


def allowed_for_others():
    """fuse.conf(5)"""
    try:
        return b"user_allow_other" in [line.strip() for line in read("/etc/fuse.conf").splitlines()]
    except OSError:
        return False


def test_every_mount_option_is_accepted(s):
    src = s.path("m.safetensors")
    data = simple(src)
    words = ("nonempty fsname=some ro rw noauto nofail user _netdev x-systemd.automount split=. follow cache=64M "
             "verify=no threads=2 sandbox=no defaults nosuid nodev relatime noatime auto users allow_other noexec "
             "exec suid dev sync async owner group x-gvfs-hide comment=hello").split()
    fuse_works()
    if os.geteuid() and not allowed_for_others():
        s.run("-o", "allow_other", src, s.path("mnt")).refused("allow_other", "/etc/fuse.conf")
        words.remove("allow_other")
    for some in (words[:12], words[12:], [",".join(words)]):
        m = s.mount(src, "-o", ",".join(some))
        same(read(m / "a"), data)
        options = mounts(m.path)[0]
        for word in ("ro", "nosuid", "nodev"):
            holds(word in options[1].split(","), f"{word} in {options}")
        m.stop()


def test_several_o_add_up(s):
    src = s.path("m.safetensors")
    archive(src, [("a.b", "U8", [1], b"x")])
    same(s.run("--list", "-o", "ro", "-o", "split=.", "-osandbox=no", src).ok().out, b"a/b\n")


def test_fsname_and_type_show_in_the_mount_table(s):
    src = s.path("m,\\o del.safetensors")
    simple(src)
    m = s.mount(src)
    kind = mounts(m.path)[0][0]
    same(kind[0], "fuse.arrayfs")
    same(kind[1].encode().decode("unicode_escape"), src)
    m.stop()
    m = s.mount(src, "-o", "fsname=some")
    same(mounts(m.path)[0][0][1], "some")


def test_refused_sources_cost_one_sentence(s):
    mnt = s.mkdir("mnt")
    write(s.path("empty"), b"")
    write(s.path("text"), b"hello, world, this is no archive\n" * 10)
    write(s.path("huge.safetensors"), (2305843009213693952).to_bytes(8, "little") + b"{}      ")
    write(s.path("short.safetensors"), archive_bytes([("a", "U8", [100], b"x" * 100)])[:-1])
    write(s.path("bad.safetensors"), archive_bytes([("a", "U9", [1], b"x")]))
    os.mkfifo(s.path("fifo.safetensors"))
    os.symlink("nowhere", s.path("dangling"))
    write(s.path("new\nline.safetensors"), b"\x08\0\0\0\0\0\0\0garbage!")
    for name in ("empty", "text", "huge.safetensors", "short.safetensors", "bad.safetensors", "missing", "dangling",
                 "fifo.safetensors"):
        for args in ((s.path(name), mnt), ("-f", s.path(name), mnt), ("--list", s.path(name)),
                     ("--cat", s.path(name), "a"), ("--extract", s.path(name), s.path("out"))):
            s.run(*args).refused(name)
    s.run("--list", s.path("new\nline.safetensors")).refused("new%0Aline")
    s.run(s.path("huge.safetensors"), mnt).refused("2305843009213693952", "16")
    same(mounts(mnt), [])
    same(os.path.exists(s.path("out")), False, "DEST")
    s.run(s.path("empty"), s.path("made")).refused("empty")
    same(os.path.exists(s.path("made")), False, "the mountpoint")


def test_source_may_be_a_link_and_relative(s):
    s.mkdir("d")
    data = simple(s.path("d", "m.safetensors"))
    os.symlink("d/m.safetensors", s.path("l"))
    os.symlink("d", s.path("ld"))
    same(s.run("--cat", "l", "a", cwd=s.dir).ok().out, data)
    same(s.run("--cat", "ld", "m.safetensors/a", cwd=s.dir).ok().out, data)
    same(s.run("--cat", "m.safetensors", "a", cwd=s.path("d")).ok().out, data)


def test_background_parent_returns_when_the_mount_answers(s):
    fuse_works()
    data = simple(s.path("m.safetensors"))
    for i in range(5):
        s.run("m.safetensors", "mnt", cwd=s.dir).ok()
        same(read(s.path("mnt", "a")), data)
        s.run("-u", "mnt", cwd=s.dir).ok()
        same(os.path.exists(s.path("mnt")), False, "the mountpoint")


def test_debug_says_requests_one_a_line(s):
    data = simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"), "-d")
    same(read(m / "a"), data)
    until(lambda: any("lookup" in line for line in m.log()) and any(" read " in line for line in m.log()), "the trace")


def test_single_threaded(s):
    data = simple(s.path("m.safetensors"))
    m = s.mount(s.path("m.safetensors"), "-s")
    same(read(m / "a"), data)
