"""First thing the interpreter runs: closes every descriptor but the control channel and loads the rest from it.

The sources come over the channel, not on the command line, because one argument may hold 128 KiB at most.
"""
import os, sys
os.closerange(3, 65536)
sys.dont_write_bytecode = True


def _fix_addresses():
    """Starts over without random addresses, where that is permitted: hashes and orders that come from an object's
    address are then the same in every run."""
    if os.environ.pop("ASTRA_STARTED_OVER", None):
        return
    try:
        import ctypes
        libc = ctypes.CDLL(None)
        # 0xFFFFFFFF asks; 0x40000 is ADDR_NO_RANDOMIZE.
        if libc.personality((libc.personality(0xFFFFFFFF) & 0xFFFFFFFF) | 0x40000) != -1:
            os.execve(sys.executable, sys.orig_argv, {**os.environ, "ASTRA_STARTED_OVER": "1"})
    except (ImportError, OSError):
        pass


def _exactly(count):
    parts = []
    while count:
        part = os.read(0, min(count, 65536))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _boot():
    import builtins, json, types
    for name in set(os.environ) - {"TZ", "LC_ALL", "LANG", "PYTHONUTF8", "PYTHONHASHSEED"}:
        del os.environ[name]
    settings = json.loads(_exactly(int.from_bytes(_exactly(4), "little")))
    for name, text in settings.pop("sources"):
        module = types.ModuleType(name)
        # Builtins of their own: what a private tool does to the real ones is its own affair.
        module.__dict__["__builtins__"] = dict(vars(builtins))
        sys.modules[name] = module
        exec(compile(text, f"<{name}>", "exec"), module.__dict__)
    sys.modules["_astra_zygote"].main(settings)


_fix_addresses()
_boot()
