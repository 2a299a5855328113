//! What a session is: its own state, its own seeds, its own limits; and what a call gives back.

use crate::support::{arguments, call, engine, load, options, program, tool, value};
use astra_sandbox::{
    DataFile, EngineOptions, ErrorKind, Isolation, Limits, ParameterKind, Program, PythonEngine,
    SandboxError, ToolEngine,
};
use serde_json::json;

const CLASSES: [Isolation; 2] = [Isolation::Shared, Isolation::Private];

#[test]
fn seeds_repeat_and_differ() {
    let code = "
import random, secrets, time, uuid
from datetime import date, datetime
def look():
    time.sleep(1.5)
    return [random.random(), random.randint(1, 10**9), random.Random().random(), secrets.token_hex(4),
            str(uuid.uuid4()), str(uuid.uuid1()), time.time(), datetime.now().isoformat(), str(date.today()),
            datetime.utcnow().isoformat(), time.strftime('%Y-%m-%d %H'), sorted({'a', 'b', 'c'}), list({'x', 'y', 'z'})]
";
    let engine = engine().unwrap();
    let mut seen = Vec::new();
    for class in CLASSES {
        let loaded = load(&engine, code, &["look"], class).unwrap();
        assert!(loaded.tools()[0].reads_clock_or_entropy);
        let look = |seed| {
            let session = engine.open(&loaded, seed).unwrap();
            (value(&engine, &session, "look", "{}").unwrap(), value(&engine, &session, "look", "{}").unwrap())
        };
        let first = look(1);
        assert_eq!(first, look(1), "{class:?}");
        assert_ne!(first.0, first.1, "{class:?}: two looks of one session");
        assert_ne!(first.0, look(2).0, "{class:?}: another seed");
        assert!(first.0[7].as_str().unwrap().starts_with("2024-"), "{first:?}");
        seen.push(first);
    }
    assert_eq!(seen[0], seen[1], "both classes agree");
}

