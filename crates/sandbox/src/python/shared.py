"""Many sessions in one process: admitted code, facades for modules, and types that nobody can change.

The gate bounds what a source can *say*; this file bounds what that can *do*: all types that exist before the
first session become immutable, attribute stores go through `guard`, single-underscore attributes through `own`,
and classes may only derive from bases that were looked at.
"""
import _string
import _strptime
import abc
import builtins as _real
import collections
import dataclasses
import enum
import functools
import importlib
import ipaddress
import re
import struct
import sys
import textwrap
import types
import typing
import unicodedata

from _astra_frozen import HEAP, IMMUTABLE, freeze, heap_types

_world = None
_gate = None
_facades = {}
_random_of = None

_SAFE = (
    "abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter float "
    "format frozenset hash hex int isinstance issubclass iter len list map max min next object oct ord pow print "
    "property range repr reversed round set slice sorted staticmethod str sum super tuple zip None True False "
    "NotImplemented Ellipsis __debug__"
).split()


def _is_own_class(thing):
    return isinstance(thing, type) and not thing.__flags__ & IMMUTABLE


_Function = types.FunctionType
_refused = set()
_REFUSED = object()


def refusal(error):
    """`error`, marked as one of ours: a tool may raise the same type with the same words."""
    error.__dict__["__astra_refused__"] = _REFUSED
    return error


def _is_own_function(thing):
    return type(thing) is _Function and thing.__globals__.get("__name__") == "tool"


def guard(thing):
    """`thing`, if a tool may set attributes on it: not what other sessions share."""
    kind = type(thing)
    if kind in _refused:
        if _is_own_function(thing):
            return thing
        raise refusal(AttributeError(f"a {kind.__name__} cannot be changed in the sandbox"))
    if kind is type and _value_names(thing):
        _world.current.tainted = True
    return thing


def own(thing):
    """`thing`, if its private attributes are the tool's own."""
    kind = type(thing)
    if not kind.__flags__ & IMMUTABLE or _is_own_class(thing):
        return thing
    if kind is super:
        behind = _self_of(thing)
        if _is_own_class(type(behind)) or _is_own_class(behind):
            return thing
    if kind is types.SimpleNamespace or _is_own_function(thing):
        return thing
    raise refusal(AttributeError(
        f"private attributes of {kind.__name__!r} objects are not reachable in the sandbox"))


_self_of = super.__self__.__get__


def own_class(thing):
    """`thing`, if it is a class of the tool's: a decorator may have put another object in the place of one."""
    if not _is_own_class(thing):
        raise refusal(TypeError("only a class of this source can stand here in the sandbox"))
    return thing


def method(thing, name):
    """`thing.__name__` about to be called; a class's method only on instances of that class."""
    if not issubclass(type(thing), type) or not any(name in vars(base) for base in thing.__mro__):
        return getattr(thing, name)
    if name not in _gate.OPERATORS and not _is_own_class(thing) and thing not in _plain_bases:
        raise refusal(TypeError(f"`{name}` of {thing.__name__!r} is not reachable in the sandbox"))
    found = getattr(thing, name)
    if name in ("__init_subclass__", "__class_getitem__"):
        return found

    def unbound(*arguments, **keywords):
        first = arguments[0] if arguments else None
        line = first.__mro__ if name == "__new__" and _is_own_class(first) else type(first).__mro__
        if thing not in line:
            raise refusal(TypeError(f"`{name}` needs a {thing.__name__!r} object in the sandbox"))
        return found(*arguments, **keywords)

    return unbound


def type_of(*arguments):
    if len(arguments) != 1:
        raise refusal(TypeError("type() takes 1 argument in the sandbox"))
    kind = type(arguments[0])
    if issubclass(kind, type):
        raise refusal(TypeError("the type of a class is not reachable in the sandbox"))
    return kind


def _unreachable(name):
    return refusal(AttributeError(f"the attribute {name!r} is not reachable in the sandbox"))


def get_attribute(thing, name, /, *default):
    """`getattr`, for the names that the gate would admit as `thing.name`."""
    if type(name) is not str or len(default) > 1:
        raise TypeError("getattr() needs an object, a name and at most one default")
    if name == "__class__":
        return type_of(thing)
    if name == "__dict__":
        return attributes(thing)
    if name == "format":
        return formatter(thing)
    if name.startswith("__") and name not in _gate.READABLE or name in _gate.DENIED_ATTRIBUTES:
        raise _unreachable(name)
    if name.startswith("_") and not name.startswith("__") and name not in _gate.NAMEDTUPLE:
        thing = own(thing)
    return getattr(thing, name, *default)


