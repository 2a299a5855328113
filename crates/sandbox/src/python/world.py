"""The world as tools see it: which session is running, its clock and its entropy, and the patches that route there.

One call runs at a time in a worker, so "the running session" is one module variable. Types are patched in place
(`datetime.datetime` stays CPython's own type), never replaced: reprs and isinstance must stay exact.
"""
import contextvars
import ctypes
import functools
import gc
import hashlib
import importlib
import json
import marshal
import sys

_START = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z in microseconds
_YEAR = 366 * 86_400_000_000
TICK = 10  # microseconds that one look at the clock takes

PRELOAD = (
    "__future__ _strptime abc array ast base64 binascii bisect calendar cmath codecs collections collections.abc colorsys "
    "configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal difflib email.utils "
    "encodings.ascii encodings.latin_1 encodings.utf_16 encodings.utf_32 encodings.idna encodings.cp1252 encodings.hex_codec "
    "encodings.unicode_escape encodings.base64_codec encodings.rot_13 enum errno fnmatch fractions functools gc "
    "graphlib hashlib heapq hmac html html.parser http inspect io ipaddress itertools json keyword locale logging math "
    "numbers operator os os.path pathlib posixpath pprint queue random re reprlib secrets shlex signal stat "
    "statistics string stringprep struct subprocess tempfile textwrap threading time timeit token tokenize traceback types typing "
    "unicodedata urllib.parse uuid warnings weakref xml.etree.ElementTree zlib zoneinfo"
).split()


class Session:
    """What one episode owns in a worker."""

    __slots__ = ("number", "program", "namespaces", "functions", "state", "state_text", "seed", "_drawn", "_clock",
                 "_random", "context", "facades", "secret", "parsed", "extra", "tainted")

    def __init__(self, number, program, seed):
        self.number = number
        self.program = program
        self.namespaces = []
        self.functions = {}
        self.state = None
        self.state_text = program.state_text if program else None
        self.seed = seed.to_bytes(8, "little")
        digest = hashlib.blake2b(b"session", key=self.seed).digest()
        self._clock = _START + int.from_bytes(digest[:8], "little") % _YEAR
        self.secret = digest[8:40]
        self._drawn = 0
        self._random = None
        self.context = contextvars.Context()
        self.facades = {}
        self.parsed = {}
        self.extra = {}
        self.tainted = False  # has values that may poison what the library caches

    def microseconds(self):
        self._clock += TICK
        return self._clock

    def advance(self, microseconds):
        self._clock += microseconds

    def entropy(self, count):
        parts = []
        have = 0
        while have < count:
            block = hashlib.blake2b(self._drawn.to_bytes(8, "little"), key=self.secret).digest()
            self._drawn += 1
            parts.append(block)
            have += len(block)
        return b"".join(parts)[:count]

    def random(self):
        if self._random is None:
            import random
            self._random = random.Random(self.random_seed())
        return self._random

    def random_seed(self):
        # Not drawn from the entropy stream: both isolation classes must agree whatever was drawn before.
        return int.from_bytes(hashlib.blake2b(b"random", key=self.secret).digest()[:32], "little")

    def data(self, name):
        """This session's own copy of a data file, read at its first use.

        From the second session of a program on it comes from packed values, which are read three times as fast as text.
        """
        if name not in self.parsed:
            raw = self.program.data.get(name) if self.program else None
            if raw is None:
                raise KeyError(f"no data file named {name!r}")
            packed = self.program.packed.get(name)
            kept = self.program.packed
            value = marshal.loads(kept[name]) if kept.get(name) else json.loads(raw)
            if name not in kept:
                kept[name] = None  # most programs of one session end here
            elif kept[name] is None:
                kept[name] = _packed(value)  # before the tool sees it
            self.parsed[name] = value
        return self.parsed[name]

    def new_id(self, state, prefix, fields):
        """An id that follows from what is created, not from how many were created before it."""
        what = json.dumps([prefix, fields], sort_keys=True, separators=(",", ":"), default=str)
        equal = hashlib.blake2b(what.encode(), key=self.secret, digest_size=5).hexdigest()
        seen = state.setdefault("$ids", {})
        count = seen.get(equal, 0)
        seen[equal] = count + 1
        digest = hashlib.blake2b(f"{what}#{count}".encode(), key=self.secret, digest_size=5).hexdigest()
        return f"{prefix}-{digest}"


def _packed(value):
    try:
        return marshal.dumps(value)
    except ValueError:
        return b""  # nested too deeply for this form: it stays text


# Before any session: the zygote's own imports may look at the clock.
current = Session(0, None, 0)


def nobody():
    """A session for what runs on behalf of none."""
    return Session(0, None, 0)


def now():
    return current.microseconds()


def urandom(count):
    return current.entropy(count)


def _type_dictionary(kind):
    """The real dictionary behind a type's read-only `__dict__`."""
    return gc.get_referents(kind.__dict__)[0]


def _patch_type(kind, name, value):
    _type_dictionary(kind)[name] = value
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


