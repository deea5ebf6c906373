"""Nothing public goes unchecked: a gradient check runs every operation, primitive or fused."""

import importlib.util
import inspect
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

import minigen
import minigen.functional as F
from minigen import fused, ops
from minigen.op import Op
from minigen.twin import Fused


def load(path: Path):
    """A test file as a module, for its table of cases."""
    spec = importlib.util.spec_from_file_location(f"table_of_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GRADIENTS = load(Path(__file__).with_name("test_gradients.py"))
TWINS = load(Path(__file__).parents[1] / "test_fused.py")
CASES, NOT_DIFFERENTIABLE = GRADIENTS.CASES, GRADIENTS.NOT_DIFFERENTIABLE


def operations() -> dict[int, Op]:
    """Every Op and Fused that a module of minigen holds, by identity; the engine's own (in minigen.twin) left out."""
    modules = [m for name, m in sys.modules.items() if name.startswith("minigen.") and name != "minigen.twin"]
    return {id(v): v for m in modules for v in vars(m).values() if isinstance(v, Op)}


def with_rules() -> dict[int, Op]:
    """Those that have derivatives, but ``moved``: from device to device, which tests/cuda checks."""
    return {key: o for key, o in operations().items() if o.rules is not None and o.name != "moved"}


def drawn(strategy) -> list:
    """One example of what a gradient check gets."""
    found = []

    @settings(max_examples=1, database=None)
    @given(strategy)
    def keep(x):
        found.append(x)

    keep()
    return found[0]


def graph(name: str) -> set[int]:
    """The operations that the case ``name`` goes through, by identity."""
    function, strategy = CASES[name]
    seen, stack = set(), [function(*GRADIENTS.inputs_of(drawn(strategy))).node]
    while stack:
        node = stack.pop()
        if node is not None and node.op is not None:
            seen.add(id(node.op))
            stack.extend(node.parents)
    return seen


@pytest.fixture(scope="module")
def run() -> set[int]:
    return set().union(*map(graph, CASES))


def names(operations, missing_from) -> list[str]:
    return sorted(f"{o.__module__}.{o.name}" for key, o in operations.items() if key not in missing_from)


def test_every_public_function_has_a_gradient_check():
    public = {name for name in ops.__all__ if not inspect.ismodule(getattr(ops, name))} | set(F.__all__)
    assert {"add", "conv2d", "batch_norm"} <= public
    assert public - CASES.keys() - NOT_DIFFERENTIABLE.keys() == set()


def test_every_primitive_with_a_rule_is_run_by_a_gradient_check(run):
    ruled = with_rules()
    assert {"mul", "matmul", "conv2d_weight"} <= {o.name for o in ruled.values()}
    assert names(ruled, run) == []


def test_every_fused_operation_is_run_by_a_gradient_check_and_compared_with_its_textbook(run):
    twins = {key: o for key, o in operations().items() if isinstance(o, Fused)}
    assert twins.keys() == {id(o) for o in fused.ALL}
    assert names(twins, run) == []
    assert {o.name for o in twins.values()} <= TWINS.CASES.keys()


def test_a_primitive_without_a_rule_gives_integers_or_bools():
    silent = {o.name: o for o in operations().values() if o.rules is None and not isinstance(o, Fused)}
    assert {"argmax", "eq", "bitwise_not"} <= silent.keys()
    x, truth = minigen.ones(3, requires_grad=True), minigen.ones(3) > 0
    for name, o in silent.items():
        takes_bools = name.startswith("bitwise")
        out = o(*[truth if takes_bools else x] * o.arity)
        assert out.dtype.kind in "bi" and not out.requires_grad, name


def test_a_name_belongs_to_one_primitive():
    listed = [o.name for o in operations().values() if not isinstance(o, Fused)]
    assert sorted(set(listed)) == sorted(listed)


def test_at_most_sixty_primitives_have_rules():
    ruled = [o.name for o in operations().values() if o.rules is not None]
    assert 30 < len(ruled) <= 60, sorted(ruled)


def test_an_operation_without_a_check_is_noticed(run, monkeypatch):
    from minigen.op import op

    @op
    def planted(be, x):
        return x * 2

    planted.vjps(lambda delta, _z, _x: delta * 2)
    monkeypatch.setattr(ops.reduce, "planted", planted, raising=False)
    ruled = with_rules()
    assert names(ruled, run) == [f"{__name__}.planted"]
