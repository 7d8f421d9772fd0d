"""Give up rights for good, then become the command.

    python -I -S landlock_launcher.py RULES -- COMMAND ...

A program of its own that imports nothing of ours, since it stands between every command and its start.

    --hide PATH, --read PATH, --write PATH     the nearest of them decides about a path; one of them is `/`
    --set NAME=VALUE                           on top of the environment
    --network                                  leave the network on

Landlock only ever allows, and always a whole folder. So "all but ~/.ssh may be read" is said by naming
everything beside it on the way down. The names of files can be listed everywhere; their content is what counts.

A filter of system calls closes what Landlock leaves open: UDP and other sockets, the sockets of containers
and service managers that lie in the file system, io_uring (which would go around the filter), and on old
kernels `truncate`. Whoever is root gives up what would undo it: modules, devices, raw disk and network access.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator

__all__ = ["MACHINES", "landlock_abi", "main"]

# Of a machine: its name in the kernel's audit, and the numbers of `socket` and `truncate`.
MACHINES = {
    "x86_64": (0xC000003E, 41, 76),
    "aarch64": (0xC00000B7, 198, 45),
    "riscv64": (0xC00000F3, 198, 45),
}
COULD_NOT = 126  # as a shell says that a command cannot be run

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the Landlock system calls, the same on every machine
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK, _REFER, _TRUNCATE, _IOCTL_DEV = 1 << 6, 1 << 11, 1 << 13, 1 << 14, 1 << 15
_FIRST = (1 << 13) - 1  # what ABI 1 knows
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_DEVICES = ("null", "zero", "full", "random", "urandom", "shm", "fd", "stdin", "stdout", "stderr")

_INET, _INET6, _NETLINK = 2, 10, 16  # address families; all others stay shut
_IO_URING_SETUP = 425
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_POWERS = 41  # capabilities there are
_KEPT = {0, 1, 3, 4, 5, 6, 7}  # CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID


def main(argv: list[str]) -> int:
    """Apply the rules and become the command. Returns only when that failed."""
    try:
        split = argv.index("--")
        rules, environ, network = _parse(argv[:split])
        command = argv[split + 1 :]
        libc = ctypes.CDLL(None, use_errno=True)
        _give_up_powers(libc)
        abi = landlock_abi(libc)
        _landlock(libc, abi, rules, network)
        _filter(libc, abi, network)
    except (OSError, ValueError, KeyError) as error:
        print(f"h2a-sandbox: the sandbox could not be set up, so nothing was run: {error}", file=sys.stderr)
        return COULD_NOT
    try:
        os.execvpe(command[0], command, {**os.environ, **environ})
    except OSError as error:
        print(f"h2a-sandbox: {command[0]}: {error.strerror}", file=sys.stderr)
    return COULD_NOT


def _parse(options: list[str]) -> tuple[dict[str, str], dict[str, str], bool]:
    rules: dict[str, str] = {}
    environ: dict[str, str] = {}
    network = False
    words = iter(options)
    for word in words:
        if word == "--network":
            network = True
        elif word == "--set":
            name, _, value = next(words).partition("=")
            environ[name] = value
        else:
            rules[next(words)] = word[2:]
    return rules, environ, network


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


# -------------------------------------------------------------------- files


def landlock_abi(libc: ctypes.CDLL) -> int:
    """The version of Landlock this kernel speaks.

    Raises:
        OSError: it speaks none, or must not.
    """
    return _check(libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1), "Landlock")


def _landlock(libc: ctypes.CDLL, abi: int, rules: dict[str, str], network: bool) -> None:
    handled = _FIRST
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if abi >= since:
            handled |= right
    tcp = 3 if abi >= 4 and not network else 0  # bind and connect
    scope = 3 if abi >= 6 else 0  # abstract sockets and signals stay inside
    attributes = struct.pack("QQQ", handled, tcp, scope)
    ruleset = _check(
        libc.syscall(_CREATE, attributes, ctypes.c_size_t(8 if abi < 4 else 16 if abi < 6 else 24), 0),
        "Landlock rules",
    )
    write = handled & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV)
    rights = {"read": _READ & handled, "write": write}
    _allow(libc, ruleset, "/", _READ_DIR)
    for path, access in _spread("/", rules["/"], rules):
        _allow(libc, ruleset, path, rights[access])
    for name in _DEVICES:
        _allow(libc, ruleset, f"/dev/{name}", write | (_IOCTL_DEV & handled))
    _check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    _check(libc.syscall(_RESTRICT, ruleset, 0), "Landlock")
    os.close(ruleset)


def _spread(path: str, access: str, rules: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The paths to allow below `path`, so that everything named otherwise is left out."""
    inside = path.rstrip("/") + "/"
    below = [rule for rule in rules if rule.startswith(inside) and rule != path]
    if path == "/dev":  # terminals and disks are in there; what programs need of it is allowed by name
        return
    if access == "write" or (access == "read" and not below and inside != "/"):
        yield path, access
        return
    if access == "read":
        try:
            names = os.listdir(path)
        except OSError:
            return
    else:
        names = sorted({rule[len(inside) :].split("/", 1)[0] for rule in below})
    for name in names:
        child = inside + name
        yield from _spread(child, rules.get(child, access), rules)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        # A link is not followed: what it leads to is judged by its own place.
        found = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # gone meanwhile, or not for us anyway
    try:
        mode = os.fstat(found).st_mode & 0o170000
        if mode == 0o120000:
            return
        if mode != 0o040000:
            rights &= _OF_FILES
        if rights:
            rule = struct.pack("=Qi", rights, found)
            _check(libc.syscall(_ADD, ruleset, 1, rule, 0), path)
    finally:
        os.close(found)


# ------------------------------------------------------------- system calls


def _filter(libc: ctypes.CDLL, abi: int, network: bool) -> None:
    """A seccomp program: a row is a test of one number, and where to go on."""
    audit, socket, truncate = MACHINES[os.uname().machine]
    families = (_INET, _INET6, _NETLINK) if network else (_NETLINK,)
    load, equal, least, ret = 0x20, 0x15, 0x35, 0x06
    number, machine, first_argument = 0, 4, 16
    program = [
        (load, 0, 0, machine),
        (equal, 1, 0, audit),
        (ret, 0, 0, _REFUSE | errno.EPERM),
        (load, 0, 0, number),
        (least, 0, 1, 0x40000000),  # another way to number system calls
        (ret, 0, 0, _REFUSE | errno.ENOSYS),
        (equal, 0, 1, _IO_URING_SETUP),
        (ret, 0, 0, _REFUSE | errno.ENOSYS),
    ]
    if abi < 3:
        program += [(equal, 0, 1, truncate), (ret, 0, 0, _REFUSE | errno.EACCES)]
    program += [(equal, 1, 0, socket), (ret, 0, 0, _ALLOW), (load, 0, 0, first_argument)]
    for family in families:
        program += [(equal, 0, 1, family), (ret, 0, 0, _ALLOW)]
    program.append((ret, 0, 0, _REFUSE | errno.EACCES))
    rows = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in program))
    header = struct.pack("HP", len(program), ctypes.addressof(rows))
    _check(libc.prctl(22, 2, header, 0, 0), "system call filter")


def _give_up_powers(libc: ctypes.CDLL) -> None:
    """Only root has any; they go out of what a program started by it can get."""
    if os.geteuid() != 0:
        return
    for power in range(_POWERS):
        if power not in _KEPT:
            libc.prctl(24, power, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
