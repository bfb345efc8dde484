# SPDX-License-Identifier: MIT
"""mount(8), fstab and umount(8): by the program's own helper, and by libfuse's."""
from harness import *

TOP = os.path.join(os.path.dirname(__file__), "..", "..", "..")
# Where mount(8) looks for helpers and they for programs, and fstab: $1, $2, $3 are shown there.
PLACES = 'mount --bind "$1" /usr/sbin && mount --bind "$2" /usr/local/bin && mount --bind "$3" /etc/fstab || exit 77\nshift 3\n'
# What mount(8) and systemd heed, in every spelling that fstab(5) and systemd.mount(5) have, and more of theirs.
STANDARD = ("defaults,noauto,auto,nofail,user,nouser,users,owner,group,_netdev,rw,ro,suid,nosuid,dev,nodev,exec,async,sync,"
            "dirsync,atime,noatime,nodiratime,diratime,relatime,norelatime,strictatime,nostrictatime,lazytime,nolazytime,"
            "iversion,noiversion,mand,nomand,silent,loud,nosymfollow,symfollow,comment=x,x-gvfs-show,x-systemd.automount,"
            "x-systemd.requires-mounts-for=/,x-systemd.idle-timeout=1min,X-mount.mkdir=0755,x-mount.mkdir")


def ways(s, user=None):
    """The directories that hold the helpers, one for each way in which mount(8) comes to the program."""
    need("mount", "umount", "unshare", "setpriv")
    need_root()
    fuse_works()
    bin_dir = s.mkdir("bin")
    os.symlink(s.exe_of(user), os.path.join(bin_dir, "arrayfs"))
    own, libfuses = s.mkdir("own"), s.mkdir("libfuses")
    os.symlink(os.path.join(bin_dir, "arrayfs"), os.path.join(own, "mount.fuse.arrayfs"))
    helper = shutil.which("mount.fuse3", path="/usr/sbin:/sbin")
    if not helper:
        raise Skip("no mount.fuse3: apt-get install fuse3, as root")
    for folder in (own, libfuses):
        shutil.copy(helper, folder)
    os.symlink("mount.fuse3", os.path.join(libfuses, "mount.fuse"))
    return own, libfuses


def script(s, helpers, fstab, text, *args, user=None):
    """Runs it in a name space of its own, where /etc/fstab says that."""
    write(s.path("fstab"), fstab.encode())
    r = s.command("unshare", "-m", "sh", "-c", PLACES + text, "sh", helpers, s.path("bin"), s.path("fstab"), *args)
    if r.code == 77 or (r.code and b"unshare" in r.err):
        if b"propagation" in r.err:  # a chroot
            raise Skip("the root is no mount point, so nothing is mounted in a name space of its own: mount --bind ROOT ROOT, then chroot ROOT")
        raise Skip(f"no mount name space of its own ({r.err.decode().strip()}): in a container: docker or podman run --cap-add SYS_ADMIN")
    return r


def test_mount_and_umount(s):
    data, mnt = simple(s.path("m,x.safetensors"), name="d.a"), s.mkdir("mnt")
    for helpers in ways(s):
        r = script(s, helpers, "", """mount -t fuse.arrayfs -o noauto,nofail,_netdev,x-some=1,split=.,cache=64M "$1" "$2" || exit 1
cat "$2/d/a"; grep -F " $2 " /proc/self/mountinfo | grep -c " - fuse.arrayfs " >&2; umount "$2"; ls -A "$2" """,
                   s.path("m,x.safetensors"), mnt)
        same((r.code, r.out, r.err), (0, data, b"1\n"), helpers)


def test_the_mountpoint_is_made_and_removed_again(s):
    data = simple(s.path("m.safetensors"))
    for helpers in ways(s):
        r = script(s, helpers, "", """mount -t fuse.arrayfs "$1" "$2" || exit 1
cat "$2/a"; umount "$2"; i=0; while [ -d "$2" ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done; [ ! -e "$2" ]""",
                   s.path("m.safetensors"), s.path("made"))
        same((r.code, r.out, r.err), (0, data, b""), helpers)


def test_every_standard_option_is_taken(s):
    data, mnt = simple(s.path("m.safetensors")), s.mkdir("mnt")
    for helpers in ways(s):
        for words in (STANDARD, "defaults", "rw", "ro,noexec"):
            r = script(s, helpers, f"{s.path('m.safetensors')} {mnt} fuse.arrayfs {words} 0 0\n", """mount "$1" || exit 1
cat "$1/a"; grep -F " $1 " /proc/self/mountinfo | cut -d' ' -f6 >&2; umount "$1" """, mnt)
            same((r.code, r.out), (0, data), f"{helpers} {words}: {r.err}")
            flags = r.err.decode().strip().split(",")
            for flag in ("ro", "nosuid", "nodev", *(["noexec"] if "noexec" in words else [])):
                holds(flag in flags, f"{flag} in {flags} by {words}")


def test_what_nobody_knows_is_refused(s):
    simple(s.path("m.safetensors"))
    mnt = s.mkdir("mnt")
    for helpers in ways(s):
        for words in ("bogus", "ro,cache=lots", "remount"):
            r = script(s, helpers, "", 'mount -t fuse.arrayfs -o "$1" "$2" "$3"', words, s.path("m.safetensors"), mnt)
            r.refused(words.split(",")[-1], code=2)
        r = script(s, helpers, "", 'mount -t fuse.arrayfs "$1" "$2"; echo $?; ls -A "$2"', s.path("none.safetensors"), mnt)
        same((r.out, len(r.lines)), (b"1\n", 1), helpers)
        r.told("none.safetensors")


