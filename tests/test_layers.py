"""Who may import whom: each line of LAYERS may use itself and the lines above it, without cycles.

The imports are read with `ast`, those inside functions too: a lazy import saves time and changes nothing else. One
under `if TYPE_CHECKING` never runs: it may close a cycle within its layer, but it may not look upwards.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = [
    {"kernels", "_cpu", "backprop"},
    {"backend", "dtypes", "check", "checks", "files"},
    {"node", "tensor", "anomaly", "autograd", "op", "small", "twin", "creation", "random", "sampling", "profile",
     "interchange", "modes", "cuda"},
    {"ops"},
    {"reference"},
    {"fused"},
    {"functional"},
    {"nn", "optim", "testing"},
    {"models", "data", "metrics", "checkpoint", "saving", "plot", "drawing"},
    {"training", "doctor", "__main__", "minigen"},  # minigen is the package itself, its __init__.py
    {"examples", "kernels.bench"},
]
LEVEL = {unit: level for level, units in enumerate(LAYERS) for unit in units}


def unit(module: str) -> str:
    """The table's name of a module: minigen.ops.conv → ops, minigen.kernels.bench.run → kernels.bench."""
    parts = module.split(".")
    if parts[:3] == ["minigen", "kernels", "bench"]:
        return "kernels.bench"
    return parts[0] if parts[0] != "minigen" or len(parts) == 1 else parts[1]


def never_run(source: ast.Module) -> set[ast.AST]:
    """The nodes under `if TYPE_CHECKING:`."""
    guards = [n for n in ast.walk(source) if isinstance(n, ast.If) and ast.unparse(n.test).endswith("TYPE_CHECKING")]
    return {node for guard in guards for statement in guard.body for node in ast.walk(statement)}


def imports(module: str, is_package: bool, source: str, modules: set[str]) -> Iterator[tuple[int, str, bool]]:
    """(line, name, is it run) of each import; the name is absolute, `from x import y` is x.y if that is a module."""
    package = module if is_package else module.rpartition(".")[0]
    idle = never_run(parsed := ast.parse(source))
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, node not in idle) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, (up, node.module)))
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield node.lineno, name if name in modules else base, node not in idle
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            name = ast.unparse(node.args[0]).strip("'\"") if node.args else ""
            yield node.lineno, f"{package}{name}" if name.startswith(".") else name, node not in idle


def violations(tree: dict[str, tuple[bool, str]]) -> list[str]:
    """What breaks the rule in {module: (is a package, source)}, in words."""
    modules = {*tree, "minigen._cpu"}
    found, edges = [], {module: set() for module in tree}
    for module, (is_package, source) in tree.items():
        mine = unit(module)
        if mine not in LEVEL:
            found.append(f"{module}: {mine!r} stands in no layer; give it a place in LAYERS")
            continue
        for line, target, is_run in imports(module, is_package, source, modules):
            where, top = f"{module}:{line} imports {target}", target.partition(".")[0]
            if top == "kernels":
                found.append(f"{where}: write minigen.kernels, a top-level 'kernels' is somebody else's package")
            elif mine == "backprop":
                if top != "numpy":
                    found.append(f"{where}: backprop stands on NumPy alone")
            elif top == "minigen":
                theirs = unit(target)
                if theirs == "kernels.bench" != mine:
                    found.append(f"{where}: the benchmark harness is an application, nothing imports it")
                elif theirs not in LEVEL:
                    found.append(f"{where}: {theirs!r} stands in no layer; give it a place in LAYERS")
                elif LEVEL[theirs] > LEVEL[mine]:
                    found.append(f"{where}: {mine} stands below {theirs}")
                if is_run and target in tree and target != module:
                    edges[module].add(target)
    return found + [f"a cycle of imports: {' → '.join(cycle)}" for cycle in cycles(edges)]


def cycles(edges: dict[str, set[str]]) -> Iterator[list[str]]:
    """One closed path per cycle that a depth-first walk meets."""
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> Iterator[list[str]]:
        if node in path:
            yield [*path[path.index(node) :], node]
        elif node not in done:
            for target in sorted(edges[node]):
                yield from walk(target, [*path, node])
            done.add(node)

    for node in sorted(edges):
        yield from walk(node, [])


def read(folder: str, package: str) -> dict[str, tuple[bool, str]]:
    tree = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join((package, *(parts[:-1] if is_package else parts)))
        tree[name] = (is_package, path.read_text(encoding="utf-8"))
    return tree


def test_imports_obey_the_layers():
    tree = read("minigen", "minigen") | read("kernels", "minigen.kernels") | read("examples", "examples")
    assert len(tree) > 20, "the sources were not found"
    assert violations(tree) == []


def test_no_file_imports_a_top_level_kernels():
    tree = {str(path): path.read_text("utf-8") for path in (ROOT / "setup.py", *(ROOT / "tests").rglob("*.py"))}
    names = [(path, *found) for path, source in tree.items() for found in imports("test", False, source, set())]
    assert len(names) > 50, "the imports were not read"
    assert [found for found in names if found[2].partition(".")[0] == "kernels"] == []


