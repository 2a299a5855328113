"""Making the interpreter's types immutable, so that no session can change what others share.

The flag is the one that CPython sets for its own static types; Python cannot set it, so memory is written.
"""
IMMUTABLE, HEAP = 1 << 8, 1 << 9  # of tp_flags
_FLAGS_OFFSET = 168  # of tp_flags in PyTypeObject; checked against `__flags__` before use


def heap_types():
    seen = {object}
    todo = [object]
    while todo:
        for kind in type.__subclasses__(todo.pop()):
            if kind not in seen:
                seen.add(kind)
                todo.append(kind)
    return seen


def freeze(kinds):
    # Not at the top: nothing that stays may lead to it.
    import ctypes
    for kind in kinds:
        flags = ctypes.c_ulong.from_address(id(kind) + _FLAGS_OFFSET)
        if flags.value != kind.__flags__:
            raise RuntimeError("this interpreter lays out its types in another way")
        flags.value |= IMMUTABLE
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(object))
