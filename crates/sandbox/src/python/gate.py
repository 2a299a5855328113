"""The static gate: what may run in a worker that others share. (Facts about entries come from the same reading.)"""
import ast

_MOMENT = {"time", "random", "uuid", "secrets"}
_NOW = {"now", "utcnow", "today", "uuid1", "uuid4"}
_KINDS = (("posonlyargs", "positional_only"), ("args", "ordinary"), ("kwonlyargs", "keyword_only"))


def _parameters(arguments):
    """Parameters in order, `state` still among them."""
    found = []
    positional = arguments.posonlyargs + arguments.args
    without = len(positional) - len(arguments.defaults)
    for number, argument in enumerate(positional):
        kind = "positional_only" if number < len(arguments.posonlyargs) else "ordinary"
        found.append({"name": argument.arg, "has_default": number >= without, "kind": kind})
    if arguments.vararg:
        found.append({"name": arguments.vararg.arg, "has_default": True, "kind": "variable_positional"})
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        found.append({"name": argument.arg, "has_default": default is not None, "kind": "keyword_only"})
    if arguments.kwarg:
        found.append({"name": arguments.kwarg.arg, "has_default": True, "kind": "variable_keyword"})
    return found


def _bound(tree):
    """Names that the module body may bind, with the function definition where it is one."""
    names = {}
    todo = list(tree.body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names[node.name] = node
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                names[(alias.asname or alias.name).split(".")[0]] = None
            continue
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                names[child.id] = None
        todo[:0] = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return names


def _reads_moment(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name in _MOMENT for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module in _MOMENT | {"astra"}:
            if node.module != "astra" or any(alias.name == "new_id" for alias in node.names):
                return True
        if isinstance(node, ast.Attribute) and node.attr in _NOW:
            return True
    return False


def _entry(bound, entry):
    node = bound.get(entry)
    parameters = _parameters(node.args) if isinstance(node, ast.FunctionDef) else []
    takes_state = bool(parameters) and parameters[0]["name"] == "state" and (
        parameters[0]["kind"] in ("positional_only", "ordinary"))
    return {"found": entry in bound, "parameters": parameters[1:] if takes_state else parameters,
            "takes_state": takes_state}


def _read(source, entries):
    try:
        tree = ast.parse(source, "<tool>")
        compile(tree, "<tool>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return {"error": error.msg or "invalid syntax", "line": error.lineno or 0}
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"error": f"{type(error).__name__}: {error}", "line": 0}
    bound = _bound(tree)
    return {
        "rejections": [{"line": line, "reason": reason} for line, reason in rejections(tree)],
        "reads_moment": _reads_moment(tree),
        "entries": {entry: _entry(bound, entry) for entry in entries},
    }


def rejections(tree):
    """`(line, reason)` of everything that keeps this source out of a shared worker."""
    return []


def inspect(sources, entries):
    """For each source, with the entries looked for in it: what is wrong with it, or what it is."""
    return [_read(source, wanted) for source, wanted in zip(sources, entries)]
