"""Walks everything that admitted attributes reach from the facades and builtins of a shared worker.

Prints one line for each thing that must not be there: a module, a frame, a code object, the real builtins, an
object that takes attributes, or a mutable container that sessions would share.
"""
import collections
import gc
import json
import resource
import sys
import types

# A walk that finds ever new objects must not take the machine with it.
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
folder = sys.argv[1]
for name in ("lockdown", "values", "world", "facade", "source", "gate", "private", "frozen", "shared"):
    module = types.ModuleType(f"_astra_{name}")
    sys.modules[module.__name__] = module
    with open(f"{folder}/{name}.py", encoding="utf-8") as file:
        exec(compile(file.read(), module.__name__, "exec"), module.__dict__)

import _astra_gate as gate
import _astra_shared as shared
import _astra_world as world

world.prepare({"memory_bytes": 1, "filter": []})
shared.setup(world)
world.current = world.Session(1, None, 1)

SKIPPED = {"__astra_own__", "__import__", "__build_class__"}
READABLE = ("__name__", "__qualname__", "__doc__", "__members__", "__cause__")


def admitted(thing):
    for name in dir(thing):
        if not name.isidentifier():
            continue
        if name in gate.DENIED_ATTRIBUTES:
            continue
        if not name.startswith("_") or name in READABLE:
            yield name
    own = isinstance(thing, type) and thing in shared._subclassable
    if own:
        # A subclass of it makes its private attributes reachable.
        yield from (name for name in dir(thing) if name.startswith("_") and not name.startswith("__"))


problems = []
seen = set()
queue = collections.deque()
for name, facade in shared._facades.items():
    queue.append((name, facade))
queue.append(("random", shared.import_facade("random")))
for name, thing in shared._builtins.items():
    if name not in SKIPPED:
        queue.append((f"builtins.{name}", thing))
kept = []

# Private to one session or to one use, whatever they hold.
PER_SESSION = (type(world.current.random()),)
# Made anew at every look, so that walking on would not end; their attributes are those of their types.
LEAVES = (str, bytes, int, float, complex, types.BuiltinMethodType, types.MethodType, types.MethodWrapperType)


def changes(thing):
    """Whether `thing` takes an attribute from a tool."""
    try:
        target = shared.guard(thing)
    except AttributeError:
        return False
    try:
        target.astra_probe = 1
    except (AttributeError, TypeError):
        return False
    del target.astra_probe
    return True


while queue and len(seen) < 100_000:
    path, thing = queue.popleft()
    if id(thing) in seen:
        continue
    seen.add(id(thing))
    kept.append(thing)
    if isinstance(thing, (types.ModuleType, types.FrameType, types.CodeType, types.TracebackType)):
        problems.append(f"{path}: {type(thing).__name__}")
        continue
    if type(thing) is dict and "__build_class__" in thing:
        problems.append(f"{path}: the builtins")
        continue
    if isinstance(thing, types.MappingProxyType):
        # `thing == x` and `thing | x` hand the dictionary behind it to `x`.
        problems.append(f"{path}: a shared dictionary behind a view")
    if isinstance(thing, (dict, list, set, bytearray, collections.deque)):
        problems.append(f"{path}: a shared {type(thing).__name__}")
    if thing is type:
        problems.append(f"{path}: type itself")
        continue
    if isinstance(thing, PER_SESSION):
        continue
    if changes(thing):
        problems.append(f"{path}: {type(thing).__name__} takes attributes")
    if isinstance(thing, (tuple, frozenset)):
        queue.extend((f"{path}[]", item) for item in thing)
    if isinstance(thing, (dict, types.MappingProxyType)):
        queue.extend((f"{path}[{key!r}]", item) for key, item in thing.items())
    if isinstance(thing, LEAVES):
        continue
    for name in admitted(thing):
        try:
            value = getattr(thing, name)
            again = getattr(thing, name)
        except Exception:
            continue
        if isinstance(value, types.MappingProxyType) and gc.get_referents(value)[0] is not gc.get_referents(again)[0]:
            continue
        if isinstance(value, (dict, list, set)) and value is not again:
            continue  # made for whoever asks
        queue.append((f"{path}.{name}", value))

if queue:
    problems.append("the walk does not end")
print(json.dumps({"problems": problems, "walked": len(seen)}))
