//! Attacks that once led from one session of a shared worker into another, or into the worker itself. The attacker is
//! admitted or not; either way it learns nothing, and its neighbour sees no difference.

use crate::support::{Outcome, call, engine, program};
use astra_sandbox::{DataFile, Isolation, PythonEngine, Session, ToolEngine};
use serde_json::{Value, json};

/// What only the victim has, and what attackers write when they got through.
const SECRET: &str = "s3cr3t";
const TRACES: [&str; 3] = [SECRET, "OWNED", "GCC"];

const VICTIM: &str = r"
import calendar, ipaddress, json, re, struct, textwrap, uuid
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import List
from urllib.parse import quote
from zoneinfo import ZoneInfo
from astra import data

def attack(state):
    state['token'] = state.get('token', 's3cr3t')
    found = [
        lambda: data('d'), lambda: json.dumps([1]), lambda: getattr(json.dumps, 'leak', 'none'),
        lambda: str(uuid.uuid5(uuid.NAMESPACE_DNS, 'a')), lambda: bool(re.match('abd', 'x')),
        lambda: struct.pack('<I', 1).hex(), lambda: quote('a b'), lambda: str(List[int]),
        lambda: str(datetime.strptime('03/04/2024', '%d/%m/%Y')), lambda: isinstance(3, Mapping),
        lambda: list(re.RegexFlag.__members__)[:3], lambda: str(re.I | re.M),
        lambda: re.match(r'(?P<y>\d+)-(?P<m>\d+)', '2024-05').group('y'), lambda: textwrap.fill('a\tb c'),
        lambda: str(ipaddress.ip_network('10.0.0.0/24')), lambda: dict(field().metadata),
        lambda: str(ZoneInfo('Asia/Tokyo')), lambda: calendar.month_name[1],
    ]
    return [f() for f in found]
";

