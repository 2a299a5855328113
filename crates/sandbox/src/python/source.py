"""What a source says about itself, before anybody judges it: its entries, whether it looks at the clock, and the
block that runs it as a program. It only reads syntax trees; what may run is for the gate to say.
"""
import ast

_MOMENT = {"time", "random", "uuid", "secrets"}
_NOW = {"now", "utcnow", "today", "uuid1", "uuid4", "urandom"}


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


def bound_names(tree):
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


def reads_moment(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name in _MOMENT for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module in _MOMENT | {"astra"}:
            if node.module != "astra" or any(alias.name == "new_id" for alias in node.names):
                return True
        if isinstance(node, ast.Attribute) and node.attr in _NOW:
            return True
    return False


def entry_facts(bound, entry):
    node = bound.get(entry)
    parameters = _parameters(node.args) if isinstance(node, ast.FunctionDef) else []
    takes_state = bool(parameters) and parameters[0]["name"] == "state" and (
        parameters[0]["kind"] in ("positional_only", "ordinary"))
    return {"found": entry in bound, "parameters": parameters[1:] if takes_state else parameters,
            "takes_state": takes_state}


def _is_main_block(node):
    """Whether this is `if __name__ == "__main__":`, which does not run here."""
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1):
        return False
    sides = (node.test.left, node.test.comparators[0])
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    texts = [side.value for side in sides if isinstance(side, ast.Constant)]
    return isinstance(node.test.ops[0], ast.Eq) and names == ["__name__"] and texts == ["__main__"]


def _mentioned(nodes):
    return {node.id for top in nodes for node in ast.walk(top) if isinstance(node, ast.Name)}


def without_main(tree, entries):
    """Without the block for running as a program, and without the functions that only this block reaches."""
    body, dropped = [], []
    for node in tree.body:
        if _is_main_block(node):
            body.extend(node.orelse)
            dropped.extend(node.body)
        else:
            body.append(node)
    while dropped:
        wanted = _mentioned(dropped)
        dropped = [node for node in body if isinstance(node, ast.FunctionDef) and node.name in wanted
                   and node.name not in entries and not node.decorator_list
                   and node.name not in _mentioned(other for other in body if other is not node)]
        body = [node for node in body if node not in dropped]
    tree.body = body
    return tree