def has_attribute(thing, name, /):
    if type(name) is not str or name in _gate.DENIED_ATTRIBUTES:
        raise _unreachable(name)
    if name.startswith("__"):
        if name not in _gate.PROBED:
            raise _unreachable(name)
    elif name.startswith("_"):
        thing = own(thing)
    return hasattr(thing, name)


def plain_name(name):
    if type(name) is not str or name.startswith("__") or name in _gate.DENIED_ATTRIBUTES:
        raise refusal(AttributeError(f"cannot set attribute {name!r} in the sandbox"))
    return name


def set_plain(thing, name, value):
    object.__setattr__(guard(thing), plain_name(name), value)


def set_attribute(thing, name, value, /):
    if type(name) is str and name.startswith("_"):
        own(thing)
    setattr(guard(thing), plain_name(name), value)


def del_attribute(thing, name, /):
    if type(name) is str and name.startswith("_"):
        own(thing)
    delattr(guard(thing), plain_name(name))


def attributes(thing, /):
    """The attribute dictionary of an instance of a tool's own class, for `vars(x)` and `x.__dict__`."""
    kind = type(thing)
    if kind is types.SimpleNamespace or not kind.__flags__ & IMMUTABLE and not issubclass(kind, type):
        return vars(thing)
    raise refusal(TypeError(f"the attributes of a {kind.__name__!r} object are not reachable in the sandbox"))


def _check_fields(text):
    """Looks at every field of a format string, nested ones included."""
    for _before, field, spec, _conversion in _string.formatter_parser(text):
        if field:
            for is_attribute, name in _string.formatter_field_name_split(field)[1]:
                if is_attribute and (name.startswith("_") or name in _gate.DENIED_ATTRIBUTES or name == "format"):
                    raise _unreachable(name)
        if spec:
            _check_fields(spec)


def formatter(thing):
    """`thing.format`; that of a string looks at its fields first."""
    kind = type(thing)
    if kind is str:
        def checked(*arguments, **keywords):
            _check_fields(thing)
            return thing.format(*arguments, **keywords)
        return checked
    for base in (thing if issubclass(kind, type) else kind).__mro__:
        if "format" in vars(base):
            if base.__flags__ & IMMUTABLE:
                raise _unreachable("format")
            break
    if kind is super:
        raise _unreachable("format")
    return thing.format


def checked_pattern(*kinds):
    """Looks at the classes of a pattern that takes attributes of what it matches; never itself matches."""
    for kind in kinds:
        for name in getattr(kind, "__match_args__", ()) if isinstance(kind, type) else ():
            if type(name) is not str or name.startswith("_") or name in _gate.UNMATCHED:
                raise refusal(TypeError(f"the attribute {name!r} cannot be matched in the sandbox"))
    return False


class _Type:
    """`type` as a value: for calls with one argument and for `isinstance`."""

    __slots__ = ()
    __name__ = __qualname__ = "type"

    def __call__(self, *arguments):
        return type_of(*arguments)

    def __instancecheck__(self, thing):
        return isinstance(thing, type)

    def __subclasscheck__(self, kind):
        return issubclass(kind, type)

    def __getitem__(self, item):
        return typing.Type[item]

    def __or__(self, other):
        return typing.Union[typing.Type, other]

    __ror__ = __or__

    def __repr__(self):
        return "<class 'type'>"


def field_name(name):
    """`name`, if generated code may say `self.name`: source text is normalised, so the name must be so already."""
    if type(name) is not str or not name.isidentifier() or name.startswith("__") \
            or name in _gate.DENIED_ATTRIBUTES or unicodedata.normalize("NFKC", name) != name:
        raise refusal(TypeError(f"a field cannot be named {name!r} in the sandbox"))
    return name


def _check_bases(bases):
    """Bases that may stand in a class statement; what is no class must be one of typing's stand-ins for some."""
    for base in bases:
        if not issubclass(type(base), type) and type(base) not in _aliases and base not in _base_functions:
            raise refusal(TypeError(f"a {type(base).__name__!r} object is not an acceptable base in the sandbox"))
    for base in types.resolve_bases(bases):
        if base.__flags__ & IMMUTABLE and base not in _subclassable | _base_kinds \
                and not issubclass(base, BaseException):
            raise refusal(TypeError(f"type {base.__name__!r} is not an acceptable base type in the sandbox"))


