"""What `import` gives in a shared worker: immutable stand-ins that hold the names listed here and nothing else.

The real modules re-export `sys`, `os` and each other's internals, so tools never see one. The tables are the
allow-list that the gate reads too. Names that are absent are absent for a reason when the reason is not plain:
`typing.get_type_hints` evaluates strings, `typing.get_origin` hands out `type`,
`dataclasses.make_dataclass` and `operator.attrgetter` compute attribute names, `csv.register_dialect` and
`calendar.setfirstweekday` change the process.
"""
import functools
import importlib
import pathlib
import sys
import types

import _astra_values as values

TABLE = {name: tuple(names.split()) for name, names in {
    "__future__": "annotations division absolute_import print_function unicode_literals generator_stop",
    "abc": "ABC ABCMeta abstractmethod",
    "array": "array",
    "astra": "data new_id",
    "base64": "b64encode b64decode standard_b64encode standard_b64decode urlsafe_b64encode urlsafe_b64decode b32encode "
              "b32decode b32hexencode b32hexdecode b16encode b16decode a85encode a85decode b85encode b85decode "
              "encodebytes decodebytes",
    "binascii": "hexlify unhexlify a2b_hex b2a_hex a2b_base64 b2a_base64 crc32 crc_hqx Error Incomplete",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "calendar": "isleap leapdays weekday monthrange monthcalendar month calendar timegm Calendar TextCalendar day_name "
                "day_abbr month_name month_abbr MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY January "
                "February IllegalMonthError IllegalWeekdayError",
    "cmath": "*",
    "collections": "OrderedDict defaultdict Counter deque namedtuple ChainMap UserDict UserList UserString abc",
    "collections.abc": "*",
    "colorsys": "rgb_to_yiq yiq_to_rgb rgb_to_hls hls_to_rgb rgb_to_hsv hsv_to_rgb",
    "contextlib": "contextmanager suppress closing nullcontext ExitStack AbstractContextManager ContextDecorator",
    "copy": "copy deepcopy",
    "csv": "reader writer DictReader DictWriter QUOTE_ALL QUOTE_MINIMAL QUOTE_NONNUMERIC QUOTE_NONE Error excel "
           "excel_tab unix_dialect Sniffer",
    "dataclasses": "dataclass field asdict astuple replace fields is_dataclass FrozenInstanceError InitVar KW_ONLY "
                   "MISSING",
    "datetime": "date datetime time timedelta timezone tzinfo MINYEAR MAXYEAR UTC",
    "decimal": "Decimal getcontext setcontext localcontext Context ROUND_UP ROUND_DOWN ROUND_CEILING ROUND_FLOOR "
               "ROUND_HALF_UP ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_05UP DecimalException Clamped InvalidOperation "
               "DivisionByZero Inexact Rounded Subnormal Overflow Underflow FloatOperation MAX_PREC MAX_EMAX MIN_EMIN",
    "difflib": "SequenceMatcher Differ get_close_matches unified_diff context_diff ndiff restore IS_CHARACTER_JUNK "
               "IS_LINE_JUNK",
    "enum": "Enum IntEnum StrEnum Flag IntFlag auto unique",
    "fnmatch": "fnmatch fnmatchcase filter translate",
    "fractions": "Fraction",
    "functools": "reduce partial partialmethod lru_cache cache cached_property wraps update_wrapper total_ordering "
                 "cmp_to_key singledispatch",
    "graphlib": "TopologicalSorter CycleError",
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 blake2b blake2s shake_128 "
               "shake_256 new pbkdf2_hmac",
    "heapq": "heappush heappop heapify heapreplace heappushpop nlargest nsmallest merge",
    "hmac": "new compare_digest digest HMAC",
    "html": "escape unescape",
    "http": "HTTPStatus",
    "io": "StringIO BytesIO",
    "ipaddress": "ip_address ip_network ip_interface IPv4Address IPv6Address IPv4Network IPv6Network "
                 "AddressValueError NetmaskValueError",
    "itertools": "*",
    "json": "dumps loads dump load JSONDecodeError JSONEncoder JSONDecoder",
    "keyword": "iskeyword issoftkeyword",
    "logging": "getLogger basicConfig debug info warning error critical exception log DEBUG INFO WARNING ERROR CRITICAL "
               "NOTSET Logger",
    "math": "*",
    "numbers": "Number Complex Real Rational Integral",
    "operator": "* -attrgetter -methodcaller",
    "os": "environ getenv path sep altsep extsep pathsep linesep curdir pardir name urandom",
    "os.path": "join basename splitext dirname normpath split isabs commonprefix commonpath",
    "pathlib": "PurePath PurePosixPath",
    "pprint": "pprint pformat pp PrettyPrinter",
    "queue": "Queue LifoQueue PriorityQueue Empty Full",
    "random": "random randint randrange uniform choice choices sample shuffle seed gauss normalvariate betavariate "
              "expovariate gammavariate lognormvariate triangular paretovariate weibullvariate vonmisesvariate "
              "getrandbits randbytes getstate setstate binomialvariate Random SystemRandom",
    "re": "compile search match fullmatch findall finditer split sub subn escape error PatternError Pattern Match "
          "RegexFlag NOFLAG A ASCII I IGNORECASE L LOCALE M MULTILINE S DOTALL U UNICODE X VERBOSE",
    "secrets": "token_hex token_bytes token_urlsafe choice randbelow randbits compare_digest SystemRandom",
    "shlex": "split quote join",
    "statistics": "mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped mode multimode "
                  "pstdev pvariance stdev variance quantiles covariance correlation linear_regression NormalDist "
                  "StatisticsError",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation printable "
              "whitespace capwords Template",
    "struct": "pack unpack calcsize pack_into unpack_from iter_unpack Struct error",
    "sys": "maxsize maxunicode version version_info byteorder float_info int_info hexversion platform stdout stderr "
           "getsizeof getrecursionlimit exit",
    "textwrap": "wrap fill dedent indent shorten TextWrapper",
    "threading": "Lock RLock",
    "time": "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns sleep "
            "localtime gmtime ctime strftime strptime asctime mktime struct_time timezone altzone daylight tzname",
    "traceback": "format_exc print_exc",
    "types": "SimpleNamespace MappingProxyType",
    "typing": "Any AnyStr Annotated Callable ClassVar Collection Container ContextManager Counter DefaultDict Deque Dict "
              "Final FrozenSet Generator Generic Hashable IO Iterable Iterator List Literal LiteralString Mapping "
              "MutableMapping MutableSequence MutableSet NamedTuple Never NewType NoReturn NotRequired Optional "
              "OrderedDict ParamSpec Pattern Match Protocol Required Reversible Self Sequence Set Sized SupportsAbs "
              "SupportsFloat SupportsIndex SupportsInt SupportsRound Text TextIO Tuple Type TypeAlias TypeGuard "
              "TypeVar TypedDict Union TYPE_CHECKING cast final overload override runtime_checkable assert_never "
              "Concatenate Unpack",
    "unicodedata": "name lookup category bidirectional combining decimal digit numeric normalize is_normalized "
                   "east_asian_width mirrored decomposition unidata_version",
    "urllib": "parse",
    "urllib.parse": "quote quote_plus unquote unquote_plus quote_from_bytes unquote_to_bytes urlencode urlparse "
                    "urlunparse urlsplit urlunsplit urljoin urldefrag parse_qs parse_qsl ParseResult SplitResult",
    "uuid": "UUID uuid1 uuid3 uuid4 uuid5 NAMESPACE_DNS NAMESPACE_URL NAMESPACE_OID NAMESPACE_X500",
    "warnings": "warn",
    "zlib": "crc32 adler32 compress decompress",
    "zoneinfo": "ZoneInfo ZoneInfoNotFoundError",
}.items()}

