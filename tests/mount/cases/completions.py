# SPDX-License-Identifier: MIT
"""What the shells offer behind a half-typed command."""
import re

from harness import *

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "..", "..", "mount", "completions", "arrayfs.bash")


def offered(s, *words):
    need("bash", "awk")
    code = ('PATH="$1:$PATH"; source "$2"; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
            'compopt() { :; }; _arrayfs; printf "%s\\n" "${COMPREPLY[@]}"')
    os.makedirs(s.path("bin"), exist_ok=True)
    if not os.path.lexists(s.path("bin", "arrayfs")):
        os.symlink(os.path.abspath(s.exe), s.path("bin", "arrayfs"))
    r = s.command("bash", "-c", code, "bash", s.path("bin"), SCRIPT, "arrayfs", *words, cwd=s.dir)
    same((r.code, r.err), (0, b""))
    return r.out.decode().split("\n")[:-1]


def test_options(s):
    """Those of the command, if there is one."""
    same(offered(s, "--li"), ["--list"])
    same(offered(s, "--di"), ["--diff"])
    same(offered(s, "list", "--"), ["--long", "--tree", "--json", "--human-readable", "--depth", "--color", "--help"])
    same(offered(s, "--list", "--lo"), ["--long"])
    same(offered(s, "rows", "--r"), ["--rows"])
    same(offered(s, "stats", "--f"), ["--fail-nan"])
    same(offered(s, "-o", "sp"), ["split="])
    same(offered(s, "-o", "split=.,follow,ca"), ["split=.,follow,cache="])


def test_paths_in_an_archive(s):
    archive(s.path("m.safetensors"), [(n, "U8", [1], b"x") for n in ("a/b/c", "a/b/d", "a b", "ab", "q'")])
    for cat, ls, extract in (("--cat", "--list", "--extract"), ("cat", "ls", "extract"), ("info", "list", "extract")):
        same(offered(s, cat, "m.safetensors", ""), ["a/", "a\\ b", "ab", "q\\'"])
        same(offered(s, cat, "m.safetensors", "a/"), ["a/b/"])
        same(offered(s, cat, "--rows", "0:1", "m.safetensors", "a/"), ["a/b/"])
        same(offered(s, ls, "--json", "m.safetensors", "a/b/"), ["a/b/c", "a/b/d"])
        same(offered(s, cat, "m.safetensors", "a\\ "), ["a\\ b"])
        same(offered(s, extract, "m.safetensors", "out", "ab"), ["ab"])
        same(offered(s, cat, "m.safetensors", ".arrayfs/np"), [".arrayfs/npy/"])


def test_mounts(s):
    """Where arrayfs is mounted; names with spaces as the kernel writes them."""
    write(s.path("mounts"), b"proc /proc proc rw 0 0\n/a /mnt/a fuse.arrayfs ro 0 0\n/b /mnt/b\\040c fuse.arrayfs ro 0 0\n")
    os.environ["ARRAYFS_MOUNTS"] = s.path("mounts")
    try:
        for command in ("unmount", "umount", "-u"):
            same(offered(s, command, "/m"), ["/mnt/a", "/mnt/b\\ c"])
    finally:
        del os.environ["ARRAYFS_MOUNTS"]


def test_files(s):
    simple(s.path("m.safetensors"))
    same(offered(s, "m."), ["m.safetensors"])
    same(offered(s, "--extract", "m.safetensors", "m."), ["m.safetensors"])
    same(offered(s, "--diff", "--atol", "1e-6", "m.safetensors", "m."), ["m.safetensors"])
    same(offered(s, "--cat", "none.safetensors", ""), [""])


def test_commands_that_are_words(s):
    """Only where the program takes them for commands."""
    write(s.path("verified"), b"")
    same(offered(s, "ver"), ["verified", "verify"])
    same(offered(s, "verify", "ver"), ["verified"])
    same(offered(s, "--list", "ver"), ["verified"])
    same(offered(s, "-o", "threads=1", "ver"), ["verified", "verify"])


def tried(s, *command):
    """What a shell prints, with the program on its way and none of the user's settings."""
    os.makedirs(s.path("bin"), exist_ok=True)
    if not os.path.lexists(s.path("bin", "arrayfs")):
        os.symlink(os.path.abspath(s.exe), s.path("bin", "arrayfs"))
    os.makedirs(s.path("home"), exist_ok=True)
    r = s.command("env", "HOME=" + s.path("home"), f"PATH={s.path('bin')}:{os.environ['PATH']}", *command, cwd=s.dir)
    same((r.code, r.err), (0, b""))
    return r.out.decode().split("\n")[:-1]