def build_class(function, name, /, *bases, **keywords):
    _check_bases(bases)
    if keywords.get("metaclass", abc.ABCMeta) is not abc.ABCMeta:
        raise refusal(TypeError("the only metaclass in the sandbox is ABCMeta"))
    made = _real.__build_class__(function, name, *bases, **keywords)
    if _is_own_class(made):
        names = vars(made)
        if "__eq__" in names or names.get("__hash__") is not None or _value_names(made):
            _world.current.tainted = True
    return made


def _value_names(kind):
    """Whether `kind` is a number or text with a behaviour of its own, which could poison a cache of the library's."""
    values = [base for base in kind.__mro__ if base in _VALUES]
    if not values or not _is_own_class(kind):
        return False
    harmless = _SHOWN if issubclass(kind, enum.Enum) else _MADE
    return any(name not in harmless and hasattr(base, name)
               for part in kind.__mro__ if _is_own_class(part) for name in vars(part) for base in values)


_VALUES = frozenset((str, bytes, bytearray, int, float, complex, tuple))
_MADE = frozenset(("__doc__", "__module__", "__new__", "__init__", "__init_subclass__", "__dict__", "__slots__",
                   "__getnewargs__", "__repr__", "__class_getitem__", "__hash__", "__reduce_ex__", "__static_attributes__",
                   "__firstlineno__"))
_SHOWN = _MADE | {"__str__", "__format__", "__sizeof__", "__reduce__"}


def clear_caches():
    """Forgets what the library keeps for all sessions, after a call whose values may have lied to it."""
    for clear in _clears:
        clear()
    for kind, members in _flags:
        found = kind._value2member_map_
        found.clear()
        found.update(members)


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
    "type": _Type(), "hasattr": has_attribute, "getattr": get_attribute, "setattr": set_attribute,
    "delattr": del_attribute, "vars": attributes, "__build_class__": build_class, "__import__": import_facade,
    "__astra_type__": type_of, "__astra_set__": guard, "__astra_own__": own, "__astra_name__": plain_name,
    "__astra_setattr__": set_plain, "__astra_class__": own_class, "__astra_method__": method,
    "__astra_dict__": attributes, "__astra_format__": formatter, "__astra_match__": checked_pattern,
    "__name__": "builtins",
})
_subclassable = set()
_plain_bases = frozenset(getattr(_real, name) for name in (
    "object dict list set tuple str int float Exception BaseException ValueError TypeError KeyError RuntimeError "
    "LookupError IndexError ArithmeticError OSError AttributeError").split())
_aliases = {types.GenericAlias} | {kind for kind in vars(typing).values() if isinstance(kind, type)
                                   and kind.__name__.endswith(("Alias", "SpecialForm", "TupleType", "CallableType"))}
_base_functions = tuple(thing for thing in (typing.NamedTuple, typing.TypedDict) if not isinstance(thing, type))
_base_kinds = frozenset(getattr(typing, name) for name in ("_NamedTuple", "_TypedDict") if hasattr(typing, name))
_clears = []
_flags = []


class _ToolModule:
    """Stands for the tool's module in `sys.modules`, where dataclasses looks for its names."""

    __name__ = "tool"

    @property
    def __dict__(self):
        # The nearest tool frame is the one whose class is being made.
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_globals.get("__name__") == "tool":
                return frame.f_globals
            frame = frame.f_back
        return {}


