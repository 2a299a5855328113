"""The static gate: what may run in a worker that others share.

An allow-list of nodes, builtins, module names and attributes. It bounds what a source can say; where the answer
depends on the object (attribute stores, private attributes, `__class__`) it rewrites the tree so that
`_astra_shared` looks at run time. Facts about entries come from the same reading (`_astra_source`).
"""
import ast

import _astra_facade as facade
from _astra_source import bound_names, entry_facts, reads_moment, without_main


def _read(source, entries):
    try:
        tree = ast.parse(source, "<tool>")
        compile(tree, "<tool>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return {"error": error.msg or "invalid syntax", "line": error.lineno or 0}
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return {"error": f"{type(error).__name__}: {error}", "line": 0}
    bound = bound_names(tree)
    return {
        "rejections": [{"line": line, "reason": reason} for line, reason in rejections(tree, entries)],
        "reads_moment": reads_moment(tree),
        "entries": {entry: entry_facts(bound, entry) for entry in entries},
    }


DENIED_ATTRIBUTES = frozenset(
    "gi_frame gi_code gi_yieldfrom gi_running gi_suspended cr_frame cr_code cr_await cr_origin cr_running ag_frame "
    "ag_code ag_await ag_running tb_frame tb_next tb_lasti tb_lineno f_back f_builtins f_code f_globals f_lasti "
    "f_lineno f_locals f_trace f_trace_lines f_trace_opcodes f_generator mro obj clear_cache no_cache from_file "
    "func_globals func_code func_closure format_map".split())
_REFUSED_NAMES = frozenset(
    "globals locals eval exec compile open input id breakpoint memoryview dir help exit "
    "quit copyright credits license aiter anext".split())
UNMATCHED = DENIED_ATTRIBUTES | {"format"}
NAMEDTUPLE = frozenset(("_asdict", "_replace", "_fields", "_make", "_field_defaults"))
_SUNDER = frozenset(("_value_", "_name_", "_missing_", "_generate_next_value_", "_ignore_", "_order_"))
READABLE = frozenset(("__name__", "__qualname__", "__doc__", "__members__", "__cause__"))
OPERATORS = frozenset(f"__{name}__" for name in (
    "str repr len eq ne lt le gt ge hash bool int float complex index contains iter next reversed getitem setitem "
    "delitem missing call enter exit abs neg pos invert round trunc floor ceil add sub mul matmul truediv floordiv "
    "mod divmod pow and or xor lshift rshift radd rsub rmul rtruediv rfloordiv rmod rpow rand ror rxor iadd isub "
    "imul itruediv ifloordiv imod ior iand ixor format length_hint").split())
# What `hasattr` may ask for.
PROBED = OPERATORS | {"__dict__", "__name__", "__qualname__", "__doc__", "__dataclass_fields__"}
_METHODS = OPERATORS | frozenset(f"__{name}__" for name in (
    "init new post_init getattr setattr delattr get set delete set_name init_subclass class_getitem copy deepcopy "
    "bytes sizeof dir fspath").split())
_SUPER = OPERATORS | frozenset(f"__{name}__" for name in "init new post_init setattr init_subclass".split())
_MODULE_NAMES = frozenset(("__all__", "__version__", "__author__", "__doc__", "__license__", "__title__"))
_BUILTIN_BASES = frozenset(
    "object dict list set tuple str int float Exception BaseException ValueError TypeError KeyError RuntimeError "
    "LookupError IndexError ArithmeticError OSError AttributeError".split())
_REFUSED_NODES = tuple(getattr(ast, name) for name in (
    "AsyncFunctionDef", "AsyncFor", "AsyncWith", "Await", "TemplateStr", "Interpolation") if hasattr(ast, name))


def _is_dunder(name):
    return name.startswith("__") and name.endswith("__") and len(name) > 4


def _prepared(tree, entries):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module in facade.TABLE \
                and node.module != "__future__" and [alias.name for alias in node.names] == ["*"]:
            node.names = [ast.copy_location(ast.alias(name), node) for name in facade.public(node.module)]
    return without_main(tree, entries)


class _Names:
    """Which names a source binds, how often, and to what."""

    def __init__(self, tree):
        self.bound = {}
        self.aliases = {}
        self.private = set()
        self.classes = {}
        for node in ast.walk(tree):
            self._note(node)

    def _bind(self, name):
        if name:
            self.bound[name] = self.bound.get(name, 0) + 1
            if name.startswith("_"):
                self.private.add(name)

    def _note(self, node):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            self._bind(node.id)
        elif isinstance(node, ast.arg):
            self._bind(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._bind(node.name)
        elif isinstance(node, ast.ClassDef):
            self._bind(node.name)
            self.classes[node.name] = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            self._bind(node.name)
        elif isinstance(node, ast.MatchMapping):
            self._bind(node.rest)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr.startswith("_"):
            self.private.add(node.attr)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                name = (alias.asname or alias.name).split(".")[0]
                self._bind(name)
                if isinstance(node, ast.Import):
                    module = alias.name if alias.asname else alias.name.split(".")[0]
                    self.aliases.setdefault(name, set()).add(module)

    def module(self, name):
        """The module that `name` always stands for, or None."""
        modules = self.aliases.get(name, ())
        return next(iter(modules)) if len(modules) == 1 else None


class _Gate(ast.NodeTransformer):
    """Looks at every node, and rewrites those whose check needs the object itself.

    Attribute stores become `__astra_set__(x).name = ...`, private attributes `__astra_own__(x)._name`,
    `x.__class__` becomes `__astra_type__(x)`, `x.__dict__` `__astra_dict__(x)`, `x.format` `__astra_format__(x)`,
    and `x.__op__(...)` `__astra_method__(x, "__op__")(...)`. A case whose class patterns take attributes is preceded
    by one that looks at those classes and never matches.
    """

    def __init__(self, names):
        self.names = names
        self.found = []
        self.in_class = False
        self.slots = set()
        self.patterns = 0

    def refuse(self, node, reason):
        self.found.append((getattr(node, "lineno", 0), reason))

    def visit(self, node):
        if isinstance(node, _REFUSED_NODES):
            self.refuse(node, "asynchronous code")
        return super().visit(node)

    def _identifier(self, node, name, also=frozenset()):
        if name and _is_dunder(name) and name not in also:
            self.refuse(node, f"the name `{name}`")

    # Names

    def visit_Name(self, node):
        name = node.id
        if _is_dunder(name):
            reads = isinstance(node.ctx, ast.Load) and name in ("__name__", "__debug__", "__doc__")
            writes = isinstance(node.ctx, ast.Store) and (name in (_METHODS if self.in_class else _MODULE_NAMES))
            slots = id(node) in self.slots
            known = name in _METHODS and name in self.names.bound and isinstance(node.ctx, ast.Load)
            if not (reads or writes or slots or known):
                self.refuse(node, f"the name `{name}`")
        elif isinstance(node.ctx, ast.Load) and name not in self.names.bound:
            if name in _REFUSED_NAMES:
                self.refuse(node, f"`{name}`")
        if self.in_class and name in DENIED_ATTRIBUTES and not isinstance(node.ctx, ast.Load):
            self.refuse(node, f"the attribute `{name}`")
        if name == "ABCMeta":
            self.refuse(node, "`ABCMeta` other than as `metaclass=ABCMeta`")
        return node

    def visit_arg(self, node):
        self._identifier(node, node.arg)
        return self.generic_visit(node)

    def visit_keyword(self, node):
        self._identifier(node, node.arg)
        return self.generic_visit(node)

    def visit_ExceptHandler(self, node):
        self._identifier(node, node.name)
        return self.generic_visit(node)

    def visit_MatchAs(self, node):
        self._identifier(node, node.name)
        return self.generic_visit(node)

    def visit_MatchStar(self, node):
        self._identifier(node, node.name)
        return node

    def visit_MatchMapping(self, node):
        self._identifier(node, node.rest)
        return self.generic_visit(node)

    def visit_MatchClass(self, node):
        for name in node.kwd_attrs:
            if name.startswith("_") or name in UNMATCHED:
                self.refuse(node, f"the attribute `{name}` in a pattern")
        return self.generic_visit(node)

    def visit_Match(self, node):
        node = self.generic_visit(node)
        cases = []
        for case in node.cases:
            looked = []
            for pattern in ast.walk(case.pattern):
                if isinstance(pattern, ast.MatchClass) and pattern.patterns:
                    looked.append(self._held(pattern))
            if looked:
                check = ast.Call(ast.Name("__astra_match__", ast.Load()), looked, [])
                cases.append(ast.copy_location(ast.match_case(ast.MatchAs(), check, [ast.Pass()]), case.pattern))
            cases.append(case)
        node.cases = cases
        return node

    def _held(self, pattern):
        """Keeps the class of a pattern under a name that the source cannot say, so that it is the one looked at."""
        self.patterns += 1
        name = f"__astra_class_{self.patterns}__"
        held = ast.NamedExpr(ast.Name(name, ast.Store()), pattern.cls)
        pattern.cls = ast.Name(name, ast.Load())
        return held

    def visit_Global(self, node):
        for name in node.names:
            self._identifier(node, name)
        return node

    visit_Nonlocal = visit_Global

    def visit_TypeVar(self, node):
        self._identifier(node, node.name)
        return self.generic_visit(node)

    visit_ParamSpec = visit_TypeVarTuple = visit_TypeVar

    def visit_comprehension(self, node):
        if node.is_async:
            self.refuse(node.target, "asynchronous code")
        return self.generic_visit(node)

    # Imports

    def visit_Import(self, node):
        for alias in node.names:
            if alias.name not in facade.TABLE:
                self.refuse(node, f"import of `{alias.name}`")
            self._identifier(node, alias.asname)
        return node

    def visit_ImportFrom(self, node):
        table = facade.TABLE.get(node.module or "")
        if node.level or table is None:
            self.refuse(node, f"import of `{'.' * node.level}{node.module or ''}`")
            return node
        for alias in node.names:
            if alias.name not in table:
                self.refuse(node, f"import of `{node.module}.{alias.name}` from `{node.module}`")
            if alias.name == "ABCMeta" and alias.asname not in (None, "ABCMeta"):
                self.refuse(node, "another name for `ABCMeta`")
            self._identifier(node, alias.asname)
        return node

    # Definitions

    def visit_FunctionDef(self, node):
        self._identifier(node, node.name, _METHODS if self.in_class else frozenset())
        outside, self.in_class = self.in_class, False
        node = self.generic_visit(node)
        self.in_class = outside
        return node

    def visit_Lambda(self, node):
        outside, self.in_class = self.in_class, False
        node = self.generic_visit(node)
        self.in_class = outside
        return node

    def visit_ClassDef(self, node):
        self._identifier(node, node.name)
        kept = []
        for keyword in node.keywords:
            if keyword.arg is None:
                self.refuse(node, "`**` in a class statement")
            elif keyword.arg == "metaclass":
                value = keyword.value
                name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
                plain = isinstance(value, ast.Name) or (
                    isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name))
                if name != "ABCMeta" or not plain or self.names.bound.get(name, 1) != 1:
                    self.refuse(node, "a metaclass other than `ABCMeta`")
            else:
                keyword.value = self.visit(keyword.value)
            kept.append(keyword)
        node.keywords = kept
        for statement in node.body:
            self._slots(statement)
        node.bases = [self.visit(base) for base in node.bases]
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        outside, self.in_class = self.in_class, True
        node.body = self._statements(node.body)
        for parameter in getattr(node, "type_params", []):
            self.visit(parameter)
        self.in_class = outside
        return node

    def _statements(self, body):
        return [self.visit(statement) for statement in body]

    def _slots(self, statement):
        """Admits `__slots__ = ...` with literal names, straight in the class body; `visit_Name` refuses all others."""
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target = statement.target
        else:
            return
        if not (isinstance(target, ast.Name) and target.id == "__slots__"):
            return
        self.slots.add(id(target))
        value = statement.value
        for item in value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]:
            name = item.value if isinstance(item, ast.Constant) else None
            if not isinstance(name, str) or name in DENIED_ATTRIBUTES or (
                    _is_dunder(name) and name not in ("__weakref__", "__dict__")):
                self.refuse(statement, "`__slots__` that are not literal names")

    # Attributes and calls

    def _wrapped(self, function, value, *more):
        name = ast.copy_location(ast.Name(function, ast.Load()), value)
        rest = [ast.copy_location(ast.Constant(item), value) for item in more]
        return ast.copy_location(ast.Call(name, [value, *rest], []), value)

    def visit_Attribute(self, node):
        return self._attribute(node, called=False)

    def _attribute(self, node, called):
        attribute = node.attr
        loads = isinstance(node.ctx, ast.Load)
        if isinstance(node.value, ast.Name) and self.names.module(node.value.id):
            self._module_attribute(node, self.names.module(node.value.id))
        if attribute == "ABCMeta":
            self.refuse(node, "`ABCMeta` other than as `metaclass=ABCMeta`")
        if attribute in DENIED_ATTRIBUTES:
            self.refuse(node, f"the attribute `{attribute}`")
        elif attribute == "format" and loads:
            if called and isinstance(node.value, ast.Constant) and self._plain_fields(node.value.value):
                return node
            return self._wrapped("__astra_format__", self.visit(node.value))
        elif _is_dunder(attribute):
            return self._dunder(node, called, loads)
        node.value = self.visit(node.value)
        if attribute.startswith("_"):
            if attribute in NAMEDTUPLE and loads:
                return node
            if attribute not in self.names.private and attribute not in _SUNDER:
                self.refuse(node, f"the private attribute `{attribute}`")
            node.value = self._wrapped("__astra_own__", node.value)
        elif not loads:
            node.value = self._wrapped("__astra_set__", node.value)
        return node

    def _module_attribute(self, node, module):
        table = facade.TABLE.get(module)
        if table is not None and node.attr not in table:
            self.refuse(node, f"`{module}.{node.attr}`")

    def _dunder(self, node, called, loads):
        attribute, value = node.attr, node.value
        if attribute == "__class__" and loads:
            return self._wrapped("__astra_type__", self.visit(value))
        if attribute == "__dict__" and loads:
            return self._wrapped("__astra_dict__", self.visit(value))
        is_super = self._is_super(value)
        is_base = isinstance(value, ast.Name) and (
            (value.id in _BUILTIN_BASES and value.id not in self.names.bound)
            or (self.names.bound.get(value.id) == 1 and attribute in self.names.classes.get(value.id, ())))
        admitted = loads and (
            attribute in READABLE
            or (called and (attribute in OPERATORS
                            or (is_super and attribute in _SUPER)
                            or (is_base and attribute in _SUPER - {"__setattr__"}))))
        if not admitted:
            self.refuse(node, f"the attribute `{attribute}`")
        node.value = self.visit(value)
        if is_super and len(value.args) == 2:
            node.value.args[0] = self._wrapped("__astra_class__", node.value.args[0])
        if admitted and called and not is_super:
            return self._wrapped("__astra_method__", node.value, attribute)
        return node

    def _is_super(self, value):
        """`super()`, or `super(C, x)` with a class of this source: Python checks then that `x` is one of it."""
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "super"):
            return False
        if value.keywords or "super" in self.names.bound:
            return False
        first = value.args[0] if len(value.args) == 2 else None
        own = isinstance(first, ast.Name) and first.id in self.names.classes and self.names.bound.get(first.id) == 1
        return not value.args or own

    def visit_Call(self, node):
        function = node.func
        if isinstance(function, ast.Name) and function.id == "hasattr" and len(node.args) == 2:
            name = getattr(node.args[1], "value", None)
            if isinstance(name, str) and name.startswith("__") and name not in PROBED:
                self.refuse(node, "`hasattr` of a private name")
        if isinstance(function, ast.Name) and function.id == "type" and "type" not in self.names.bound:
            if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
                self.refuse(node, "`type` with three arguments")
            node.func = ast.copy_location(ast.Name("__astra_type__", ast.Load()), function)
            node.args = [self.visit(argument) for argument in node.args]
            return node
        if isinstance(function, ast.Attribute):
            if function.attr == "__setattr__":
                return self._setattr(node, function)
            node.func = self._attribute(function, called=True)
            node.args = [self.visit(argument) for argument in node.args]
            node.keywords = [self.visit(keyword) for keyword in node.keywords]
            return node
        return self.generic_visit(node)

    def _setattr(self, node, function):
        """`object.__setattr__(x, name, v)` and `super().__setattr__(name, v)`, with a plain name."""
        plain = not node.keywords and not any(isinstance(item, ast.Starred) for item in node.args)
        if plain and isinstance(function.value, ast.Name) and function.value.id == "object" and len(node.args) == 3 \
                and "object" not in self.names.bound:
            name = ast.copy_location(ast.Name("__astra_setattr__", ast.Load()), function)
            node.func = name
        elif plain and isinstance(function.value, ast.Call) and len(node.args) == 2:
            node.func = self._attribute(function, called=True)
            node.args[0] = self._wrapped("__astra_name__", node.args[0])
            node.args = [node.args[0], self.visit(node.args[1])]
            node.args[0].args[0] = self.visit(node.args[0].args[0])
            return node
        else:
            self.refuse(node, "the attribute `__setattr__`")
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def _plain_fields(self, text):
        """Whether no field of this literal reaches into its value, so that nothing needs a look at run time."""
        return isinstance(text, str) and not any(
            sign in field.split(":")[0].split("}")[0] for field in text.split("{")[1:] for sign in ".[")


def _passed(tree):
    gate = _Gate(_Names(tree))
    tree = gate.visit(tree)
    return tree, sorted(set(gate.found))


def rejections(tree, entries):
    """`(line, reason)` of everything that keeps this source out of a shared worker."""
    try:
        return _passed(_prepared(tree, entries))[1]
    except RecursionError:
        return [(0, "code nested too deeply to be looked at")]


def admit(source, entries):
    """The code object of an admitted source, with its checks in it."""
    tree, found = _passed(_prepared(ast.parse(source, "<tool>"), entries))
    if found:
        raise ValueError(f"line {found[0][0]}: {found[0][1]}")
    return compile(ast.fix_missing_locations(tree), "<tool>", "exec", dont_inherit=True)


def inspect(sources, entries):
    """For each source, with the entries looked for in it: what is wrong with it, or what it is."""
    return [_read(source, wanted) for source, wanted in zip(sources, entries)]