# Types from elsewhere that a tool's own class may derive from.
SUBCLASSABLE = (
    "abc.ABC collections.OrderedDict collections.defaultdict collections.Counter collections.deque "
    "collections.UserDict collections.UserList collections.UserString contextlib.AbstractContextManager "
    "contextlib.ContextDecorator datetime.date datetime.datetime datetime.timedelta datetime.tzinfo decimal.Decimal "
    "enum.Enum enum.IntEnum enum.StrEnum enum.Flag enum.IntFlag fractions.Fraction json.JSONEncoder "
    "json.JSONDecoder json.JSONDecodeError random.Random string.Template types.SimpleNamespace typing.Generic "
    "typing.Protocol"
).split()


def _names(module):
    names = TABLE[module]
    if names[:1] != ("*",):
        return names
    without = {name[1:] for name in names[1:]}
    real = importlib.import_module(module)
    public = getattr(real, "__all__", None) or [name for name in vars(real) if not name.startswith("_")]
    return tuple(name for name in public if name not in without)


for _module in list(TABLE):
    TABLE[_module] = _names(_module)
# From 3.13 on a path shows the module that it is built on.
if hasattr(pathlib.PurePath, "parser"):
    TABLE["pathlib"] = ()


def public(module):
    """What `from module import *` gives here."""
    if module == "astra":
        return TABLE[module]
    real = importlib.import_module(module)
    return tuple(name for name in TABLE[module] if hasattr(real, name) and not name.startswith("_"))


