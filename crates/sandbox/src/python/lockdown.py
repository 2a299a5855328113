"""What keeps a worker from reaching anything: namespaces, limits, Landlock, seccomp, and probes of all of them.

Namespaces are entered once by the zygote; everything else by each worker before it sees tool code. Nothing is
assumed to work: the worker tries what it must not be able to do and reports what happened. The seccomp program
itself is built by the host and arrives as bytes.
"""
import ctypes
import errno
import os
import resource
import signal
import socket

_libc = ctypes.CDLL(None, use_errno=True)
_getrandom = os.getrandom  # before it is patched for tools
_SPACES = (
    ("user", 0x10000000), ("pid", 0x20000000), ("net", 0x40000000),
    ("ipc", 0x08000000), ("uts", 0x04000000), ("mount", 0x00020000),
)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38


def _why():
    return os.strerror(ctypes.get_errno())


def enter_namespaces():
    """Enters what the kernel permits; returns `{"namespaces": {name: "" or why not}}` in the process that goes on."""
    outcome = {}
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(sum(flag for _name, flag in _SPACES)) == 0:
        outcome = {name: "" for name, _flag in _SPACES}
    else:
        for name, flag in _SPACES:
            outcome[name] = "" if _libc.unshare(flag) == 0 else _why()
    if not outcome["user"]:
        _map_ids(user, group)
    if not outcome["pid"]:
        _become_first()
    return {"namespaces": outcome}


def _map_ids(user, group):
    # Without a map the process is nobody, which serves as well: failure is fine.
    for path, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        try:
            with open(f"/proc/self/{path}", "w", encoding="ascii") as file:
                file.write(text)
        except OSError:
            pass


def _become_first():
    """Goes on as process 1 of the new pid namespace; the launcher only waits, so that the host can reap all of it."""
    child = os.fork()
    if child == 0:
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.close(0)
    try:
        os.waitpid(child, 0)
    finally:
        os._exit(0)


def landlock_abi():
    return max(0, _libc.syscall(444, None, 0, 1))


def _landlock():
    abi = landlock_abi()
    if abi < 1:
        return "this kernel has no Landlock"
    bits = 13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16
    words = [(1 << bits) - 1]
    if abi >= 4:
        words.append(3)  # bind and connect
    if abi >= 6:
        words.append(3)  # abstract sockets and signals to outside
    attributes = (ctypes.c_uint64 * len(words))(*words)
    rules = _libc.syscall(444, attributes, ctypes.sizeof(attributes), 0)
    if rules < 0:
        return _why()
    outcome = "" if _libc.syscall(446, rules, 0) == 0 else _why()
    os.close(rules)
    if not outcome and not _refused(lambda: os.open("/", os.O_RDONLY)):
        return "a path could still be opened"
    return outcome


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _seccomp(program):
    # The caller keeps `program` alive across the system call.
    holder = _Program(len(program) // 8, program)
    if _libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(holder), 0, 0) != 0:
        return _why()
    return ""


def _refused(action):
    try:
        made = action()
    except OSError as error:
        return error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS)
    if isinstance(made, int) and made > 2:
        os.close(made)
    return False


def _probe():
    """Tries what must not work; returns the names of what did."""
    def fork():
        child = os.fork()
        if child == 0:
            os._exit(0)
        return 0

    attempts = {
        "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
        "open /proc": lambda: os.open("/proc/self/environ", os.O_RDONLY),
        "socket": lambda: socket.socket().detach(),
        "fork": fork,
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "kill": lambda: os.kill(os.getppid(), 0),
        "getrandom": lambda: (_getrandom(1), 0)[1],
        "memfd": lambda: os.memfd_create("probe"),
    }
    return [name for name, action in attempts.items() if not _refused(action)]


def virtual_bytes():
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _limits(hard, soft):
    try:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def lock(settings, extra_bytes):
    """Locks this process down for good; returns `{layer: "" or why it is missing}`."""
    report = {}
    parent = os.getppid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    try:
        base = virtual_bytes()
    except OSError:
        base = 256 << 20
    report["rlimits"] = _limits(base + extra_bytes, base + settings["memory_bytes"])
    report["no_new_privs"] = "" if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 else _why()
    report["not_dumpable"] = "" if _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 else _why()
    report["landlock"] = _landlock()
    report["seccomp"] = _seccomp(settings["filter"])
    if not report["seccomp"]:
        worked = _probe()
        if worked:
            report["seccomp"] = "not refused: " + ", ".join(worked)
    return report, base


def forget(role):
    """Takes the means of this file out of reach of what runs next."""
    import sys
    engine = sys.modules["_astra_private" if role == "p" else "_astra_shared"]
    engine.forget()
