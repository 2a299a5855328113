"""Many sessions in one process: admitted code, facades for modules, and types that nobody can change.

The gate bounds what a source can *say*; this file bounds what that can *do*: all types that exist before the
first session become immutable, attribute stores go through `guard`, single-underscore attributes through `own`,
and classes may only derive from bases that were looked at.
"""
import builtins as _real
import ctypes
import functools
import sys
import types

_world = None
_gate = None
_facades = {}
_random_of = None
_IMMUTABLE, _HEAP = 1 << 8, 1 << 9
_FLAGS_OFFSET = 168  # of tp_flags in PyTypeObject; checked against `__flags__` before use
_namespace_now = None

_SAFE = (
    "abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter float "
    "format frozenset hash hex int isinstance issubclass iter len list map max min next object oct ord pow print "
    "property range repr reversed round set slice sorted staticmethod str sum super tuple zip None True False "
    "NotImplemented Ellipsis __debug__"
).split()


def _heap_types():
    seen = {object}
    todo = [object]
    while todo:
        for kind in type.__subclasses__(todo.pop()):
            if kind not in seen:
                seen.add(kind)
                todo.append(kind)
    return seen


def _freeze(kinds):
    for kind in kinds:
        flags = ctypes.c_ulong.from_address(id(kind) + _FLAGS_OFFSET)
        if flags.value != kind.__flags__:
            raise RuntimeError("this interpreter lays out its types in another way")
        flags.value |= _IMMUTABLE
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(object))


def _is_own_class(thing):
    return isinstance(thing, type) and not thing.__flags__ & _IMMUTABLE


_Function = types.FunctionType
_refused = set()


def guard(thing):
    """`thing`, if a tool may set attributes on it: not what other sessions share."""
    kind = type(thing)
    if kind in _refused:
        if kind is _Function and thing.__globals__.get("__name__") == "tool":
            return thing
        raise AttributeError(f"a {kind.__name__} cannot be changed in the sandbox")
    return thing


def own(thing):
    """`thing`, if its private attributes are the tool's own."""
    kind = type(thing)
    if not kind.__flags__ & _IMMUTABLE or kind is super or _is_own_class(thing):
        return thing
    if kind is _Function and thing.__globals__.get("__name__") == "tool" or kind is types.SimpleNamespace:
        return thing
    raise AttributeError(f"private attributes of {kind.__name__!r} objects are not reachable in the sandbox")


def type_of(*arguments):
    if len(arguments) != 1:
        raise TypeError("type() takes 1 argument in the sandbox")
    kind = type(arguments[0])
    if issubclass(kind, type):
        raise TypeError("the type of a class is not reachable in the sandbox")
    return kind


def has_attribute(thing, name, /):
    if type(name) is not str or name.startswith("_") or name in _gate.DENIED_ATTRIBUTES:
        raise AttributeError(f"hasattr() of {name!r} is not admitted in the sandbox")
    return hasattr(thing, name)


def plain_name(name):
    if type(name) is not str or name.startswith("__"):
        raise AttributeError(f"cannot set attribute {name!r} in the sandbox")
    return name


def set_plain(thing, name, value):
    object.__setattr__(guard(thing), plain_name(name), value)


def _check_bases(bases):
    for base in bases:
        if not isinstance(base, type):
            # A generic alias stands for its origin.
            base = getattr(base, "__origin__", None) if type(base).__module__ in ("typing", "types") else base
            if not isinstance(base, type):
                continue
        if base.__flags__ & _IMMUTABLE and base not in _subclassable and not issubclass(base, BaseException):
            raise TypeError(f"type {base.__name__!r} is not an acceptable base type in the sandbox")


def build_class(function, name, /, *bases, **keywords):
    _check_bases(bases)
    return _real.__build_class__(function, name, *bases, **keywords)


def import_facade(name, globals=None, locals=None, fromlist=(), level=0):
    if name == "random":
        facade = _world.current.facades.get("random")
        if facade is None:
            facade = _world.current.facades["random"] = _random_of(_world.current)
        return facade
    facade = _facades.get(name)
    if facade is None and not level and name in sys.modules:
        # The C library importing for itself on behalf of a tool (`_strptime`): it takes the module from
        # `sys.modules` afterwards and drops what it gets here. No admitted source can ask for such a name.
        return _nothing
    if facade is None or level:
        raise ModuleNotFoundError(f"module {name!r} is not available in the sandbox", name=name)
    return facade if fromlist else _facades[name.split(".")[0]]