def refusal_of(error):
    return error


class Facade:
    """One module as tools see it."""

    def __init__(self, name, members):
        self.__dict__.update(members)
        self.__dict__["__name__"] = name

    def __setattr__(self, name, value):
        raise refusal_of(AttributeError(f"module {self.__name__!r} cannot be changed in the sandbox"))

    __delattr__ = lambda self, name: self.__setattr__(name, None)

    def __getattr__(self, name):
        raise AttributeError(f"module {self.__dict__['__name__']!r} has no attribute {name!r}")

    def __repr__(self):
        return f"<module {self.__dict__['__name__']!r}>"

    def __reduce_ex__(self, _protocol):
        raise TypeError("cannot pickle 'module' object")


class _Random(Facade):
    """`random`, whose functions are those of one session's generator."""

    def __init__(self, session, members):
        super().__init__("random", members)
        self.__dict__[" session"] = session

    def __getattr__(self, name):
        if name not in TABLE["random"]:
            return super().__getattr__(name)
        method = getattr(self.__dict__[" session"].random(), name)
        self.__dict__[name] = method
        return method


class _Logger:
    """A logger that says nothing; levels and handlers are taken and forgotten."""

    __slots__ = ("name",)
    level, handlers, propagate, disabled = 0, (), True, False

    def __init__(self, name="root"):
        object.__setattr__(self, "name", name)

    def __setattr__(self, name, value):
        pass

    def debug(self, *args, **kwargs):
        pass

    info = warning = warn = error = critical = exception = log = setLevel = addHandler = removeHandler = debug

    def isEnabledFor(self, level):
        return False

    def hasHandlers(self):
        return False

    def getEffectiveLevel(self):
        return 30

    def getChild(self, suffix):
        return _Logger(f"{self.name}.{suffix}")


def _silent(*args, **kwargs):
    pass


def _logging():
    names = dict.fromkeys("basicConfig debug info warning error critical exception log".split(), _silent)
    names.update(DEBUG=10, INFO=20, WARNING=30, ERROR=40, CRITICAL=50, NOTSET=0, Logger=_Logger,
                 getLogger=lambda name=None: _Logger(name or "root"))
    return names


class _Environment:
    """`os.environ`: there is nothing in it."""

    __slots__ = ()

    def __getitem__(self, name):
        raise KeyError(name)

    def __contains__(self, name):
        return False

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0

    def __repr__(self):
        return "environ({})"

    def get(self, name, default=None):
        return default

    def keys(self):
        return {}.keys()

    def values(self):
        return {}.values()

    def items(self):
        return {}.items()

    def copy(self):
        return {}


class _Stream:
    """`sys.stdout`, which is what `print` writes to; as `sys.stderr` it forgets."""

    __slots__ = ("_kept",)
    encoding, closed = "utf-8", False

    def __init__(self, kept):
        self._kept = kept

    def write(self, string, /):
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string).__name__}")
        return sys.stdout.write(string) if self._kept else len(str.__str__(string))

    def writelines(self, lines, /):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def isatty(self):
        return False


