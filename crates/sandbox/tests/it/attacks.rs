//! The attack suite. Each attack is tried in both classes; the error names the boundary, the next call on the same
//! engine works, and two sessions that were open before keep their state and their outputs.

use crate::support::{Outcome, call, engine, load, value};
use astra_sandbox::ErrorKind::{
    CpuLimit, Crash, Denied, Exception, MemoryLimit, NotJson, OutputLimit, Protocol, RecursionLimit,
    TimeLimit,
};
use astra_sandbox::{ErrorKind, Isolation, PythonEngine, SandboxError, Session, ToolEngine};
use std::time::Duration;

/// What must come of an attack.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// The gate keeps it out of the shared class, for a reason with these words.
    Rejected(&'static str),
    /// The call fails with one of these.
    Fails(&'static [ErrorKind]),
    /// The source does not load.
    Unloadable,
    /// It returns, having reached nothing but its own process; the value is the proof.
    Returns(&'static str),
}
use Expect::{Fails, Rejected, Returns, Unloadable};

struct Attack {
    name: &'static str,
    code: &'static str,
    shared: Expect,
    private: Expect,
}

const fn attack(name: &'static str, code: &'static str, shared: Expect, private: Expect) -> Attack {
    Attack { name, code, shared, private }
}

const TIME: Expect = Fails(&[CpuLimit, TimeLimit]);
const MEMORY: Expect = Fails(&[MemoryLimit]);
const DENIED: Expect = Fails(&[Denied]);

const RESOURCES: &[Attack] = &[
    attack("endless loop", "def attack():\n    while True: pass\n", TIME, TIME),
    attack(
        "loop that swallows BaseException",
        "def attack():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass\n",
        TIME,
        TIME,
    ),
    attack("huge power", "def attack():\n    return len(str(10**10**8))\n", TIME, TIME),
    attack(
        "catastrophic regex",
        "import re\ndef attack():\n    return bool(re.match(r'(a+)+$', 'a' * 40 + 'b'))\n",
        TIME,
        TIME,
    ),
    attack("endless loop in C", "def attack():\n    return sum(range(10**12))\n", TIME, TIME),
    attack(
        "memory by list",
        "def attack():\n    found = []\n    while True: found.append([0] * 4000000)\n",
        MEMORY,
        MEMORY,
    ),
    attack("memory by string", "def attack():\n    return len('x' * 10**10)\n", MEMORY, MEMORY),
    attack("memory at once", "def attack():\n    return len([0] * 10**10)\n", MEMORY, MEMORY),
    attack(
        "deep recursion",
        "def attack():\n    return attack()\n",
        Fails(&[RecursionLimit]),
        Fails(&[RecursionLimit]),
    ),
    attack(
        "raised recursion limit",
        "import sys\ndef dive(n):\n    return dive(n + 1)\ndef attack():\n    sys.setrecursionlimit(10**9)\n    return dive(0)\n",
        Rejected("sys"),
        Fails(&[MemoryLimit, RecursionLimit, Crash, CpuLimit, TimeLimit]),
    ),
    attack(
        "raised recursion limit, through C",
        "import sys\nclass A:\n    def __repr__(self): return repr([self])\ndef attack():\n    sys.setrecursionlimit(10**9)\n    return repr(A())\n",
        Rejected("sys"),
        Fails(&[MemoryLimit, RecursionLimit, Crash, CpuLimit, TimeLimit]),
    ),
    attack(
        "a gigabyte of output",
        "def attack():\n    while True: print('x' * 1000)\n",
        Fails(&[OutputLimit]),
        Fails(&[OutputLimit]),
    ),
    attack(
        "a gigabyte of return value",
        "def attack():\n    return ['x' * 1000] * 1000000\n",
        Fails(&[OutputLimit, MemoryLimit, CpuLimit, TimeLimit]),
        Fails(&[OutputLimit, MemoryLimit, CpuLimit, TimeLimit]),
    ),
    attack(
        "return value that contains itself",
        "def attack():\n    a = []\n    a.append(a)\n    return a\n",
        Fails(&[NotJson]),
        Fails(&[NotJson]),
    ),
    attack(
        "sleep",
        "import time\ndef attack():\n    time.sleep(3600)\n    return 'slept'\n",
        Returns("\"slept\""),
        Returns("\"slept\""),
    ),
];

const SYSTEM: &[Attack] = &[
    attack("read a file", "def attack():\n    return open('/etc/passwd').read()\n", Rejected("open"), DENIED),
    attack("write a file", "def attack():\n    open('/tmp/astra-attack', 'w')\n", Rejected("open"), DENIED),
    attack(
        "read /proc",
        "import os\ndef attack():\n    return os.listdir('/proc')\n",
        Rejected("os"),
        DENIED,
    ),
    attack(
        "read own environment",
        "def attack():\n    return open('/proc/self/environ').read()\n",
        Rejected("open"),
        DENIED,
    ),
    attack(
        "environment variables",
        "import os\ndef attack():\n    return sorted(os.environ)\n",
        Returns("[]"),
        Returns(r#"["LANG","LC_ALL","PYTHONHASHSEED","PYTHONUTF8","TZ"]"#),
    ),
    attack(
        "socket",
        "import socket\ndef attack():\n    return socket.socket()\n",
        Rejected("socket"),
        Unloadable,
    ),
    attack(
        "web",
        "def attack():\n    import urllib.request\n    return urllib.request.urlopen('http://1.1.1.1')\n",
        Rejected("urllib.request"),
        DENIED,
    ),
    attack(
        "os.system",
        "import os\ndef attack():\n    return os.system('id') == 0\n",
        Rejected("os"),
        Returns("false"),
    ),
    attack("exec", "import os\ndef attack():\n    os.execv('/bin/true', ['true'])\n", Rejected("os"), DENIED),
    attack(
        "subprocess",
        "import subprocess\ndef attack():\n    return subprocess.run(['id']).returncode\n",
        Rejected("subprocess"),
        DENIED,
    ),
    attack("fork bomb", "import os\ndef attack():\n    while True: os.fork()\n", Rejected("os"), DENIED),
    attack(
        "threads",
        "import threading\ndef attack():\n    threading.Thread(target=print).start()\n",
        Rejected("threading"),
        DENIED,
    ),
    attack(
        "ctypes",
        "import ctypes\ndef attack():\n    return ctypes.string_at(0)\n",
        Rejected("ctypes"),
        Unloadable,
    ),
    attack(
        "kill the parent",
        "import os\ndef attack():\n    os.kill(os.getppid(), 9)\n",
        Rejected("os"),
        DENIED,
    ),
    attack("kill everybody", "import os\ndef attack():\n    os.kill(-1, 9)\n", Rejected("os"), DENIED),
    attack("exit", "import os\ndef attack():\n    os._exit(0)\n", Rejected("os"), Fails(&[Crash])),
    attack(
        "SystemExit",
        "def attack():\n    raise SystemExit(3)\n",
        Fails(&[Exception]),
        Fails(&[Exception]),
    ),
    attack(
        "ctypes found in memory",
        "import gc\ndef attack():\n    for thing in gc.get_objects():\n        if getattr(thing, '__name__', '') == 'ctypes' and hasattr(thing, 'string_at'):\n            return str(thing.string_at(1))\n    return 'none'\n",
        Rejected("gc"),
        Returns("\"none\""),
    ),
];

const PROTOCOL: &[Attack] = &[
    attack(
        "close the channel",
        "import os\ndef attack():\n    os.close(3)\n    return 1\n",
        Rejected("os"),
        Fails(&[Crash, Protocol]),
    ),
    attack(
        "flood the channel",
        "import os\ndef attack():\n    while True: os.write(3, b'x' * 65536)\n",
        Rejected("os"),
        Fails(&[Protocol]),
    ),
    attack(
        "forge a reply",
        "import os, json\ndef attack():\n    for i in range(9):\n        body = json.dumps({'id': i, 'total': 1, 'result': 'forged'}).encode()\n        os.write(3, len(body).to_bytes(4, 'little') + body)\n    return 1\n",
        Rejected("os"),
        Fails(&[Protocol]),
    ),
    attack(
        "half a frame",
        "import os\ndef attack():\n    os.write(3, (1000).to_bytes(4, 'little'))\n    while True: pass\n",
        Rejected("os"),
        Fails(&[TimeLimit, CpuLimit]),
    ),
    attack(
        "read the next request",
        "import os\ndef attack():\n    return os.read(3, 100).decode()\n",
        Rejected("os"),
        TIME,
    ),
];

/// Escapes: the shared class keeps them out or refuses at run time; a private process has nothing to find.
const REACH: &[(&str, &str, Expect)] = &[
    (
        "sys by json",
        "import json\ndef attack():\n    return json.codecs.sys.version\n",
        Rejected("json.codecs"),
    ),
    ("os by random", "import random\ndef attack():\n    return random._os.name\n", Rejected("_os")),
    (
        "sys by statistics",
        "import statistics\ndef attack():\n    return statistics.sys.version\n",
        Rejected("statistics.sys"),
    ),
    (
        "private name defined first",
        "import random\nclass A:\n    _os = 1\ndef attack():\n    return random._os.name\n",
        Rejected("_os"),
    ),
    (
        "private name on an alias",
        "import random\n_os = 1\nr = random\ndef attack():\n    return r._os.name\n",
        DENIED,
    ),
    ("format string", "def attack():\n    return '{0.__class__}'.format(1)\n", DENIED),
    ("format of a variable", "def attack(s='{0.__class__}'):\n    return s.format(1)\n", DENIED),
    ("format of a nested field", "def attack():\n    return '{0:{1.__class__}}'.format(1, 2)\n", DENIED),
    (
        "format by a subclass",
        "class S(str): pass\ndef attack():\n    return S('{0.real}').format(1)\n",
        DENIED,
    ),
    (
        "format of a wrapped string",
        "from collections import UserString\ndef attack():\n    return UserString('{0.__class__}').format(1)\n",
        DENIED,
    ),
    ("format unbound", "def attack():\n    return list(map(str.format, ['{0.__class__}'], [1]))\n", DENIED),
    (
        "format_map",
        "def attack():\n    return '{a.__class__}'.format_map({'a': 1})\n",
        Rejected("format_map"),
    ),
    (
        "Formatter",
        "import string\ndef attack():\n    return string.Formatter().format('{0.__class__}', 1)\n",
        Rejected("string.Formatter"),
    ),
    (
        "attrgetter",
        "from operator import attrgetter\ndef attack():\n    return attrgetter('__class__')(1)\n",
        Rejected("attrgetter"),
    ),
    (
        "attrgetter by module",
        "import operator as o\ndef attack():\n    return o.attrgetter('__class__')(1)\n",
        Rejected("attrgetter"),
    ),
    ("getattr", "def attack():\n    return getattr(print, '__se' + 'lf__')\n", DENIED),
    (
        "getattr of a frame",
        "def attack():\n    g = (x for x in [1])\n    return getattr(g, 'gi_' + 'frame')\n",
        DENIED,
    ),
    (
        "getattr of a private name",
        "import random\ndef attack():\n    return getattr(random, '_' + 'os')\n",
        DENIED,
    ),
    (
        "getattr by a name with a mind of its own",
        "class S(str):\n    def startswith(self, x): return False\ndef attack():\n    return getattr(print, S('__self__'))\n",
        Fails(&[Exception]),
    ),
    ("setattr", "import json\ndef attack():\n    setattr(json.dumps, 'leak', 1)\n", DENIED),
    ("setattr of a class", "class A: pass\ndef attack():\n    setattr(A(), '__class__', int)\n", DENIED),
    ("delattr", "import json\ndef attack():\n    delattr(json.dumps, 'leak')\n", DENIED),
    ("vars", "import json\ndef attack():\n    return vars(json)\n", DENIED),
    ("vars of a class", "class A: pass\ndef attack():\n    return len(vars(A))\n", DENIED),
    ("dict", "def attack():\n    return attack.__dict__\n", DENIED),
    ("hasattr", "def attack():\n    return hasattr(1, '__class__')\n", Rejected("hasattr")),
    ("hasattr of a computed name", "def attack():\n    return hasattr(1, '_' + '_class__')\n", DENIED),
    (
        "super of a library class",
        "import re\ndef attack():\n    super(re.RegexFlag, re.I).__setattr__('leak', 1)\n",
        Rejected("__setattr__"),
    ),
    (
        "object's setattr on a flag",
        "import re\ndef attack():\n    object.__setattr__(re.I, 'leak', 1)\n",
        DENIED,
    ),
    ("alias that forwards", "from typing import Literal\ndef attack():\n    Literal[1].leak = 1\n", DENIED),
    ("function type", "def attack():\n    return type(attack)(attack.__code__, {})\n", Rejected("__code__")),
    ("wide letters", "def attack():\n    return \u{ff45}val('1')\n", Rejected("eval")),
    ("subclass of a facade", "import json\ndef attack():\n    class F(type(json)): pass\n", DENIED),
    (
        "frames",
        "def attack():\n    g = (x for x in [1])\n    return g.gi_frame.f_back\n",
        Rejected("gi_frame"),
    ),
    (
        "traceback",
        "def attack():\n    try:\n        1 / 0\n    except Exception as e:\n        return e.__traceback__.tb_frame\n",
        Rejected("__traceback__"),
    ),
    (
        "exit's traceback",
        "class C:\n    def __enter__(self): pass\n    def __exit__(self, a, b, tb):\n        return tb.tb_frame\ndef attack():\n    with C(): 1 / 0\n",
        Rejected("tb_frame"),
    ),
    ("gc", "import gc\ndef attack():\n    return len(gc.get_objects())\n", Rejected("gc")),
    (
        "subclasses",
        "def attack():\n    return ().__class__.__base__.__subclasses__()\n",
        Rejected("__subclasses__"),
    ),
    ("globals", "def f(): pass\ndef attack():\n    return f.__globals__\n", Rejected("__globals__")),
    ("builtins", "def attack():\n    return __builtins__\n", Rejected("__builtins__")),
    ("eval", "def attack():\n    return eval('1')\n", Rejected("eval")),
    ("import function", "def attack():\n    return __import__('os').name\n", Rejected("__import__")),
    ("three-argument type", "def attack():\n    return type('X', (), {})\n", Rejected("type")),
    ("type by another name", "t = type\ndef attack():\n    return t('X', (), {})\n", DENIED),
    ("type of something", "def attack():\n    return type[int]('X', (), {})\n", Fails(&[Exception])),
    ("type of a type", "def attack():\n    return type(type(1))('X', (), {})\n", DENIED),
    (
        "type as a parameter's name",
        "def attack(type=None):\n    return [type]\ndef other():\n    return type('X', (), {})\n",
        Returns("[null]"),
    ),
    (
        "match arguments",
        "class A:\n    __match_args__ = ('__globals__',)\ndef attack(): pass\n",
        Rejected("__match_args__"),
    ),
    (
        "pattern attribute",
        "def attack():\n    match attack:\n        case object(__globals__=g): return g\n",
        Rejected("__globals__"),
    ),
    (
        "metaclass by typing",
        "from typing import Type\ndef attack():\n    class M(Type): pass\n    return M('X', (), {'__match_args__': ('__globals__',)})\n",
        DENIED,
    ),
    (
        "ABCMeta called",
        "from abc import ABCMeta\ndef attack():\n    return ABCMeta('X', (), {})\n",
        Rejected("ABCMeta"),
    ),
    (
        "enum with an odd member",
        "from enum import Enum\ndef attack():\n    return str(Enum('X', {'__match_args__': 1}))\n",
        DENIED,
    ),
    (
        "reduce",
        "class A:\n    def __reduce__(self): return (str, ())\ndef attack(): pass\n",
        Rejected("__reduce__"),
    ),
    ("slots", "class A:\n    __slots__ = ['__dict__' + '']\ndef attack(): pass\n", Rejected("__slots__")),
    (
        "update_wrapper",
        "import functools\ndef attack():\n    functools.update_wrapper(attack, print, assigned=('__self__',))\n",
        Fails(&[Exception]),
    ),
    (
        "dataclass field name",
        "from dataclasses import dataclass, field\nf = field(default=1)\n@dataclass\nclass A:\n    x: int = f\ndef attack():\n    f.name = 'y=print(1)'\n",
        DENIED,
    ),
    (
        "dataclass without a body",
        "from dataclasses import make_dataclass\ndef attack(): pass\n",
        Rejected("make_dataclass"),
    ),
    (
        "AttributeError.obj",
        "def attack():\n    try:\n        (1).nothing\n    except AttributeError as e:\n        return e.obj\n",
        Rejected("obj"),
    ),
    ("function attributes", "import json\ndef attack():\n    json.dumps.leak = 1\n", DENIED),
    (
        "method of a library class",
        "from fractions import Fraction\ndef attack():\n    Fraction.limit_denominator.leak = 1\n",
        DENIED,
    ),
    (
        "library class",
        "from fractions import Fraction\ndef attack():\n    Fraction.leak = 1\n",
        Fails(&[Exception, Denied]),
    ),
    (
        "library class deleted from",
        "from fractions import Fraction\ndef attack():\n    del Fraction.limit_denominator\n",
        Fails(&[Exception, Denied]),
    ),
    ("facade", "import json\ndef attack():\n    json.loads = None\n", Fails(&[Denied, Exception])),
    ("flag member", "import re\ndef attack():\n    re.I.leak = 1\n", DENIED),
    (
        "enum internals",
        "import re\n_member_map_ = 1\ndef attack():\n    re.RegexFlag._member_map_.clear()\n",
        DENIED,
    ),
    (
        "abstractmethod on a library function",
        "import json\nfrom abc import abstractmethod\ndef attack():\n    abstractmethod(json.dumps)\n",
        DENIED,
    ),
    (
        "register with a library class",
        "from collections.abc import Mapping\ndef attack():\n    Mapping.register(int)\n",
        DENIED,
    ),
    (
        "subclass of a formatter",
        "import pprint\ndef attack():\n    class P(pprint.PrettyPrinter): pass\n",
        DENIED,
    ),
    (
        "UUID constant",
        "import uuid\ndef attack():\n    uuid.UUID.__init__(uuid.NAMESPACE_DNS, int=0)\n",
        Rejected("__init__"),
    ),
    (
        "zone cache",
        "from zoneinfo import ZoneInfo\ndef attack():\n    ZoneInfo.clear_cache()\n",
        Rejected("clear_cache"),
    ),
];

const BYSTANDER: &str = "
seen = []
class Box:
    total = 0
def step(state, n):
    seen.append(n)
    Box.total += n
    state['n'] = state.get('n', 0) + n
    print('step', n)
    return {'seen': len(seen), 'total': Box.total}
";

struct Bystander {
    session: Session,
    steps: u64,
}

impl Bystander {
    fn open(engine: &PythonEngine, isolation: Isolation) -> Outcome<Self> {
        let mut program = crate::support::program(BYSTANDER, &["step"], isolation);
        program.state = Some("{}".to_owned());
        let loaded = engine.load(&program)?;
        assert_eq!(loaded.isolation(), isolation, "{:?}", loaded.rejections());
        let mut bystander = Self { session: engine.open(&loaded, 5)?, steps: 0 };
        bystander.check(engine, "before")?;
        Ok(bystander)
    }

    /// One step further: everything before it must still be there.
    fn check(&mut self, engine: &PythonEngine, after: &str) -> Outcome<()> {
        self.steps += 1;
        let outcome = call(engine, &self.session, "step", r#"{"n": 2}"#)?;
        let expected = serde_json::json!({"seen": self.steps, "total": 2 * self.steps});
        assert_eq!(outcome.result, Ok(expected), "after {after}");
        assert_eq!(outcome.stdout, "step 2\n");
        let state = format!("{{\"n\":{}}}", 2 * self.steps);
        assert_eq!(engine.state(&self.session).as_deref(), Some(state.as_str()), "after {after}");
        Ok(())
    }
}

/// Runs an attack and returns by how much its call went past its limits.
fn run(engine: &PythonEngine, name: &str, code: &str, class: Isolation, expect: Expect) -> Outcome<Duration> {
    let label = format!("{name} ({class:?})");
    let loaded = match load(engine, code, &["attack"], class) {
        Ok(loaded) => loaded,
        Err(error) => {
            assert!(matches!(expect, Unloadable), "{label}: {error}");
            return Ok(Duration::ZERO);
        }
    };
    if let Rejected(words) = expect {
        let reasons: Vec<_> = loaded.rejections().iter().map(|rejection| rejection.reason.as_str()).collect();
        assert_eq!(loaded.isolation(), Isolation::Private, "{label}: admitted");
        assert!(reasons.iter().any(|reason| reason.contains(words)), "{label}: {reasons:?}");
        assert!(loaded.rejections().iter().all(|rejection| rejection.line > 0 && rejection.tool == "attack"));
        return Ok(Duration::ZERO);
    }
    assert_eq!(loaded.isolation(), class, "{label}: {:?}", loaded.rejections());
    let session = match engine.open(&loaded, 1) {
        Ok(session) => session,
        Err(SandboxError::Body { .. }) if matches!(expect, Unloadable) => return Ok(Duration::ZERO),
        Err(error) => return Err(format!("{label}: {error}").into()),
    };
    let outcome = call(engine, &session, "attack", "{}")?;
    match (expect, &outcome.result) {
        (Fails(kinds), Err(error)) => {
            assert!(kinds.contains(&error.kind), "{label}: {error:?}");
            assert!(!error.message.contains("/usr/lib"), "{label}: {}", error.message);
        }
        (Returns(text), Ok(value)) => assert_eq!(value.to_string(), text, "{label}"),
        (_, result) => panic!("{label}: expected {expect:?}, got {result:?}"),
    }
    let limits = crate::support::options().limits;
    let late = outcome.wall.saturating_sub(limits.wall);
    // CPU time has its own clock: on a busy machine a second of it may take two.
    Ok(late.max(outcome.cpu.saturating_sub(limits.cpu)))
}

fn survive(attacks: &[Attack]) -> Outcome<()> {
    let engine = engine()?;
    let mut shared = Bystander::open(&engine, Isolation::Shared)?;
    let mut private = Bystander::open(&engine, Isolation::Private)?;
    let mut worst = (Duration::ZERO, "");
    for attack in attacks {
        for (class, expect) in [(Isolation::Shared, attack.shared), (Isolation::Private, attack.private)] {
            let late = run(&engine, attack.name, attack.code, class, expect)?;
            worst = worst.max((late, attack.name));
            shared.check(&engine, attack.name)?;
            private.check(&engine, attack.name)?;
        }
    }
    println!("worst time from limit to stopped: {:?} ({})", worst.0, worst.1);
    Ok(())
}

#[test]
fn attacks_on_resources_stop_at_their_limit() {
    survive(RESOURCES).unwrap();
}

#[test]
fn attacks_on_the_system_reach_nothing() {
    survive(SYSTEM).unwrap();
}

#[test]
fn attacks_on_the_protocol_end_their_session_only() {
    survive(PROTOCOL).unwrap();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what a waiting worker does cannot be asked of it")]
fn replies_written_before_their_request_end_the_session() {
    let engine = engine().unwrap();
    // The worker's own alarm, turned into a forger that strikes while the worker waits for its next request.
    let code = "
import signal
def forge(self, number, frame):
    import json, os
    for i in range(99):
        body = json.dumps({'id': i, 'total': 1, 'result': 'forged'}).encode()
        os.write(3, len(body).to_bytes(4, 'little') + body)
def attack():
    signal.getsignal(signal.SIGALRM).__func__.__code__ = forge.__code__
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    return 'armed'
";
    let loaded = load(&engine, code, &["attack"], Isolation::Private).unwrap();
    let session = engine.open(&loaded, 1).unwrap();
    assert_eq!(value(&engine, &session, "attack", "{}").unwrap(), "armed");
    std::thread::sleep(Duration::from_millis(200));
    let error = call(&engine, &session, "attack", "{}").unwrap().result.unwrap_err();
    assert_eq!(error.kind, Protocol);
    assert_eq!(value(&engine, &session, "attack", "{}").unwrap(), "armed");
}

#[test]
fn attacks_on_other_sessions_are_refused() {
    let engine = engine().unwrap();
    let mut bystander = Bystander::open(&engine, Isolation::Shared).unwrap();
    let mut failures = Vec::new();
    for &(name, code, expect) in REACH {
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&engine, name, code, Isolation::Shared, expect).unwrap();
        }));
        if tried.is_err() {
            failures.push(name);
        }
        bystander.check(&engine, name).unwrap();
    }
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn three_thousand_parentheses_do_not_compile() {
    let engine = engine().unwrap();
    let mut bystander = Bystander::open(&engine, Isolation::Shared).unwrap();
    for code in [
        format!("def attack():\n    return {}1{}\n", "(".repeat(3000), ")".repeat(3000)),
        format!("def attack():\n    return {}1\n", "-".repeat(100_000)),
        format!("def attack():\n    return {}x\n", "x.a".repeat(50_000)),
    ] {
        for class in [Isolation::Shared, Isolation::Private] {
            match load(&engine, &code, &["attack"], class) {
                Err(SandboxError::Compile { tool, .. }) => assert_eq!(tool, "attack"),
                other => panic!("{other:?}"),
            }
        }
        bystander.check(&engine, "parentheses").unwrap();
    }
}

#[test]
fn a_slow_leak_stops_at_the_memory_limit() {
    let engine = engine().unwrap();
    let mut bystander = Bystander::open(&engine, Isolation::Shared).unwrap();
    let code = "kept = []\ndef attack():\n    kept.append(bytearray(20 << 20))\n    return len(kept)\n";
    for class in [Isolation::Shared, Isolation::Private] {
        let loaded = load(&engine, code, &["attack"], class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        let mut stopped = None;
        for number in 0..20 {
            if let Err(error) = call(&engine, &session, "attack", "{}").unwrap().result {
                stopped = Some((number, error.kind));
                break;
            }
        }
        let (number, kind) = stopped.unwrap();
        assert_eq!(kind, MemoryLimit, "{class:?}");
        assert!((8..=13).contains(&number), "{class:?}: stopped after {number} times 20 MiB of 256");
        bystander.check(&engine, "slow leak").unwrap();
    }
}

#[test]
fn patches_do_not_reach_the_next_tool() {
    let engine = engine().unwrap();
    let hostile = "
import builtins, json, math
def attack():
    builtins.len = lambda x: 42
    json.dumps = lambda *a, **k: 'patched'
    math.sqrt = None
    return len([])
";
    let loaded = load(&engine, hostile, &["attack"], Isolation::Shared).unwrap();
    assert_eq!(loaded.isolation(), Isolation::Private);
    let session = engine.open(&loaded, 1).unwrap();
    assert_eq!(value(&engine, &session, "attack", "{}").unwrap(), 42);
    let victim = "import json, math\ndef attack():\n    return [len([1]), json.dumps([1]), math.sqrt(4)]\n";
    for class in [Isolation::Shared, Isolation::Private] {
        let loaded = load(&engine, victim, &["attack"], class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        assert_eq!(value(&engine, &session, "attack", "{}").unwrap(), serde_json::json!([1, "[1]", 2.0]));
    }
}