JUDGES = {f"minigen.metrics.{name}" for name in ("judge", "mnist", "digits", "accuracy_score", "random_network")}


def judges_in_training(name: str, source: str) -> list[str]:
    """Imports of what judges pictures anywhere but in a function `conclude`: what a judge trains pleases that judge."""
    found = []

    def walk(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef) and child.name == "conclude":
                continue
            if isinstance(child, ast.Import | ast.ImportFrom):
                base = f"{child.module}." if isinstance(child, ast.ImportFrom) else ""
                full = {base + alias.name for alias in child.names} | {base.rstrip(".")}
                if any(f"{module}.".startswith(f"{judge}.") for module in full for judge in JUDGES):
                    found.append(f"{name}:{child.lineno}")
            walk(child)

    walk(ast.parse(source))
    return found


def test_nothing_is_trained_or_guided_by_what_judges_pictures():
    tree = {path: path.read_text("utf-8") for path in (ROOT / "examples").glob("*.py")}
    judged = {path.name: judges_in_training(path.name, source) for path, source in tree.items()}
    assert judged.pop("train_judge.py") and judged.pop("train_digit_check.py")  # they train the judges themselves
    assert [line for lines in judged.values() for line in lines] == []
    package = read("minigen", "minigen")
    inside = {name for name, (is_package, source) in package.items()
              for _, target, _ in imports(name, is_package, source, set(package))
              if target in JUDGES and unit(name) != "metrics"}  # fmt: skip
    assert inside == set()


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("from minigen.metrics import judge", ["x:1"]),
        ("import minigen.metrics.mnist as m", ["x:1"]),
        ("class E:\n    def step(self):\n        from minigen.metrics.judge import load", ["x:3"]),
        ("class E:\n    def conclude(self):\n        from minigen.metrics import mnist", []),
        ("from minigen.metrics.digits import load", ["x:1"]),
        ("from minigen import plot\nfrom minigen.metrics import text", []),
    ],
)
def test_a_script_that_trains_on_its_judge_is_caught(source, lines):
    assert judges_in_training("x", source) == lines


def test_the_cpp_knows_nothing_of_the_package():
    sources = [path for path in (ROOT / "csrc").rglob("*") if path.suffix in {".cc", ".h", ".cpp", ".hpp"}]
    assert sources, "csrc was not found"
    calls_python = re.compile(r'(module_::import|PyImport_\w+)\s*\(\s*"minigen')
    assert [str(path) for path in sources if calls_python.search(path.read_text("utf-8"))] == []


BASE = {
    "minigen": (True, "from .tensor import Tensor\nfrom . import ops, nn"),
    "minigen.tensor": (False, "import numpy\nif TYPE_CHECKING:\n    from .autograd import Node"),
    "minigen.autograd": (False, "from .tensor import Tensor"),
    "minigen.ops": (True, "from . import conv"),
    "minigen.ops.conv": (False, "from ..tensor import Tensor"),
    "minigen.nn": (True, "from .. import ops\nfrom ..ops import conv"),
    "minigen.kernels": (True, ""),
    "minigen.kernels.bench": (True, "from minigen import nn\nimport minigen"),
}


def test_the_rule_accepts_a_lawful_tree():
    assert violations(BASE) == []


@pytest.mark.parametrize(
    ("module", "source", "message"),
    [
        ("minigen.tensor", "from . import ops", "tensor stands below ops"),
        ("minigen.tensor", "def f():\n    from .nn import Linear", "minigen.tensor:2 imports minigen.nn"),
        ("minigen.ops.conv", "import minigen.nn as nn", "ops stands below nn"),
        ("minigen.ops.conv", "from minigen import Tensor", "ops stands below minigen"),
        ("minigen.ops.conv", "import importlib\nimportlib.import_module('minigen.nn')", "ops stands below nn"),
        ("minigen.kernels.cuda", "from minigen.tensor import Tensor", "kernels stands below tensor"),
        ("minigen.nn.layers", "from minigen.kernels import bench", "nothing imports it"),
        ("minigen.nn.layers", "import kernels.cuda", "somebody else's package"),
        ("minigen.nn.layers", "from minigen import unheard_of_module, nn\nfrom minigen.zoo import x", "no layer"),
        ("minigen.tensor", "if TYPE_CHECKING:\n    from .nn import Module", "tensor stands below nn"),
        ("minigen.zoo", "", "'zoo' stands in no layer"),
        ("minigen.backprop", "import numpy\nimport math", "NumPy alone"),
        ("minigen.creation", "from . import random", "cycle of imports: minigen.creation → minigen.random →"),
    ],
)
def test_the_rule_catches_a_planted_violation(module, source, message):
    # a module that is wanted by a planted import exists, so that the import itself is what is judged
    extra = {"minigen.random": (False, "from .creation import zeros")} if "random" in source else {}
    found = violations(BASE | extra | {module: (module == "minigen.ops", source)})
    assert any(message in line for line in found), found