_nothing = types.MappingProxyType({})
_builtins = {name: getattr(_real, name) for name in _SAFE}
_builtins.update({name: kind for name, kind in vars(_real).items()
                  if isinstance(kind, type) and issubclass(kind, BaseException)})
_builtins.update({
    "type": type_of, "hasattr": has_attribute, "__build_class__": build_class, "__import__": import_facade,
    "__astra_type__": type_of, "__astra_set__": guard, "__astra_own__": own, "__astra_name__": plain_name,
    "__astra_setattr__": set_plain, "__name__": "builtins",
})
_subclassable = set()


class _ToolModule:
    """Stands for the tool's module in `sys.modules`, where dataclasses looks for its names."""

    __name__ = "tool"

    @property
    def __dict__(self):
        return _namespace_now if _namespace_now is not None else {}


def _patch_libraries():
    """Closes the places where the library turns strings into code or changes what all sessions share."""
    import abc
    import dataclasses
    import enum

    def set_field(self, name, value):
        if name == "name" and value is not None and (
                type(value) is not str or not value.isidentifier() or value.startswith("__")):
            raise TypeError(f"a field cannot be named {value!r} in the sandbox")
        object.__setattr__(self, name, value)

    dataclasses.Field.__setattr__ = set_field
    create = enum.EnumMeta._create_

    def create_enum(cls, class_name, names, *, module=None, **keywords):
        listed = names.replace(",", " ").split() if isinstance(names, str) else names
        for item in list(listed):
            member = item if isinstance(item, str) else item[0]
            if type(member) is not str or member.startswith("_"):
                raise ValueError(f"a member cannot be named {member!r} in the sandbox")
        return create(cls, class_name, names, module="tool", **keywords)

    enum.EnumMeta._create_ = create_enum
    register = abc.ABCMeta.register

    def register_own(cls, subclass):
        if not _is_own_class(cls):
            raise TypeError(f"nothing can be registered with {cls.__name__} in the sandbox")
        return register(cls, subclass)

    abc.ABCMeta.register = register_own
    import textwrap
    textwrap.TextWrapper.unicode_whitespace_trans = types.MappingProxyType(
        textwrap.TextWrapper.unicode_whitespace_trans)


def setup(world):
    global _world, _gate, _facades, _random_of
    import enum
    import importlib
    import _astra_gate
    import _astra_facade
    _world, _gate = world, _astra_gate
    _patch_libraries()
    _facades, _random_of = _astra_facade.build(world, guard)
    sys.modules["tool"] = _ToolModule()
    for path in _astra_facade.SUBCLASSABLE:
        module, name = path.rsplit(".", 1)
        _subclassable.add(getattr(importlib.import_module(module), name))
    _subclassable.update(kind for kind in vars(_real).values() if isinstance(kind, type) and kind is not type)
    _subclassable.update(getattr(importlib.import_module("collections.abc"), name)
                         for name in _astra_facade.TABLE["collections.abc"])
    kinds = _heap_types()
    import dataclasses
    _refused.update(kind for kind in kinds if isinstance(kind, enum.EnumMeta))
    _refused.update((_Function, dataclasses.Field, functools._lru_cache_wrapper, functools.partial,
                     functools.cached_property))
    # Aliases such as `Literal[1]` pass what is set on them to what they stand for.
    _refused.update(kind for kind in kinds if kind.__module__ == "typing")
    # Singletons that facades hand out: all sessions hold the same one.
    _refused.update(type(value) for facade in _facades.values() for value in vars(facade).values()
                    if type(value).__flags__ & _HEAP and not isinstance(value, type))
    _freeze(kinds)
    # What one session's tools cached in re or typing is bounded there; nothing else is kept.


def compile(source):
    """The code object of a source, read and rewritten by the gate again in this process."""
    return _gate.admit(source)


def namespace():
    global _namespace_now
    _namespace_now = {"__name__": "tool", "__builtins__": _builtins, "__doc__": None}
    return _namespace_now


def denial(error):
    if isinstance(error, OSError) and error.errno in (1, 13, 38):
        return "Denied"
    if "in the sandbox" in str(error.args[0] if error.args else ""):
        return "Denied"
    return None


def forget():
    pass
