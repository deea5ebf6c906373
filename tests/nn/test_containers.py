"""Lists and dicts of modules and of parameters: what is found in them, under which names, and in which order."""

import copy

import pytest

import minigen
from minigen import nn


def lines(n=3):
    return [nn.Linear(i + 1, i + 2) for i in range(n)]


def names(module):
    return [k for k, _ in module.named_parameters()]


def test_a_module_list_is_found_and_keeps_its_order():
    a, b, c = lines()
    found = nn.ModuleList([a, b])
    assert found.append(c) is found
    assert list(found) == [a, b, c] and len(found) == 3 and b in found and nn.ReLU() not in found
    assert names(found) == ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"]
    assert found[-1] is c and isinstance(found[1:], nn.ModuleList) and names(found[2:]) == ["0.weight", "0.bias"]


def test_a_module_list_renumbers_after_insert_delete_and_pop():
    a, b, c = lines()
    found = nn.ModuleList([a, c])
    found.insert(1, b)
    assert [m for m in found] == [a, b, c] and [k for k, _ in found.named_children()] == ["0", "1", "2"]
    del found[0]
    assert list(found) == [b, c] and [k for k, _ in found.named_children()] == ["0", "1"]
    assert found.pop() is c and list(found) == [b]
    found += [a]
    found[0] = c
    more = found + nn.ModuleList([b])
    assert list(found) == [c, a] and list(more) == [c, a, b]
    del found[:]
    assert len(found) == 0 and repr(found) == "ModuleList()"


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: nn.ModuleList([nn.ReLU()])[1], IndexError, "ModuleList: index 1 is out of range for 1 elements"),
        (lambda: nn.ModuleList([3]), TypeError, "ModuleList: element 0 must be a Module, got int"),
        (lambda: nn.ModuleList(nn.ReLU()), TypeError, "extend takes a list of elements, got ReLU"),
        (lambda: nn.ModuleList()(3), NotImplementedError, "ModuleList must define forward"),
        (lambda: nn.ModuleDict({"a": nn.ReLU()})["b"], KeyError, "there is no 'b'; it has \\['a'\\]"),
        (lambda: nn.ModuleDict({"forward": nn.ReLU()}), KeyError, "ModuleDict.forward exists already"),
        (lambda: nn.ModuleDict({"a.b": nn.ReLU()}), KeyError, "must not be empty nor contain a dot"),
        (lambda: nn.ModuleDict({1: nn.ReLU()}), TypeError, "name must be a str, got int"),
        (lambda: nn.ModuleDict(3), TypeError, "ModuleDict: needs a dict or pairs, got int"),
        (lambda: nn.ParameterList([1.0]), TypeError, "data must be a Tensor, got float"),
        (lambda: nn.Sequential(nn.ReLU(), 3), TypeError, "Sequential: element 1 must be a Module, got int"),
    ],
)
def test_what_does_not_belong_there(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong()


def test_a_module_dict_acts_as_a_dict():
    a, b, c = lines()
    found = nn.ModuleDict({"first": a})
    found["second"] = b
    found.update([("third", c)])
    assert list(found) == ["first", "second", "third"] and found.values() == [a, b, c] and "second" in found
    assert found.items()[0] == ("first", a)
    assert names(found)[:2] == ["first.weight", "first.bias"]
    assert found.pop("second") is b and len(found) == 2
    del found["first"]
    assert names(found) == ["third.weight", "third.bias"]
    found.clear()
    assert len(found) == 0 and names(found) == []


def test_parameter_lists_and_dicts_make_parameters_of_tensors():
    p = nn.Parameter(minigen.ones(2, 3))
    found = nn.ParameterList([p, minigen.zeros(4)])
    assert found[0] is p and isinstance(found[1], nn.Parameter) and found[1].requires_grad
    assert names(found.append(minigen.ones(1))) == ["0", "1", "2"]
    assert repr(nn.ParameterList([p])) == "ParameterList(\n  (0): Parameter containing: [float32 of size 2x3]\n)"
    table = nn.ParameterDict({"scale": p})
    table["shift"] = minigen.zeros(3)
    assert names(table) == ["scale", "shift"] and table["scale"] is p
    assert "(shift): Parameter containing: [float32 of size 3]" in repr(table)


def test_a_part_of_a_sequential_keeps_its_names():
    net = nn.Sequential(*lines())
    assert names(net[1:]) == ["1.weight", "1.bias", "2.weight", "2.bias"]
    assert net[1:][0] is net[1] and isinstance(net[:0], nn.Sequential) and len(net[:0]) == 0


def test_a_sequential_grows_and_runs_in_order():
    a, b, c = lines()
    net = nn.Sequential(a)
    net.append(b).extend([c])
    x = minigen.ones(2, 1)
    assert (net(x).numpy() == c(b(a(x))).numpy()).all()
    assert (nn.Sequential(a) + nn.Sequential(b, c))(x).shape == (2, 4)
    named = nn.Sequential({"in": a, "out": b})
    assert named.out is b and list(named.state_dict()) == ["in.weight", "in.bias", "out.weight", "out.bias"]
    assert nn.Sequential()(x) is x


def test_a_module_used_twice_runs_twice_and_is_counted_once():
    square = nn.Linear(3, 3)
    net = nn.Sequential(square, nn.Tanh(), square)
    x = minigen.ones(1, 3)
    assert (net(x).numpy() == square(minigen.tanh(square(x))).numpy()).all()
    assert names(net) == ["0.weight", "0.bias"] and len(list(net.children())) == 2 and len(list(net.modules())) == 3
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]  # both, as in PyTorch
    twin = copy.deepcopy(net)
    assert twin[0] is twin[2] and twin[0] is not net[0]


def test_repeated_elements_share_a_line():
    net = nn.ModuleList([nn.Linear(1, 2), nn.Linear(1, 2), nn.ReLU()])
    assert repr(net) == (
        "ModuleList(\n  (0-1): 2 x Linear(in_features=1, out_features=2, bias=True)\n  (2): ReLU()\n)"
    )
