"""Many sessions in one process: only code that the gate admitted, through facades."""
import sys

_world = None


def setup(world):
    global _world
    _world = world


def compile(source):
    import builtins
    return builtins.compile(source, "<tool>", "exec", dont_inherit=True)


def namespace():
    return {"__name__": "tool", "__builtins__": __builtins__}


def denial(error):
    return "Denied" if isinstance(error, OSError) and error.errno in (1, 13, 38) else None


def forget():
    pass