/// Name and source; `attack` is called before and after the victim.
const ATTACKS: &[(&str, &str)] = &[
    (
        "frames by the patterns of a named tuple",
        r"
from abc import ABC
from collections import namedtuple
names = ['gi_' + 'frame']
class G(namedtuple('G', names), ABC): pass
running = []
def run():
    G.register(type(running[0]))
    match running[0]:
        case G(frame):
            yield 'OWNED ' + str(frame)
def attack():
    running[:] = [run()]
    return next(running[0])
",
    ),
    (
        "private names by the patterns of a protocol",
        r"
import pprint
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
@runtime_checkable
@dataclass
class Shape(Protocol):
    _stream: object
def attack():
    match pprint.PrettyPrinter():
        case Shape(stream): return 'OWNED ' + str(stream)
",
    ),
    (
        "closures by a field whose name is normalised",
        "
from dataclasses import dataclass
from typing import TypedDict
from astra import data
seen = []
class Eq:
    def __eq__(self, other):
        seen.append(other)
        return True
def other():
    e = Eq()
    return lambda: e
def attack():
    made = dataclass(init=False, repr=False)(TypedDict('D', {'_\u{ff3f}closure__': object}))
    made.__eq__(data, other())
    return 'OWNED' if seen else 'nothing'
",
    ),
    (
        "a dataclass's methods on foreign objects",
        r"
import pprint
from dataclasses import dataclass
@dataclass
class D:
    _stream: object
seen = []
class Eq:
    def write(self, text): pass
    def __eq__(self, other):
        seen.append(other)
        return True
def attack():
    D.__eq__(pprint.PrettyPrinter(), pprint.PrettyPrinter(stream=Eq()))
    return 'OWNED' if seen else 'nothing'
",
    ),
    (
        "a metaclass by name",
        r"
import json, pprint
class Space(dict):
    def __getitem__(self, key):
        return (lambda x: x) if key in ('__astra_own__', '__astra_set__') else super().__getitem__(key)
class Meta:
    def __getattr__(self, name):
        return lambda *a, **k: Space()
    def __call__(self, name, bases, space): return space
_stream = 0
def attack(ABCMeta=Meta()):
    class X(metaclass=ABCMeta):
        json.dumps.leak = 'OWNED'
        out = pprint.PrettyPrinter()._stream
    return 'OWNED' + str(X['out'])
",
    ),
    (
        "bases by an object",
        r"
import pprint
from types import SimpleNamespace
_stream = 0
def attack():
    class P(SimpleNamespace(**{'__mro_entries__': lambda bases: (pprint.PrettyPrinter,)})): pass
    return 'OWNED' + str(P()._stream)
",
    ),
    (
        "a class swapped by its decorator, under super",
        r"
import json
@lambda c: type(json)
class C: pass
def attack():
    super(C, json).__setattr__('dumps', lambda *a, **k: 'OWNED')
",
    ),
    (
        "a class swapped by its decorator, for its constructor",
        r"
import uuid
@lambda c: uuid.UUID
class T:
    def __init__(self): pass
def attack():
    T.__init__(uuid.NAMESPACE_DNS, int=0)
",
    ),
    (
        "private names under super",
        r"
import ipaddress
_netmask_cache = 1
def attack():
    n = ipaddress.ip_network('10.0.0.0/24')
    ipaddress.ip_network('10.0.0.0/16')
    c = super(type(n), n)._netmask_cache
    c['24'] = c['16']
",
    ),
    (
        "equal flags in the cache of re",
        r"
import re
from astra import data
seen = []
class I:
    def __hash__(self): return 0
    def __and__(self, other): return 0
    def __or__(self, other): return 32
    __ror__ = __or__
    def __eq__(self, other):
        d = data('d')
        seen.append(str(d))
        d['a'] = 'OWNED'
        return True
def attack():
    if not seen: re.compile('abd', I())
    return list(seen)
",
    ),
    (
        "a number in the cache of re",
        r"
import re
from astra import data
seen = []
class I(int):
    def __hash__(self): return 0
    def __eq__(self, other):
        seen.append(str(data('d')))
        return True
def attack():
    if not seen: re.compile('abd', I(2))
    return list(seen)
",
    ),
    (
        "formats in the caches of struct and strptime",
        r"
import struct
from datetime import datetime
class S(str):
    def __hash__(self): return hash(self.other)
    def __eq__(self, other): return True
def lie(text, other):
    s = S(text)
    s.other = other
    return s
def attack():
    struct.pack(lie('>Q', '<I'), 1)
    datetime.strptime('01/02/2024', lie('%m/%d/%Y', '%d/%m/%Y'))
",
    ),
    (
        "a format whose replacement lies",
        r"
from datetime import datetime
class S(str):
    def replace(self, old, new, count=-1): return '%m/%d/%Y'.replace(old, new)
def attack():
    return str(datetime.strptime('01/02/2024', S('%d/%m/%Y')))
",
    ),
    (
        "bytes in the cache of quote",
        r"
from urllib.parse import quote_from_bytes
class I(int):
    def __format__(self, spec): return 'OWNED'
class B(bytes):
    def __iter__(self): return iter([I(32)])
    def rstrip(self, x=None): return b'x'
def attack():
    quote_from_bytes(B(b' '))
",
    ),
    (
        "arguments in the cache of typing",
        r"
from typing import List
from astra import data
seen = []
class X:
    def __call__(self): pass
    def __hash__(self): return hash(int)
    def __eq__(self, other):
        seen.append(str(data('d')))
        return False
def attack():
    if not seen: List[X()]
    return list(seen)
",
    ),
    (
        "a zone by an equal key",
        r"
from zoneinfo import ZoneInfo
from astra import data
seen = []
class K:
    def __hash__(self): return hash('Asia/Tokyo')
    def __eq__(self, other):
        seen.append(str(data('d')))
        return other == 'Asia/Tokyo'
def attack():
    try: ZoneInfo(K())
    except TypeError: pass
    return list(seen)
",
    ),
    (
        "dictionaries behind views",
        r"
import re, textwrap
from dataclasses import field
class E:
    def __eq__(self, d):
        try: d.clear()
        except AttributeError: pass
        try: d['OWNED'] = 1
        except TypeError: pass
        return True
    def __ror__(self, d): return self == d
def attack():
    for view in (re.RegexFlag.__members__, re.compile(r'(?P<y>\d+)-(?P<m>\d+)').groupindex, field().metadata,
                 textwrap.TextWrapper().unicode_whitespace_trans, textwrap.TextWrapper.unicode_whitespace_trans):
        view == E()
        try: view | E()
        except TypeError: pass
",
    ),
    (
        "a flag of its own number",
        r"
import re
from astra import data
seen = []
class I(int):
    def __hash__(self): return 10
    def __eq__(self, other):
        seen.append(str(data('d')))
        return True
    def __and__(self, other): return int(self) & int(other)
def attack():
    if not seen: re.RegexFlag(I(1 << 20))
    return list(seen)
",
    ),
    (
        "everybody's numbers registered",
        r"
from collections.abc import Mapping
class M(Mapping):
    def __getitem__(self, key): pass
    def __iter__(self): pass
    def __len__(self): pass
def attack():
    M.register(int)
",
    ),
];