def _patch_datetime():
    import datetime as module
    utc = module.timezone.utc
    naive = module.datetime.fromtimestamp

    def now_(cls, tz=None):
        if tz is not None and not isinstance(tz, module.tzinfo):
            raise TypeError("tzinfo argument must be None or of a tzinfo subclass, not type "
                            f"'{type(tz).__name__}'")
        return cls.fromtimestamp(now() / 1e6, tz)

    def utcnow(cls):
        moment = naive(now() / 1e6, utc)
        return cls(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
                   moment.microsecond)

    def today(cls):
        return cls.fromtimestamp(now() / 1e6)

    now_.__name__ = "now"
    _patch_type(module.datetime, "now", classmethod(now_))
    _patch_type(module.datetime, "utcnow", classmethod(utcnow))
    _patch_type(module.date, "today", classmethod(today))


def _patch_time():
    import time
    real = {name: getattr(time, name) for name in ("gmtime", "localtime", "ctime", "strftime", "asctime")}

    def seconds():
        return now() / 1e6

    def sleep(seconds, /):
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        current.advance(int(seconds * 1_000_000))

    def from_clock(name, function):
        def patched(moment=None, /):
            return function(now() / 1e6 if moment is None else moment)
        patched.__name__ = patched.__qualname__ = name
        return patched

    def strftime(format, t=None, /):
        return real["strftime"](format, real["localtime"](now() / 1e6) if t is None else t)

    def asctime(t=None, /):
        return real["asctime"](real["localtime"](now() / 1e6) if t is None else t)

    def clock_gettime(_clock, /):
        return now() / 1e6

    def nanoseconds(*_clock):
        return now() * 1000

    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, seconds)
        setattr(time, name + "_ns", nanoseconds)
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, from_clock(name, real[name]))
    time.sleep, time.strftime, time.asctime = sleep, strftime, asctime
    time.clock_gettime, time.clock_gettime_ns = clock_gettime, nanoseconds


def _patch_entropy():
    import os
    import random
    import secrets
    import uuid
    os.urandom = random._urandom = urandom
    os.getrandom = lambda size, flags=0: urandom(size)
    seed = random.Random.seed

    def seeded(self, a=None, version=2):
        seed(self, int.from_bytes(urandom(32), "little") if a is None else a, version)

    seeded.__name__, seeded.__qualname__ = "seed", "Random.seed"
    random.Random.seed = seeded

    def uuid1(node=None, clock_seq=None):
        moment = now() * 10 + 0x01B21DD213814000
        if clock_seq is None:
            clock_seq = int.from_bytes(current.entropy(2), "little")
        if node is None:
            node = int.from_bytes(current.secret[:6], "little") | 0x010000000000
        return uuid.UUID(fields=(moment & 0xFFFFFFFF, (moment >> 32) & 0xFFFF, (moment >> 48) & 0x0FFF,
                                 (clock_seq >> 8) & 0x3F, clock_seq & 0xFF, node), version=1)

    uuid.uuid1 = uuid1
    uuid.getnode = lambda: int.from_bytes(current.secret[:6], "little") | 0x010000000000
    secrets.SystemRandom = random.SystemRandom


def _zone_class(module):
    """Puts a ZoneInfo in place that looks zones up by exact strings only: all sessions share what it found."""
    class ZoneInfo(module.ZoneInfo):
        __slots__ = ()

        def __new__(cls, key):
            if not isinstance(key, str):
                raise TypeError(f"a zone is named by a str, not by a {type(key).__name__}")
            return super().__new__(cls, str.__str__(key))

        def __repr__(self):
            return f"zoneinfo.ZoneInfo(key={self.key!r})"

    ZoneInfo.__module__, ZoneInfo.__qualname__ = "zoneinfo", "ZoneInfo"
    module.ZoneInfo = ZoneInfo


def _warm():
    """Touches what is opened lazily, for no file can be opened later."""
    import datetime
    import decimal
    import hashlib as digests
    import unicodedata
    import zoneinfo
    for name in sorted(digests.algorithms_available):
        try:
            digests.new(name, b"")
        except (ValueError, TypeError):
            pass
    datetime.datetime.strptime("2024-01-01", "%Y-%m-%d")
    decimal.getcontext()
    unicodedata.name("a")
    "a.b".encode("idna")
    _zone_class(zoneinfo)
    # A ZoneInfo that is alive is found without its file, so all of them are kept alive.
    kept = []
    for key in sorted(zoneinfo.available_timezones()):
        try:
            kept.append(zoneinfo.ZoneInfo(key))
        except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            pass
    return kept


def prepare(settings):
    """Everything that all workers share, done once in the zygote."""
    global _zones
    for name in PRELOAD:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    _zones = _warm()
    _patch_time()
    _patch_datetime()
    _patch_entropy()
    # Before the zygote freezes its objects: afterwards they are not listed any more.
    library_caches.extend(thing for thing in gc.get_objects() if type(thing) is functools._lru_cache_wrapper)
    settings["memory_bytes"] = int(settings["memory_bytes"])
    settings["filter"] = bytes(settings["filter"])


_zones = []
library_caches = []
sys.setrecursionlimit(1000)
