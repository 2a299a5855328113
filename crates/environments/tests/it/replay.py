"""Replays the gold calls of candidates (JSON lines on stdin) in plain CPython and prints what went wrong.

A stand-in for the sandbox, so that tool code is checked without it: every goal's value must stand at its path, some
argument of every call must decide it, and no call may be the same as an earlier one once its references are resolved,
for whoever does not repeat it would miss a goal. Stateful arenas and those without gold calls are the gates' business.
"""

import json
import sys
import types

data_files = {}
facade = types.ModuleType("astra")
facade.data = lambda name: data_files[name]
sys.modules["astra"] = facade


def at(result, pointer):
    for key in pointer.split("/")[1:]:
        try:
            result = result[int(key)] if isinstance(result, list) else result[key]
        except (KeyError, IndexError, TypeError):
            return None
    return result


def plain(value):
    """The JSON that a typed value stands for."""
    if value["type"] in ("list", "set"):
        return [plain(item) for item in value["items"]]
    if value["type"] == "record":
        return {name: plain(field) for name, field in value["fields"].items()}
    return value["value"]


def functions(spec):
    found = {}
    for tool in spec["tools"]:
        namespace = {}
        exec(tool["code"], namespace)
        found[tool["doc"]["name"]] = namespace[tool["entry"]]
    return found


def check(line):
    spec, files = line["spec"], line["data"]
    data_files.clear()
    data_files.update({ref["name"]: json.loads(text) for ref, text in zip(spec["data"], files)})
    before = json.dumps(data_files)
    tools = functions(spec)
    results, resolved, made = {}, {}, {}
    for call in spec["gold"]:
        arguments = {}
        for name, value in call["arguments"].items():
            if isinstance(value, dict):
                source, pointer = value["$ref"].split("#")
                value = at(results[source], pointer)
            arguments[name] = value
        resolved[call["id"]] = arguments
        first = made.setdefault((call["tool"], json.dumps(arguments, sort_keys=True)), call["id"])
        if first != call["id"]:
            yield f"{call['id']} repeats {first}: {call['tool']} {arguments}"
        results[call["id"]] = tools[call["tool"]](**arguments)
    for goal in spec["goals"]:
        kind = goal["kind"]
        value = at(results[kind["gold"]], kind["path"])
        if value != plain(kind["value"]):
            yield f"{goal['id']}: {value!r} is not {plain(kind['value'])!r}"
        tool = tools[kind["tool"]]
        changed = {}
        for name, others in spec["evidence"]["alternatives"][kind["gold"]].items():
            outcomes = [at(tool(**{**resolved[kind["gold"]], name: other}), kind["path"]) != value for other in others]
            changed[name] = sum(outcomes) / len(outcomes)
        if max(changed.values()) < 0.75:
            yield f"{goal['id']}: no argument decides it: {changed}"
    if json.dumps(data_files) != before:
        yield "a tool changed the data"


count = 0
for number, line in enumerate(sys.stdin):
    count += 1
    for problem in check(json.loads(line)):
        print(f"line {number + 1}: {problem}")
print(f"{count} replayed")