#[test]
fn sessions_of_one_program_share_nothing() {
    let code = "
calls = []
class Box:
    size = 0
def put(x):
    calls.append(x)
    Box.size += 1
    return [list(calls), Box.size]
";
    let engine = engine().unwrap();
    for class in CLASSES {
        let loaded = load(&engine, code, &["put"], class).unwrap();
        let one = engine.open(&loaded, 1).unwrap();
        let two = engine.open(&loaded, 1).unwrap();
        assert_eq!(value(&engine, &one, "put", r#"{"x": 1}"#).unwrap(), json!([[1], 1]));
        assert_eq!(value(&engine, &two, "put", r#"{"x": 2}"#).unwrap(), json!([[2], 1]));
        assert_eq!(value(&engine, &one, "put", r#"{"x": 3}"#).unwrap(), json!([[1, 3], 2]));
        engine.reset(&one).unwrap();
        assert_eq!(value(&engine, &one, "put", r#"{"x": 4}"#).unwrap(), json!([[4], 1]));
    }
}

#[test]
fn tools_of_equal_source_share_a_namespace_and_others_do_not() {
    let code = "n = 0\ndef up():\n    global n\n    n += 1\n    return n\ndef read():\n    return n\n";
    let other = "n = 10\ndef away():\n    return n\n";
    let engine = engine().unwrap();
    for class in CLASSES {
        let mut together = program(code, &["up", "read"], class);
        together.tools.push(tool("away", other, class));
        let session = engine.open(&engine.load(&together).unwrap(), 1).unwrap();
        value(&engine, &session, "up", "{}").unwrap();
        assert_eq!(value(&engine, &session, "read", "{}").unwrap(), 1);
        assert_eq!(value(&engine, &session, "away", "{}").unwrap(), 10);
    }
}

#[test]
fn a_raising_call_leaves_the_state_as_it_was() {
    let code = "
def put(state, key, n, fail=False, odd=None):
    state[key] = n
    if fail:
        raise ValueError('no: ' + key)
    if odd == 'set':
        state['odd'] = {1, 2}
    if odd == 'tuple':
        state['pair'] = (1, 2)
    return sorted(state)
";
    let engine = engine().unwrap();
    for class in CLASSES {
        let mut stateful = program(code, &["put"], class);
        stateful.state = Some(r#"{"z": 1, "a": [1, {"b": null}]}"#.to_owned());
        let loaded = engine.load(&stateful).unwrap();
        assert!(loaded.tools()[0].takes_state);
        let names: Vec<_> =
            loaded.tools()[0].parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(names, ["key", "n", "fail", "odd"]);
        let session = engine.open(&loaded, 1).unwrap();
        let first = call(&engine, &session, "put", r#"{"key": "k", "n": 1}"#).unwrap();
        assert!(first.state_changed);
        assert_eq!(engine.state(&session).unwrap(), r#"{"a":[1,{"b":null}],"k":1,"z":1}"#);
        let again = call(&engine, &session, "put", r#"{"key": "k", "n": 1}"#).unwrap();
        assert!(!again.state_changed);
        let failed = call(&engine, &session, "put", r#"{"key": "x", "n": 1, "fail": true}"#).unwrap();
        let error = failed.result.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Exception, "ValueError: no: x"));
        assert!(!failed.state_changed);
        let odd = call(&engine, &session, "put", r#"{"key": "x", "n": 1, "odd": "set"}"#).unwrap();
        assert_eq!(odd.result.unwrap_err().kind, ErrorKind::BadState);
        assert_eq!(
            value(&engine, &session, "put", r#"{"key": "y", "n": 1, "odd": "tuple"}"#).unwrap(),
            json!(["a", "k", "pair", "y", "z"])
        );
        assert_eq!(engine.state(&session).unwrap(), r#"{"a":[1,{"b":null}],"k":1,"pair":[1,2],"y":1,"z":1}"#);
        engine.reset(&session).unwrap();
        assert_eq!(
            value(&engine, &session, "put", r#"{"key": "q", "n": 1}"#).unwrap(),
            json!(["a", "q", "z"])
        );
    }
}

#[test]
fn values_become_json_as_documented() {
    let code = "
import enum, dataclasses, decimal, datetime, collections, fractions, ipaddress, math, pathlib, types
class Color(enum.Enum):
    RED = 'red'
@dataclasses.dataclass
class Point:
    x: int
    inner: object = None
Pair = collections.namedtuple('Pair', 'a b')
def show(what):
    return {
        'tuple': (1, (2,)), 'set': {3, 1, 2}, 'enum': [Color.RED], 'decimal': decimal.Decimal('1.50'),
        'date': [datetime.date(2024, 2, 29), datetime.datetime(2024, 1, 1, 5)], 'dataclass': Point(1, Point(2)),
        'named': Pair(1, 'x'), 'bytes': 'ü'.encode(), 'infinite': [math.inf, -math.inf, math.nan, 1.5],
        'keys': {1: 'a', None: 'b', True: 'c', (1, 2): 'd'}, 'object': object(), 'function': show,
        'address': str(object()), 'wide': [2**64, 2**64 - 1, -2**63, -2**63 - 1, '9 12345678901234567890123'],
        'spans': [datetime.timedelta(1), fractions.Fraction(1, 3), 1 + 2j, ipaddress.ip_address('10.0.0.1'),
                  pathlib.PurePosixPath('a/b')],
        'sequences': [collections.deque([1, 2]), {'a': 1}.keys(), {'a': 1}.values(), range(2),
                      types.SimpleNamespace(x=1)],
        'text': 'a\\u2028\\ud800',
    }[what]
";
    let engine = engine().unwrap();
    for class in CLASSES {
        let loaded = load(&engine, code, &["show"], class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        for (what, expected) in [
            ("tuple", json!([1, [2]])),
            ("set", json!([1, 2, 3])),
            ("enum", json!(["red"])),
            ("decimal", json!("1.50")),
            ("date", json!(["2024-02-29", "2024-01-01T05:00:00"])),
            ("dataclass", json!({"x": 1, "inner": {"x": 2, "inner": null}})),
            ("named", json!([1, "x"])),
            ("bytes", json!("ü")),
            ("infinite", json!(["Infinity", "-Infinity", "NaN", 1.5])),
            ("address", json!("<object object at 0x0>")),
        ] {
            let given = json!({ "what": what }).to_string();
            assert_eq!(value(&engine, &session, "show", &given).unwrap(), expected, "{what} ({class:?})");
        }
        for (what, expected) in [
            (
                "wide",
                json!([
                    "18446744073709551616",
                    u64::MAX,
                    i64::MIN,
                    "-9223372036854775809",
                    "9 12345678901234567890123"
                ]),
            ),
            ("spans", json!(["1 day, 0:00:00", "1/3", "(1+2j)", "10.0.0.1", "a/b"])),
            ("sequences", json!([[1, 2], ["a"], [1], [0, 1], {"x": 1}])),
        ] {
            let given = json!({ "what": what }).to_string();
            assert_eq!(value(&engine, &session, "show", &given).unwrap(), expected, "{what} ({class:?})");
        }
        for what in ["object", "function"] {
            let given = json!({ "what": what }).to_string();
            let error = call(&engine, &session, "show", &given).unwrap().result.unwrap_err();
            assert_eq!(error.kind, ErrorKind::NotJson, "{what}: {error:?}");
        }
        let keys = value(&engine, &session, "show", r#"{"what": "keys"}"#).unwrap();
        assert_eq!(keys["(1, 2)"], "d");
        assert!(value(&engine, &session, "show", r#"{"what": "text"}"#).unwrap().is_string());
    }
}

#[test]
fn what_only_the_host_refuses_leaves_no_trace() {
    let engine = engine().unwrap();
    let code = "
calls = []
def step(state, what):
    calls.append(what)
    state['calls'] = len(calls)
    if what == 'deep':
        value = []
        for _ in range(200): value = [value]
        return value
    if what == 'wide':
        state['wide'] = 2**64
    return len(calls)
";
    for class in CLASSES {
        let mut program = crate::support::program(code, &["step"], class);
        program.state = Some("{}".to_owned());
        let session = engine.open(&engine.load(&program).unwrap(), 1).unwrap();
        for (what, expected) in [
            ("plain", Ok(1)),
            ("deep", Err(ErrorKind::NotJson)),
            ("wide", Err(ErrorKind::BadState)),
            ("plain", Ok(2)),
        ] {
            let outcome = call(&engine, &session, "step", &json!({ "what": what }).to_string()).unwrap();
            let got = outcome.result.map_err(|error| error.kind);
            assert_eq!(got, expected.map(|number: u64| json!(number)), "{what} ({class:?})");
        }
        assert_eq!(engine.state(&session).as_deref(), Some(r#"{"calls":2}"#), "{class:?}");
    }
}

#[test]
fn words_of_a_refusal_are_not_a_refusal() {
    let engine = engine().unwrap();
    let code = "
def refuse(how):
    if how == 'words': raise ValueError('no cats in the sandbox')
    raise PermissionError(13, 'the user lacks a role')
";
    for class in CLASSES {
        let loaded = load(&engine, code, &["refuse"], class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        for how in ["words", "number"] {
            let given = json!({ "how": how }).to_string();
            let error = call(&engine, &session, "refuse", &given).unwrap().result.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Exception, "{how} ({class:?}): {error:?}");
        }
    }
}

#[test]
fn honest_text_about_addresses_stays() {
    let engine = engine().unwrap();
    let code = "def f(state):\n    state['device'] = 'device at 0x3C4D5E6F'\n    print('bus at 0x3C')\n    return state['device']\n";
    for class in CLASSES {
        let mut program = crate::support::program(code, &["f"], class);
        program.state = Some("{}".to_owned());
        let session = engine.open(&engine.load(&program).unwrap(), 1).unwrap();
        let outcome = call(&engine, &session, "f", "{}").unwrap();
        assert_eq!(outcome.result, Ok(json!("device at 0x3C4D5E6F")));
        assert_eq!(outcome.stdout, "bus at 0x3C\n");
        assert_eq!(engine.state(&session).as_deref(), Some(r#"{"device":"device at 0x3C4D5E6F"}"#));
    }
}

#[test]
fn everyday_reflection_is_admitted_and_gives_what_python_gives() {
    let engine = engine().unwrap();
    let code = r"
import os, sys, traceback
from functools import singledispatch
from math import *
from pathlib import PurePosixPath
class Box:
    __slots__ = ('a', '__weakref__')
class Row:
    def __init__(self, **fields):
        self.__dict__.update(fields)
    def double(self): return 2 * self.n
@singledispatch
def kind(x): return 'other'
@kind.register
def _(x: int): return 'int'
@kind.register(str)
def _(x): return 'str'
def main():
    import argparse
    print(argparse)
def run():
    row = Row(n=2)
    setattr(row, 'm', 3)
    template = '{0.n:>{w}}|{d[k]}'
    try: 1 / 0
    except ZeroDivisionError: trace = traceback.format_exc()
    print('note', file=sys.stderr)
    sys.stdout.write('out')
    return [vars(row), getattr(row, 'double')(), getattr(row, 'none', 7), hasattr(row, '_x'), row.__dict__ == vars(row),
            template.format(row, w=3, d={'k': 1}), [t.__name__ for t in map(type, [1, 'a'])], isinstance(int, type),
            kind(1), kind('a'), kind(None), os.path.join('a', 'b'), os.environ.get('HOME', 'none'), sqrt(4),
            PurePosixPath('/a/b.txt').suffix, trace, sys.maxsize > 2**31]
if __name__ == '__main__':
    main()
";
    let loaded = load(&engine, code, &["run"], Isolation::Shared).unwrap();
    assert_eq!(loaded.isolation(), Isolation::Shared, "{:?}", loaded.rejections());
    let session = engine.open(&loaded, 1).unwrap();
    let outcome = call(&engine, &session, "run", "{}").unwrap();
    assert_eq!(outcome.stdout, "out");
    let expected = json!([
        {"n": 2, "m": 3}, 4, 7, false, true, "  2|1", ["int", "str"], true, "int", "str", "other", "a/b", "none", 2.0,
        ".txt", "ZeroDivisionError: division by zero\n", true
    ]);
    assert_eq!(outcome.result, Ok(expected));
}

#[test]
fn a_tool_that_only_prints_returns_null() {
    let engine = engine().unwrap();
    for class in CLASSES {
        let loaded = load(&engine, "def say(word):\n    print(word)\n", &["say"], class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        let outcome = call(&engine, &session, "say", r#"{"word": "hello"}"#).unwrap();
        assert_eq!((outcome.result, outcome.stdout.as_str()), (Ok(json!(null)), "hello\n"), "{class:?}");
    }
}

#[test]
fn arguments_that_do_not_fit_are_told_apart_from_type_errors_inside() {
    let code = "def f(a, *, b=1):\n    return a + b\n";
    let engine = engine().unwrap();
    for class in CLASSES {
        let loaded = load(&engine, code, &["f"], class).unwrap();
        assert_eq!(loaded.tools()[0].parameters[1].kind, ParameterKind::KeywordOnly);
        assert!(loaded.tools()[0].parameters[1].has_default && !loaded.tools()[0].parameters[0].has_default);
        let session = engine.open(&loaded, 1).unwrap();
        for (given, kind) in [
            ("{}", ErrorKind::Arguments),
            (r#"{"a": 1, "c": 2}"#, ErrorKind::Arguments),
            (r#"{"a": "x"}"#, ErrorKind::Exception),
        ] {
            let error = call(&engine, &session, "f", given).unwrap().result.unwrap_err();
            assert_eq!(error.kind, kind, "{given}: {error:?}");
            assert!(error.message.starts_with("TypeError: "), "{error:?}");
        }
        assert!(matches!(
            engine.call(&session, "g", &arguments("{}").unwrap()),
            Err(SandboxError::UnknownTool { tool }) if tool == "g"
        ));
    }
}

#[test]
fn data_is_each_sessions_own_copy() {
    let code = "
from astra import data
def take():
    rows = data('cities')
    rows.append(len(rows))
    return rows
def missing():
    return data('nothing')
";
    let engine = engine().unwrap();
    for class in CLASSES {
        let mut with_data = program(code, &["take", "missing"], class);
        with_data.data.push(DataFile { name: "cities".to_owned(), json: (*b"[\"Oslo\"]").into() });
        let loaded = engine.load(&with_data).unwrap();
        assert_eq!(loaded.isolation(), class, "{:?}", loaded.rejections());
        let one = engine.open(&loaded, 1).unwrap();
        let two = engine.open(&loaded, 1).unwrap();
        assert_eq!(value(&engine, &one, "take", "{}").unwrap(), json!(["Oslo", 1]));
        assert_eq!(value(&engine, &one, "take", "{}").unwrap(), json!(["Oslo", 1, 2]));
        assert_eq!(value(&engine, &two, "take", "{}").unwrap(), json!(["Oslo", 1]));
        let error = call(&engine, &one, "missing", "{}").unwrap().result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Exception);
    }
    let mut broken = program(code, &["take"], Isolation::Shared);
    broken.data.push(DataFile { name: "cities".to_owned(), json: (*b"[").into() });
    assert!(matches!(engine.load(&broken), Err(SandboxError::Input { what, .. }) if what.contains("cities")));
}

#[test]
fn new_ids_commute_and_depend_on_the_seed() {
    let code = "
from astra import new_id
def create(state, name):
    return new_id(state, 'ord', {'name': name})
";
    let engine = engine().unwrap();
    let mut all = Vec::new();
    for class in CLASSES {
        let mut stateful = program(code, &["create"], class);
        stateful.state = Some("{}".to_owned());
        let loaded = engine.load(&stateful).unwrap();
        let ids = |seed, names: &[&str]| {
            let session = engine.open(&loaded, seed).unwrap();
            let mut ids: Vec<String> = names
                .iter()
                .map(|name| value(&engine, &session, "create", &json!({ "name": name }).to_string()).unwrap())
                .map(|id| id.as_str().unwrap().to_owned())
                .collect();
            ids.sort();
            (ids, engine.state(&session).unwrap())
        };
        let forward = ids(1, &["a", "b", "a"]);
        assert_eq!(forward, ids(1, &["a", "a", "b"]), "order does not matter");
        assert_eq!(forward.0.iter().collect::<std::collections::HashSet<_>>().len(), 3);
        assert!(forward.0.iter().all(|id| id.len() == 14 && id.starts_with("ord-")), "{forward:?}");
        assert_ne!(forward.0, ids(2, &["a", "b", "a"]).0);
        all.push(forward);
    }
    assert_eq!(all[0], all[1]);
}

#[test]
fn a_call_that_hit_a_limit_never_was() {
    let code = "
log = []
def add(x, spin=False):
    log.append(x)
    while spin: pass
    return list(log)
";
    let engine = engine().unwrap();
    for class in CLASSES {
        let loaded = load(&engine, code, &["add"], class).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        value(&engine, &session, "add", r#"{"x": 1}"#).unwrap();
        let error = call(&engine, &session, "add", r#"{"x": 2, "spin": true}"#).unwrap().result.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::CpuLimit | ErrorKind::TimeLimit), "{error:?}");
        assert_eq!(value(&engine, &session, "add", r#"{"x": 3}"#).unwrap(), json!([1, 3]), "{class:?}");
    }
}

#[test]
fn a_session_has_a_number_of_calls() {
    let mut few = options();
    few.limits = Limits { calls_per_session: 2, ..few.limits };
    let engine = PythonEngine::start(few).unwrap();
    let loaded = load(&engine, "def f():\n    return 1\n", &["f"], Isolation::Shared).unwrap();
    let session = engine.open(&loaded, 1).unwrap();
    value(&engine, &session, "f", "{}").unwrap();
    value(&engine, &session, "f", "{}").unwrap();
    let error = call(&engine, &session, "f", "{}").unwrap().result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::CallLimit);
}

#[test]
fn sources_that_do_not_load_name_tool_and_line() {
    let engine = engine().unwrap();
    let error = load(&engine, "x = 1\ndef f(:\n    pass\n", &["f"], Isolation::Shared).unwrap_err();
    assert!(matches!(&error, SandboxError::Compile { tool, line: 2, .. } if tool == "f"), "{error:?}");
    let error = load(&engine, "def g():\n    pass\n", &["f"], Isolation::Shared).unwrap_err();
    assert!(matches!(&error, SandboxError::EntryMissing { entry, .. } if entry == "f"), "{error:?}");
    for class in CLASSES {
        for body in ["raise ValueError('at load')", "while True: pass", "1 / 0"] {
            let code = format!("def f():\n    return 1\n{body}\n");
            let loaded = load(&engine, &code, &["f"], class).unwrap();
            let error = engine.open(&loaded, 1).unwrap_err();
            assert!(matches!(&error, SandboxError::Body { tool, .. } if tool == "f"), "{error:?}");
        }
        let good = load(&engine, "def f():\n    return 1\n", &["f"], class).unwrap();
        let session = engine.open(&good, 1).unwrap();
        assert_eq!(value(&engine, &session, "f", "{}").unwrap(), 1);
    }
}

#[test]
fn the_main_block_does_not_run_and_does_not_reject() {
    let code = "def f():\n    return 1\nif __name__ == '__main__':\n    import os\n    os.system('id')\n";
    let engine = engine().unwrap();
    let loaded = load(&engine, code, &["f"], Isolation::Shared).unwrap();
    assert_eq!(loaded.isolation(), Isolation::Shared, "{:?}", loaded.rejections());
    let session = engine.open(&loaded, 1).unwrap();
    assert_eq!(value(&engine, &session, "f", "{}").unwrap(), 1);
}

#[test]
fn hash_seeds_change_the_order_of_sets_only() {
    let code = "def f():\n    return [str(list({'a', 'b', 'c', 'd', 'e', 'f'})), len({'a', 'b'})]\n";
    let mut seen = std::collections::HashSet::new();
    for hash_seed in 0..3 {
        let engine = PythonEngine::start(EngineOptions { hash_seed, ..options() }).unwrap();
        let loaded = load(&engine, code, &["f"], Isolation::Shared).unwrap();
        let session = engine.open(&loaded, 1).unwrap();
        let shown = value(&engine, &session, "f", "{}").unwrap();
        assert_eq!(shown[1], 2);
        seen.insert(shown[0].to_string());
    }
    assert!(seen.len() > 1);
}

#[test]
fn an_empty_program_opens() {
    let engine = engine().unwrap();
    let loaded = engine.load(&Program::default()).unwrap();
    drop(engine.open(&loaded, 0).unwrap());
    assert_eq!(engine.statistics().sessions, 0);
}