def test_fish(s):
    need("fish")
    archive(s.path("m.safetensors"), [(n, "U8", [1], b"x") for n in ("a/b/c", "a/b/d", "a b", "b")])
    script = os.path.join(os.path.dirname(SCRIPT), "arrayfs.fish")

    def fish(line):
        code = "source $argv[1]; complete -C $argv[2]"
        found = sorted(x.split("\t")[0] for x in tried(s, "fish", "--no-config", "-c", code, script, line))
        return [x for x in found if x.startswith(line.split()[-1])]  # fish 4 adds what has the letters elsewhere
    same(fish("arrayfs --li"), ["--list"])
    same(fish("arrayfs rows --r"), ["--rows"])
    same([x for x in fish("arrayfs list --") if x[-1] != "="], ["--color", "--depth", "--help", "--human-readable", "--json", "--long", "--tree"])
    same(fish("arrayfs ver"), ["verify"])
    same(fish("arrayfs ls m.safetensors a/"), ["a/b/c", "a/b/d"])
    same(fish("arrayfs cat m.safetensors .arrayfs/npy/a/"), [".arrayfs/npy/a/b/c.npy", ".arrayfs/npy/a/b/d.npy"])
    same(fish("arrayfs --cat m.safetensors a/"), ["a/b/c", "a/b/d"])
    same(fish("arrayfs --cat --rows 0:1 m.safetensors a/"), ["a/b/c", "a/b/d"])
    same(fish("arrayfs --extract m.safetensors out b"), ["b"])


def test_zsh(s):
    """Its own functions are stood in for: they need a terminal."""
    need("zsh")
    archive(s.path("m.safetensors"), [(n, "U8", [1], b"x") for n in ("a/b/c", "a b", "q'")])
    script = os.path.join(os.path.dirname(SCRIPT), "_arrayfs")
    code = ('_files() { print FILES }; _multi_parts() { print -rl -- ${(P)2} }; _arguments() { print -rl -- "$@" }; '
            '_describe() { print -rl -- ${${(P)2}%%:*} }; '
            'words=(arrayfs "${@:2}"); CURRENT=$#words; source $1; _arrayfs_inside')

    def zsh(*words):
        told = tried(s, "zsh", "-f", "-c", code, "zsh", script, *words)
        at = told.index("*:file:_arrayfs_inside")
        return told[:at], told[at + 1:]
    same(zsh("--cat", "m.safetensors", "")[1], ["a/b/c", "a b", "q'"])
    same(zsh("--list", "-o", "split=.", "m.safetensors", "")[1], ["a/b/c", "a b", "q'"])
    same(zsh("--extract", "m.safetensors", "")[1], ["FILES"])
    same(zsh("--extract", "m.safetensors", "out", "")[1], ["a/b/c", "a b", "q'"])
    same(zsh("m.safetensors", "")[1], ["FILES"])
    same(zsh("ls", "m.safetensors", "")[1], ["a/b/c", "a b", "q'"])
    holds(".arrayfs/npy/a/b/c.npy" in zsh("cat", "m.safetensors", ".arrayfs/npy/")[1], "views")
    holds("verify" in zsh("")[1], zsh(""))


def test_all_shells_know_all_options(s):
    """Those that the program's help names, of all commands."""
    helps = s.run("--help").ok().out.decode()
    commands = re.findall(r"^  ([a-z]+) +\S.*?(?: {2,}([a-z]+) +\S.*)?$", helps, re.M)
    commands = [c for pair in commands for c in pair if c]
    holds(len(commands) > 6, f"only {commands}")
    named = set(re.findall(r"(?:^|[\s|\[,])(--[a-z]+)", helps + "".join(s.run(c, "--help").ok().out.decode() for c in commands)))
    holds(len(named) > 14, f"only {named}")
    for script in (SCRIPT, "_arrayfs", "arrayfs.fish"):
        text = open(os.path.join(os.path.dirname(SCRIPT), script)).read()
        missing = [o for o in sorted(named) if not re.search(
            (r"-l " + o[2:] if script.endswith(".fish") else re.escape(o)) + r"\b", text)]
        same(missing, [], os.path.basename(script))
        same([c for c in commands if not re.search(r"\b" + c + r"\b", text)], [], os.path.basename(script))
