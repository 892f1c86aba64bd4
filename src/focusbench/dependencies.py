"""Which modules a thing depends on, and one hash of their content.

Workflow engines see a changed script, not a changed library. A hash of the modules that a job's
code imports, handed to the rule as a parameter, reruns what a change concerns and nothing else.
Syntax trees are read, imports inside functions too; nothing is executed.

Followed: imports within the package itself and within the package of a module of one's own.
`networks.build("skip_3d")` and its like are followed through the package's id table when the id is
a literal; where it is not, whoever knows the id adds the module that it stands for. The package's
own `__init__` files hold only such tables and are left out: a new entry concerns no one else.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from focusbench.errors import InputError

PACKAGE = __name__.partition(".")[0]
_HOME = Path(__file__).resolve().parent


def code_hash(*roots: str) -> str:
    """Hash the content of all modules that `roots` ("module" or "module:attribute") depend on.

    Returns 16 hexadecimal digits; unchanged by a touch, a move or another order of `roots`.

    Raises
    ------
    InputError
        No source file is found for a root.
    """
    digest = hashlib.sha256()
    for name, path in sorted(modules(*roots).items()):
        digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def modules(*roots: str) -> dict[str, Path]:
    """Source files, by module name, of `roots` and of all they import, directly or not."""
    names = [root.partition(":")[0] for root in roots]
    packages = {PACKAGE, *(name.partition(".")[0] for name in names)}
    found: dict[str, Path] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in found:
            continue
        path = source(name)
        if path is None:
            if name in names:
                raise InputError(f"{name}: no such Python module (is its folder on PYTHONPATH?)")
            continue
        if not _is_table(name, path):
            found[name] = path
        for imported in _imports(name, path, path.stat().st_mtime_ns):
            if imported.partition(".")[0] in packages:
                pending.append(imported)
    return found


def source(module: str) -> Path | None:
    """Source file of a module, found without importing it or its parents; None if there is none."""
    if module.partition(".")[0] == PACKAGE:
        return _own_source(module)
    return _source(module, sys.path)


@cache  # each is asked for once a job and more; the package's own modules stay where they are
def _own_source(module: str) -> Path | None:
    return _source(module, [str(_HOME.parent)])


def _source(module: str, folders: list[str]) -> Path | None:
    top, *rest = module.split(".")
    spec = PathFinder.find_spec(top, folders)
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        # not by its full name: of folders without __init__.py that asks for the parent, imported
        spec = PathFinder.find_spec(part, list(spec.submodule_search_locations))
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _is_table(name: str, path: Path) -> bool:
    return name.partition(".")[0] == PACKAGE and path.name == "__init__.py"


@cache
def _imports(module: str, path: Path, _modified: int) -> frozenset[str]:
    """Names that may be modules, from every import statement and literal `build` of a file."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    if _is_table(module, path):
        return frozenset()  # its imports are those of a chosen entry
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: set[str] = set()
    bound: dict[str, str] = {}  # local name -> dotted name that it was imported as
    calls: list[ast.Call] = []  # read once all names are bound
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names.update(_with_parents(alias.name))
                bound[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([node.module] if node.module else [])])
            names.update(_with_parents(base))
            for alias in node.names:
                names.add(f"{base}.{alias.name}")
                bound[alias.asname or alias.name] = f"{base}.{alias.name}"
        elif isinstance(node, ast.Call):
            calls.append(node)
    for call in calls:
        names.update(_built(call, bound))
    return frozenset(names)


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _built(call: ast.Call, bound: dict[str, str]) -> list[str]:
    """Module behind `package.build("id")` or `build("id")`, if both can be read off."""
    if not (call.args and isinstance(call.args[0], ast.Constant)):
        return []
    dotted = _dotted(call.func, bound)
    if dotted is None or not dotted.startswith(f"{PACKAGE}.") or not dotted.endswith(".build"):
        return []
    table = _table(dotted.removesuffix(".build"))
    target = table.get(call.args[0].value)
    return [target.partition(":")[0]] if target else []


def _dotted(node: ast.expr, bound: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return bound.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, bound)
        return base and f"{base}.{node.attr}"
    return None


@cache
def _table(package: str) -> dict[str, str]:
    """Literal `TABLE` of a package's `__init__`: id -> first string of its entry."""
    path = source(package)
    if path is None:
        return {}
    for node in ast.parse(path.read_bytes()).body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        if (
            isinstance(target, ast.Name)
            and target.id == "TABLE"
            and isinstance(node.value, ast.Dict)
        ):
            return {
                key.value: strings[0]
                for key, value in zip(node.value.keys, node.value.values, strict=True)
                if isinstance(key, ast.Constant)
                and (
                    strings := [
                        leaf.value
                        for leaf in ast.walk(value)
                        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                    ]
                )
            }
    return {}
