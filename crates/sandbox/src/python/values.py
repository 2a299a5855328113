"""From Python values to JSON text: what a tool may return, and how it is written.

The C encoder does the common case in one pass; only what it refuses (infinite floats, odd keys) is rebuilt first.
"""
import collections
import dataclasses
import datetime
import decimal
import enum
import json
import json.encoder
import fractions
import ipaddress
import pathlib
import re
import sys
import types
import uuid

# As CPython ends the repr of an object without a better one; honest text about a device at 0x3C stays.
_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}(?=>)")
_PATH = re.compile(r"(?:/[\w.+-]+)+/(?:lib/)?python3[\w.]*/[\w./+-]*|<_astra_\w+>")
_scanner = json.JSONDecoder().scan_once


# Values that people write down, and sequences that are not lists.
_TEXTS = (decimal.Decimal, fractions.Fraction, datetime.timedelta, uuid.UUID, complex, pathlib.PurePath,
          ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network)
_LISTS = (type({}.keys()), type({}.values()), type({}.items()), range, collections.deque, collections.UserList)


class NotJson(Exception):
    """A value with no JSON form."""


def _ordered(items):
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda item: (type(item).__name__, str(item)))


def _default(value):
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return _ordered(value)
    if isinstance(value, _TEXTS):
        return str(value)
    if isinstance(value, _LISTS):
        return list(value)
    if isinstance(value, types.SimpleNamespace):
        return dict(value.__dict__)
    if isinstance(value, types.MappingProxyType):
        return dict(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    raise NotJson(f"a value of type {type(value).__name__} is not JSON")


def _key(key):
    if key is None:
        return "null"
    if key is True:
        return "true"
    if key is False:
        return "false"
    if isinstance(key, float):
        return _number(key) if key - key == 0 else str(_finite(key))
    if isinstance(key, int):
        return int.__repr__(key)
    return str.__str__(key) if isinstance(key, str) else str(key)


def _number(value):
    return float.__repr__(value)


def _finite(value):
    if value != value:
        return "NaN"
    if value - value != 0:
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _rebuilt(value, inside):
    if isinstance(value, float):
        return _finite(value)
    if value is None or isinstance(value, (str, int)):
        return value
    if id(value) in inside:
        raise NotJson("the value contains itself")
    inside = inside | {id(value)}
    if isinstance(value, dict):
        return {_key(key): _rebuilt(item, inside) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rebuilt(item, inside) for item in value]
    return _rebuilt(_default(value), inside)


_encode = json.encoder.c_make_encoder(
    None, _default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
_encode_sorted = json.encoder.c_make_encoder(
    None, _default, json.encoder.encode_basestring, None, ":", ",", True, False, False)
text = json.encoder.encode_basestring


def scrub(string):
    """Without memory addresses, which differ from run to run."""
    return _ADDRESS.sub(" at 0x0", string) if " at 0x" in string else string


def result_text(value):
    """JSON text of a return value; raises `NotJson`."""
    try:
        chunks = _encode(value, 0)
    except (TypeError, ValueError):
        chunks = _encode(_rebuilt(value, frozenset()), 0)
    except RecursionError:
        raise NotJson("the value is nested too deeply or contains itself") from None
    return scrub("".join(chunks))


_strict = json.encoder.c_make_encoder(
    None, lambda value: _refuse(value), json.encoder.encode_basestring, None, ":", ",", True, False, False)


def _refuse(value):
    raise NotJson(f"the state holds a value of type {type(value).__name__}")


def state_text(state):
    """JSON text of a state; raises `NotJson`."""
    if not isinstance(state, dict):
        raise NotJson("the state is not an object")
    try:
        return "".join(_strict(state, 0))
    except RecursionError:
        raise NotJson("the state is nested too deeply or contains itself") from None
    except (TypeError, ValueError) as error:
        raise NotJson(str(error)) from None


def parse(string):
    """Strict enough for what the host sends: one JSON value and nothing else."""
    return _scanner(string, 0)[0]


def message_of(error):
    """`Type: message` as a person would see it, without host paths or addresses, at most 2,000 characters."""
    try:
        # Exact strings, cut before anything looks at them: what a tool's `__str__` gives may have methods of its own.
        said = str.__str__(str(error))[:2000]
    except Exception:
        said = "(no message)"
    name = str.__str__(type(error).__name__)[:200]
    line = f"{name}: {said}" if said else name
    return scrub(_PATH.sub("<python>", line))[:2000].encode("utf-8", "replace").decode()


def binary(string):
    return string.encode("utf-8", "replace")


sys.modules.setdefault("_astra_values", sys.modules.get(__name__))
