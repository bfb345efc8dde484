# SPDX-License-Identifier: MIT
"""What bash offers behind a half-typed command."""
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
    same(offered(s, "--li"), ["--list"])
    same(offered(s, "--r"), ["--rows", "--resume", "--rtol"])
    same(offered(s, "--di"), ["--diff"])
    same(offered(s, "-o", "sp"), ["split="])
    same(offered(s, "-o", "split=.,follow,ca"), ["split=.,follow,cache="])


def test_paths_in_an_archive(s):
    archive(s.path("m.safetensors"), [(n, "U8", [1], b"x") for n in ("a/b/c", "a/b/d", "a b", "ab", "q'")])
    same(offered(s, "--cat", "m.safetensors", ""), ["a/", "a\\ b", "ab", "q\\'"])
    same(offered(s, "--cat", "m.safetensors", "a/"), ["a/b/"])
    same(offered(s, "--cat", "--rows", "0:1", "m.safetensors", "a/"), ["a/b/"])
    same(offered(s, "--list", "--json", "m.safetensors", "a/b/"), ["a/b/c", "a/b/d"])
    same(offered(s, "--cat", "m.safetensors", "a\\ "), ["a\\ b"])
    same(offered(s, "--extract", "m.safetensors", "out", "ab"), ["ab"])


def test_files(s):
    simple(s.path("m.safetensors"))
    same(offered(s, "m."), ["m.safetensors"])
    same(offered(s, "--extract", "m.safetensors", "m."), ["m.safetensors"])
    same(offered(s, "--diff", "--atol", "1e-6", "m.safetensors", "m."), ["m.safetensors"])
    same(offered(s, "--cat", "none.safetensors", ""), [""])