def _patch_libraries():
    """Closes the places where the library turns strings into code or changes what all sessions share."""
    def set_field(self, name, value):
        if name == "name" and value is not None:
            field_name(value)
        if name == "metadata" and value is dataclasses._EMPTY_METADATA:
            value = types.MappingProxyType({})
        object.__setattr__(self, name, value)

    dataclasses.Field.__setattr__ = set_field
    named_tuple = collections.namedtuple

    def namedtuple(typename, field_names, *, rename=False, defaults=None, module=None):
        """Returns a new subclass of tuple with named fields."""
        names = str.__str__(field_names).replace(",", " ").split() if isinstance(field_names, str) else [
            str.__str__(str(name)) for name in field_names]
        if not rename:
            for name in names:
                if name.isidentifier():
                    field_name(name)
        else:
            names = [name if name not in _gate.DENIED_ATTRIBUTES else "_" for name in names]
        return named_tuple(str.__str__(str(typename)), names, rename=rename, defaults=defaults,
                           module="tool" if module is None else module)

    collections.namedtuple = namedtuple
    # What these properties hand out would hand on the dictionary behind it, by `==` and by `|`.
    enum.EnumMeta.__members__ = property(lambda cls: types.MappingProxyType(dict(cls._member_map_)))
    groups = re.Pattern.groupindex.__get__
    _world._patch_type(re.Pattern, "groupindex", property(lambda self: types.MappingProxyType(dict(groups(self)))))
    create = enum.EnumMeta._create_

    def create_enum(cls, class_name, names, *, module=None, **keywords):
        if isinstance(names, str):
            listed = str.__str__(names).replace(",", " ").split()
        else:
            pairs = names.items() if isinstance(names, dict) else names
            listed = [item if type(item) is str else tuple(item) for item in pairs]
        for item in listed:
            member = item if type(item) is str else item[0]
            if type(member) is not str or member.startswith("_"):
                raise refusal(ValueError(f"a member cannot be named {member!r} in the sandbox"))
        # The list that was looked at: what an iterator gives the next time is another matter.
        return create(cls, str.__str__(class_name), listed, module="tool", **keywords)

    enum.EnumMeta._create_ = create_enum
    register = abc.ABCMeta.register

    def register_own(cls, subclass):
        # Both must be the tool's: what is registered passes for an instance, in patterns too.
        if not (_is_own_class(cls) and _is_own_class(subclass)):
            raise refusal(TypeError(f"this cannot be registered with {cls.__name__} in the sandbox"))
        return register(cls, subclass)

    abc.ABCMeta.register = register_own
    spaces = textwrap.TextWrapper.unicode_whitespace_trans
    textwrap.TextWrapper.unicode_whitespace_trans = property(lambda self: dict(spaces))


def setup(world):
    global _world, _gate, _facades, _random_of
    import _astra_gate
    import _astra_facade
    _world, _gate = world, _astra_gate
    _patch_libraries()
    _facades, _random_of = _astra_facade.build(world, guard, refusal)
    sys.modules["tool"] = _ToolModule()
    for path in _astra_facade.SUBCLASSABLE:
        module, name = path.rsplit(".", 1)
        _subclassable.add(getattr(importlib.import_module(module), name))
    _subclassable.update(kind for kind in vars(_real).values() if isinstance(kind, type) and kind is not type)
    _subclassable.update(getattr(importlib.import_module("collections.abc"), name)
                         for name in _astra_facade.TABLE["collections.abc"])
    kinds = heap_types()
    _refused.update(kind for kind in kinds if isinstance(kind, enum.EnumMeta))
    _refused.update((_Function, dataclasses.Field, functools._lru_cache_wrapper, functools.partial,
                     functools.cached_property))
    # Aliases such as `Literal[1]` pass what is set on them to what they stand for.
    _refused.update(kind for kind in kinds if kind.__module__ == "typing")
    # Singletons that facades hand out: all sessions hold the same one.
    _refused.add(_Type)
    _refused.update(type(value) for facade in _facades.values() for value in vars(facade).values()
                    if type(value).__flags__ & HEAP and not isinstance(value, type))
    _find_caches(kinds)
    freeze(kinds)


def _find_caches(kinds):
    """Everything in the library that keeps what it was asked, for `clear_caches`."""
    _clears.extend(cache.cache_clear for cache in _world.library_caches)
    found = [getattr(re, name, None) for name in ("_cache", "_cache2")]
    found += [_strptime._regex_cache, ipaddress._BaseV4._netmask_cache, ipaddress._BaseV6._netmask_cache]
    _clears.extend(cache.clear for cache in found if cache is not None)
    _clears.append(struct._clearcache)
    _flags.extend((kind, dict(kind._value2member_map_)) for kind in kinds
                  if isinstance(kind, enum.EnumMeta) and issubclass(kind, enum.Flag))


def compile(source, entries):
    """The code object of a source, read and rewritten by the gate again in this process."""
    return _gate.admit(source, entries)


def namespace():
    return {"__name__": "tool", "__builtins__": _builtins, "__doc__": None}


def denial(error):
    """Whether `error` was made for a refusal here."""
    return "Denied" if error.__dict__.get("__astra_refused__") is _REFUSED else None


def forget():
    """Takes the way into the C library out of every module that used it."""
    _world.ctypes = None
    for name in list(sys.modules):
        if name.split(".")[0] in ("ctypes", "_ctypes", "_posixsubprocess", "socket", "_socket", "mmap", "_astra_lockdown"):
            del sys.modules[name]