def _exit(status=None, /):
    raise SystemExit(status)


def _format_exc(limit=None, chain=True):
    """One line, without the frames: those are the engine's affair."""
    error = sys.exc_info()[1]
    return "NoneType: None\n" if error is None else f"{values.message_of(error)}\n"


def _getenv(key, default=None):
    return default


def _hinted(function, refusal):
    """The class that the first parameter of `function` is annotated with."""
    hint = next(iter(getattr(function, "__annotations__", {}).values()), None)
    if isinstance(hint, str):
        # A name only: to evaluate more would run text that no gate has seen.
        scope = function.__globals__
        hint = scope.get(hint, scope["__builtins__"].get(hint))
    if not isinstance(hint, type):
        raise refusal(TypeError("register() needs a class, or a function whose first parameter is annotated with one, "
                                "in the sandbox"))
    return hint


def _singledispatch(guard, refusal):
    def singledispatch(func):
        inner = functools.singledispatch(func)

        def wrapper(*arguments, **keywords):
            if not arguments:
                raise TypeError(f"{func.__name__} requires at least 1 positional argument")
            return inner.dispatch(type(arguments[0]))(*arguments, **keywords)

        def register(cls, func=None):
            if func is None and isinstance(cls, type):
                return lambda function: register(cls, function)
            if func is None:
                cls, func = _hinted(guard(cls), refusal), cls
            return inner.register(cls, func)

        functools.update_wrapper(wrapper, guard(func))
        wrapper.register, wrapper.dispatch = register, inner.dispatch
        return wrapper

    return singledispatch


def _decorators(guard, refusal):
    """Decorators that set attributes on what they get, looked at first."""

    def abstractmethod(funcobj):
        guard(funcobj).__isabstractmethod__ = True
        return funcobj

    def marked(name):
        def decorator(subject):
            try:
                setattr(guard(subject), name, True)
            except (AttributeError, TypeError):
                pass
            return subject
        return decorator

    def update_wrapper(wrapper, wrapped):
        return functools.update_wrapper(guard(wrapper), wrapped)

    def wraps(wrapped):
        return lambda wrapper: update_wrapper(wrapper, wrapped)

    def refuse(*args, **kwds):
        raise NotImplementedError("You should not call an overloaded function. A series of @overload-decorated "
                                  "functions outside a stub module should always be followed by an implementation "
                                  "that is not @overload-ed.")

    return {
        "abc": {"abstractmethod": abstractmethod},
        "functools": {"update_wrapper": update_wrapper, "wraps": wraps,
                      "singledispatch": _singledispatch(guard, refusal)},
        "typing": {"final": marked("__final__"), "override": marked("__override__"), "overload": lambda func: refuse},
    }


def build(world, guard, refusal):
    """All facades, and a function that makes `random` for a session."""
    replaced = _decorators(guard, refusal)
    global refusal_of
    refusal_of = refusal
    replaced["sys"] = {"stdout": _Stream(True), "stderr": _Stream(False), "exit": _exit}
    replaced["os"] = {"environ": _Environment(), "getenv": _getenv, "urandom": world.urandom}
    replaced["traceback"] = {"format_exc": _format_exc, "print_exc": _silent}
    replaced["logging"] = _logging()
    replaced["warnings"] = {"warn": _silent}
    replaced["astra"] = {
        "data": lambda name: world.current.data(name),
        "new_id": lambda state, prefix, fields: world.current.new_id(state, prefix, fields),
    }
    facades = {}
    for module in sorted(TABLE, reverse=True):
        own = replaced.get(module, {})
        real = importlib.import_module(module) if module != "astra" else types.SimpleNamespace()
        members = {}
        for name in TABLE[module]:
            if name in own:
                members[name] = own[name]
            elif f"{module}.{name}" in facades:
                members[name] = facades[f"{module}.{name}"]
            elif hasattr(real, name):
                members[name] = getattr(real, name)
        facades[module] = Facade(module, members)
    import random
    classes = {"Random": random.Random, "SystemRandom": random.SystemRandom}
    return facades, lambda session: _Random(session, classes)
