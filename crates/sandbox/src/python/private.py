"""A process of its own for one session: all of plain Python, held only by the kernel's protections."""
import opcode
import sys
import types

_world = None
_DENIED_MODULES = ("ctypes", "_ctypes", "_posixsubprocess", "resource", "socket", "_socket", "mmap")


class _Finder:
    """Stands where the path finders stood: nothing can be loaded from disk any more."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        raise ModuleNotFoundError(f"module {name!r} is not available in the sandbox", name=name)


def setup(world):
    global _world
    _world = world
    astra = types.ModuleType("astra")
    astra.data = lambda name: world.current.data(name)
    astra.new_id = lambda state, prefix, fields: world.current.new_id(state, prefix, fields)
    sys.modules["astra"] = astra


def compile(source, _entries):
    import builtins
    return builtins.compile(source, "<tool>", "exec", dont_inherit=True)


def namespace():
    import random
    if not _world.current.extra.get("seeded"):
        _world.current.extra["seeded"] = True
        random.seed(_world.current.random_seed())
    module = types.ModuleType("tool")
    # The real builtins, not the copy that our own modules keep.
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules["tool"] = module
    return module.__dict__


def clear_caches():
    pass


def _raised_by_tool(error):
    """Whether a `raise` of the tool's made it, and not the system."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_globals.get("__name__") != "tool":
        return False
    return trace.tb_frame.f_code.co_code[trace.tb_lasti] == opcode.opmap["RAISE_VARARGS"]


def denial(error):
    """Whether `error` is the sandbox saying no."""
    if _raised_by_tool(error):
        return None
    if isinstance(error, OSError) and error.errno in (1, 13, 38):
        return "Denied"
    if isinstance(error, ModuleNotFoundError) and "sandbox" in str(error):
        return "Denied"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "Denied"
    return None


def forget():
    for name in list(sys.modules):
        if name in _DENIED_MODULES or name.startswith(("ctypes.", "_astra_")):
            del sys.modules[name]
    sys.meta_path[:] = [_Finder]
    sys.path_hooks.clear()
    sys.path.clear()
    sys.path_importer_cache.clear()