fn open(engine: &PythonEngine, code: &str, data: &Value, state: bool) -> Outcome<(Session, Isolation)> {
    let mut program = program(code, &["attack"], Isolation::Shared);
    program.data.push(DataFile { name: "d".to_owned(), json: data.to_string().into_bytes().into() });
    program.state = state.then(|| "{}".to_owned());
    let loaded = engine.load(&program)?;
    Ok((engine.open(&loaded, 3)?, loaded.isolation()))
}

fn victim_of(engine: &PythonEngine) -> Outcome<(Session, Value)> {
    let (victim, isolation) = open(engine, VICTIM, &json!({ "secret": SECRET }), true)?;
    assert_eq!(isolation, Isolation::Shared);
    let value = call(engine, &victim, "attack", "{}")?.result?;
    Ok((victim, value))
}

/// What the attacker shows, or why it has nothing to show.
fn shown(engine: &PythonEngine, attacker: &Session) -> Outcome<String> {
    let outcome = call(engine, attacker, "attack", "{}")?;
    Ok(format!("{:?} {}", outcome.result, outcome.stdout))
}

#[test]
fn no_session_reaches_its_neighbour_or_its_worker() {
    let expected = victim_of(&engine().unwrap()).unwrap().1;
    for &(name, code) in ATTACKS {
        // A worker each, so that the order of attacks hides none of them.
        let engine = engine().unwrap();
        let attacker = open(&engine, code, &json!({ "a": 1 }), false);
        let before = attacker.as_ref().map(|(session, _)| shown(&engine, session).unwrap());
        let (victim, value) = victim_of(&engine).unwrap();
        assert_eq!(value, expected, "{name}: the next session");
        assert_eq!(
            call(&engine, &victim, "attack", "{}").unwrap().result,
            Ok(expected.clone()),
            "{name}: its next call"
        );
        let after = attacker.as_ref().map(|(session, _)| shown(&engine, session).unwrap());
        println!("{name}: {:?} {before:?} {after:?}", attacker.as_ref().map(|(_, isolation)| isolation));
        for text in [before, after].into_iter().flatten() {
            assert!(!TRACES.iter().any(|trace| text.contains(trace)), "{name}: {text}");
        }
    }
}

#[test]
fn what_one_session_left_behind_is_finalised_in_nobodys_name() {
    let engine = engine().unwrap();
    let code = "
from astra import data
got = []
class Node: pass
def left(node):
    try: yield node
    finally:
        try: got.append(str(data('d')))
        except KeyError: got.append('nobody')
def attack(leave=False):
    if leave:
        node = Node()
        node.generator = left(node)
        next(node.generator)
    return list(got)
";
    let (attacker, isolation) = open(&engine, code, &json!({ "a": 1 }), false).unwrap();
    assert_eq!(isolation, Isolation::Shared);
    assert!(call(&engine, &attacker, "attack", r#"{"leave": true}"#).unwrap().result.is_ok());
    let (victim, _) =
        open(&engine, "def attack():\n    return 1\n", &json!({ "secret": SECRET }), false).unwrap();
    for _ in 0..4200 {
        assert_eq!(call(&engine, &victim, "attack", "{}").unwrap().result, Ok(json!(1)));
    }
    let found = call(&engine, &attacker, "attack", "{}").unwrap().result;
    assert_eq!(found, Ok(json!(["nobody"])));
}