def test_fstab_file(s):
    """mount -T, mount -a and a name with a space; the examples are lines of that form."""
    data = simple(s.path("a b.safetensors"))
    mnt = s.mkdir("mnt x")
    line = f"{s.dir}/a\\040b.safetensors {s.dir}/mnt\\040x fuse.arrayfs %s 0 0\n"
    for helpers in ways(s):
        text = 'mount -T "$1" "$2" && cat "$2/a" && umount "$2"'
        write(s.path("other"), (line % "noauto,cache=64M").encode())
        r = script(s, helpers, "", text, s.path("other"), mnt)
        same((r.code, r.out, r.err), (0, data, b""), helpers)
        r = script(s, helpers, line % "nofail,x-systemd.automount", 'mount -a -t fuse.arrayfs && mount -a && cat "$1/a" && umount "$1"', mnt)
        same((r.code, r.out, r.err), (0, data, b""), f"{helpers}: mount -a")
    lines = [x.split() for x in read(os.path.join(TOP, "mount/examples/fstab")).decode().splitlines() if x and x[0] != "#"]
    holds(len(lines) >= 3, "examples")
    for source, _, kind, words, dump, check in lines:
        same((kind, dump, check), ("fuse.arrayfs", "0", "0"), source)
        words = words.replace("x-systemd.requires-mounts-for=/net/models", "x-systemd.requires-mounts-for=/")
        r = script(s, s.path("own"), line % words, 'mount "$1" && cat "$1/a" && umount "$1"', mnt)
        same((r.code, r.out, r.err), (0, data, b""), words)


def test_a_line_for_any_user(s):
    another_user()
    data, mnt = simple(s.path("m.safetensors")), s.mkdir("mnt")
    helpers = ways(s, NOBODY)[0]
    for made in (s.dir, mnt):
        os.chmod(made, 0o755)
    os.chown(mnt, NOBODY, NOBODY)
    text = f'as() {{ setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "$@"; }}\n' + \
        'as mount "$1" && as cat "$1/a" && as umount "$1" && ! as umount "$1" 2>/dev/null'
    for folder in (helpers, s.path("libfuses")):
        r = script(s, folder, f"{s.path('m.safetensors')} {mnt} fuse.arrayfs noauto,user 0 0\n", text, mnt)
        same((r.code, r.out, r.err), (0, data, b""), folder)


def test_what_libfuses_helper_does_first_is_left_to_it(s):
    """setuid=: it becomes that user, and then runs the program."""
    need("su")
    simple(s.path("m.safetensors"))
    mnt = s.mkdir("mnt")
    ways(s)
    os.unlink(s.path("bin", "arrayfs"))
    write(s.path("bin", "arrayfs"), b'#!/bin/sh\nid -un; printf "%s\\n" "$@"\n')
    os.chmod(s.path("bin", "arrayfs"), 0o755)
    os.unlink(s.path("own", "mount.fuse.arrayfs"))
    os.symlink(s.exe, s.path("own", "mount.fuse.arrayfs"))
    r = script(s, s.path("own"), "", 'mount -t fuse.arrayfs -o setuid=root,split=. "$1" "$2"', s.path("m.safetensors"), mnt)
    same((r.out.decode().split()[:3], "split=." in r.out.decode().split()[-1]), (["root", s.path("m.safetensors"), mnt], True), r.err)


def test_the_helpers_own_command_line(s):
    """mount(8), EXTERNAL HELPERS."""
    src = s.path("m.safetensors")
    data = simple(src)
    os.symlink(s.exe, s.path("mount.fuse.arrayfs"))
    os.symlink(s.exe, s.path("mount.arrayfs"))

    def helper(*args, name="mount.fuse.arrayfs"):
        return s.command(s.path(name), *args, cwd=s.dir)
    for args in ((src, "mnt", "-f"), (src, "mnt", "-sfnv", "-o", "rw"), ("-f", "-t", "fuse.arrayfs", "none", "mnt")):
        same(helper(*args).ok().out, b"", str(args))
    same(os.path.exists(s.path("mnt")), False, "a mountpoint")
    for args, word in (((src,), "MOUNTPOINT"), ((src, "a", "b"), "MOUNTPOINT"), ((src, "mnt", "-f", "-o", "bogus"), "bogus"),
                       ((src, "mnt", "-N", "1"), "-N"), ((src, "mnt", "-o"), "-o"), ((src, "mnt", "--list"), "--list"),
                       ((src, "mnt", "-"), "-")):
        helper(*args).refused(word, code=2)
    fuse_works()
    for name, flags in (("mount.fuse.arrayfs", ["-n"]), ("mount.arrayfs", ["-v", "-s", "-o", "ro"])):
        helper(src, "mnt", *flags, name=name).ok()  # in the background, with all threads
        same(read(s.path("mnt", "a")), data)
        s.run("-u", s.path("mnt")).ok()
    helper(src, "mnt", "-o", "bogus", "-o", "ro").refused("bogus", code=2)
    helper(src, "mnt", *["-o", "ro"] * 17).refused("-o is given more than 16 times", code=2)
    helper(src, "mnt", "-o", "split=.", "-n", "-o", "ro").ok()
    s.run("-u", s.path("mnt")).ok()
