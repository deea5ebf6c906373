"""Drawn graphs tell the truth, nothing in them overlaps, and what cannot be drawn is explained."""

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen import nn
from minigen.drawing import graph as graphs
from minigen.drawing import layout as layouts

SVG = "{http://www.w3.org/2000/svg}"
T = minigen.tensor


def leaf(*shape, dtype=None):
    return minigen.ones(*shape, dtype=dtype, requires_grad=True)


def titles(drawing, kind=None):
    return sorted(b.title for b in drawing.graph.boxes if kind in (None, b.kind))


def lines(drawing):
    """{(from, to): is it kept}."""
    return {(x.start.title, x.end.title): x.kept for x in drawing.graph.lines}


def convolutional():
    minigen.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))
    loss = nn.functional.cross_entropy(net(minigen.randn(5, 1, 8, 8)), T([0, 1, 2, 0, 1]))
    return net, loss


# what is drawn --------------------------------------------------------------------------------------
def test_boxes_lines_and_what_is_kept():
    x, y = leaf(2, 3), leaf(3)
    data = minigen.ones(2, 3)
    z = ((x * y).exp() + data).sum()
    d = minigen.draw(z, params={"x": x, "y": y})
    assert titles(d, "leaf") == ["x", "y"] and titles(d, "data") == ["data"] and titles(d, "result") == ["result"]
    assert titles(d, "elementwise") == ["add", "exp", "mul"] and titles(d, "reduction") == ["sum"]
    assert lines(d) == {
        ("x", "mul"): True, ("y", "mul"): True,  # dC/dx = delta y, dC/dy = delta x
        ("mul", "exp"): False, ("exp", "add"): False, ("data", "add"): False, ("add", "sum"): False,
        ("sum", "result"): False,
    }  # fmt: skip
    boxes = {b.title: b for b in d.graph.boxes}
    assert [t for t, b in boxes.items() if b.keeps] == ["exp"]  # its derivative is its value
    assert {t: b.value for t, b in boxes.items() if b.value} == {
        "mul": "2×3 f32", "exp": "2×3 f32", "add": "2×3 f32", "sum": "number f32",
    }  # fmt: skip
    assert boxes["x"].lines == ["2×3 f32"] and boxes["y"].lines == ["3 f32"]
    assert boxes["result"].lines[0] == "number f32" and float(boxes["result"].lines[1]) == pytest.approx(z.item())
    assert (d.graph.kept, d.graph.kept_bytes) == (1, 24)  # exp's output; x and y are there anyway


def test_only_what_a_rule_will_need_is_kept():
    x, w = minigen.ones(4, 3), leaf(3, 2)
    d = minigen.draw(x @ w, params={"x": x, "w": w})  # no gradient for x: w is not kept
    assert lines(d) == {("x", "matmul"): True, ("w", "matmul"): False, ("matmul", "result"): False}
    assert titles(d, "data") == ["x"] and titles(d, "product") == ["matmul"]
    assert (d.graph.kept, d.graph.kept_bytes) == (1, 48)


def test_numbers_are_written_into_the_box():
    d = minigen.draw((leaf(3) * 2.5).sum())
    (mul,) = (b for b in d.graph.boxes if b.title == "mul")
    assert mul.lines == ["with 2.5"]


def test_a_leaf_used_in_several_rows_stands_again():
    w, h = leaf(3, 3), minigen.ones(2, 3)
    for _ in range(3):
        h = minigen.tanh(h @ w)
    d = minigen.draw(h.sum(), params={"w": w})
    copies = [b for b in d.graph.boxes if b.title == "w"]
    assert [b.again for b in sorted(copies, key=lambda b: b.layer)] == [False, True, True]
    assert all(x.end.layer == x.start.layer + 1 for x in d.graph.lines if x.start.title == "w")
    assert len(minigen.draw((w * w).sum(), params={"w": w}).graph.boxes) == 4  # twice in one row: once


def test_what_waits_for_others_stands_beside_them():
    x, b = leaf(2, 3), leaf(1, 3)
    y = x.exp().sin().cos() + b.reshape(3)
    layers = {b.title: b.layer for b in minigen.draw(y).graph.boxes}
    assert layers["reshape"] == layers["cos"] == layers["add"] - 1


def test_an_op_with_several_outputs_is_one_box():
    net, loss = convolutional()
    d = minigen.draw(loss, params=dict(net.named_parameters()))
    assert "pick" not in titles(d)
    assert set(titles(d, "leaf")) == {n for n, _ in net.named_parameters()}
    assert {"batch_norm", "linear", "relu", "cross_entropy"} <= set(titles(d, "fused"))
    (line,) = (x for x in d.graph.lines if x.start.title == "batch_norm")
    assert (line.end.title, line.value) == ("relu", "5×4×3×3 f32")


def test_data_that_is_not_kept_is_told_apart():
    x = leaf(2, 3)
    d = minigen.draw((x + minigen.ones(2, 3)) + (x + minigen.zeros(2, 3)))
    assert titles(d, "data") == ["data", "data"]
    same = minigen.ones(2, 3)
    assert titles(minigen.draw(x * same + x * same), "data") == ["data"]  # kept by both, in one row: one box


def test_several_results_and_types():
    x = leaf(2, dtype=np.float64)
    d = minigen.draw([x.sum(), x.exp()], params={"x": x})
    assert titles(d, "result") == ["result", "result"]
    assert sorted(tuple(b.lines) for b in d.graph.boxes if b.kind == "result") == [("2 f64",), ("number f64", "2")]
    assert minigen.draw(x).graph.lines[0].start.title == "leaf"


def test_settings_and_shapes_are_in_the_picture():
    net, loss = convolutional()
    d = minigen.draw(loss, params=dict(net.named_parameters()))
    words = [t.text for t in ET.fromstring(d.svg).iter(f"{SVG}text")]
    assert {"0.weight", "4×1×3×3 f32", "stride=2", "eps=1e-05", "5×4×3×3 f32", "shape", "fused"} <= set(words)
    assert any("kept for the backward pass" in w for w in words)
    tips = [t.text for t in ET.fromstring(d.svg).iter(f"{SVG}title")]
    assert any("conv2d(stride=(2, 2), padding=(0, 0), dilation=(1, 1), groups=1)" in t for t in tips)


def test_names_are_escaped():
    x = leaf(2)
    d = minigen.draw(x.sum(), params={'<script>alert("&")</script>': x})
    assert "<script>" not in d.svg
    assert '<script>alert("&")</script>' in [t.text for t in ET.fromstring(d.svg).iter(f"{SVG}text")]
    assert '\\"&\\"' in d.dot()


# where it stands ------------------------------------------------------------------------------------
@st.composite
def networks(draw):
    """Random programs: each step takes any earlier values."""
    values = [leaf(2, 2) for _ in range(draw(st.integers(1, 3)))] + [minigen.ones(2, 2)]
    for _ in range(draw(st.integers(1, 14))):
        a, b = (values[draw(st.integers(0, len(values) - 1))] for _ in range(2))
        both = [a.__add__, a.__mul__, a.__matmul__, lambda b, a=a: a + b.sum(dim=0)]
        steps = [*both, minigen.sin, lambda b: b.reshape(2, 2)]
        values.append(steps[draw(st.integers(0, len(steps) - 1))](b))
    results = [v for v in values if v.node is not None and v.node.op is not None]
    return results[-1:] or [values[0].exp()]


@settings(max_examples=60)
@given(networks())
def test_boxes_do_not_overlap_and_lines_lead_down(results):
    d = minigen.draw(results)
    for a, b in itertools.combinations(d.graph.boxes, 2):
        apart_x = abs(a.x - b.x) >= (a.width + b.width) / 2 + 10
        assert apart_x or a.y + a.height + 20 <= b.y or b.y + b.height + 20 <= a.y, (a, b)
    for line in d.graph.lines:
        assert line.start.layer < line.end.layer and line.start.y + line.start.height < line.end.y
    root = ET.fromstring(d.svg)
    width, height = float(root.get("width")), float(root.get("height"))
    for b in d.graph.boxes:
        assert b.x > b.width / 2 and b.x + b.width / 2 < width and b.y > 0 and b.y + b.height < height
    for text in root.iter(f"{SVG}text"):
        assert 0 < float(text.get("x")) < width and 0 < float(text.get("y")) < height
    assert len(list(root.iter(f"{SVG}rect"))) >= len(d.graph.boxes)


@settings(max_examples=60)
@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12), min_size=1, max_size=3))
def test_crossings_are_counted(pieces):
    layers = [[layouts.Place(1, 1) for _ in range(6)] for _ in range(len(pieces) + 1)]
    layouts._number(layers)
    for i, level in enumerate(pieces):
        for a, b in level:
            layers[i][a].down.append(layers[i + 1][b])
            layers[i + 1][b].up.append(layers[i][a])
    want = sum((a - c) * (b - d) < 0 for level in pieces for (a, b), (c, d) in itertools.combinations(level, 2))
    assert layouts.crossings(layers) == want
    layouts._order(layers)
    assert layouts.crossings(layers) <= want
    assert all(sorted(p.position for p in layer) == list(range(6)) for layer in layers)


def test_a_crossing_that_can_be_undone_is():
    x, y = leaf(2), leaf(2)
    a, b = x.exp(), y.exp()
    d = minigen.draw([b.sin().sum(), a.cos().sum()], params={"x": x, "y": y})
    places = {bx.title: bx.x for bx in d.graph.boxes if bx.title in ("x", "y", "sin", "cos")}
    assert (places["x"] < places["y"]) == (places["cos"] < places["sin"])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 5)), min_size=1, max_size=7), st.integers(0, 2**32 - 1)
)
def test_places_are_the_nearest_allowed(wishes, seed):
    layer = [layouts.Place(3, 5) for _ in wishes]
    wanted, weights = (list(c) for c in zip(*wishes, strict=True))
    layouts._spread(layer, wanted, weights)
    least = 3 + 5 + layouts.GAP_X
    xs = np.array([p.x for p in layer])
    assert (np.diff(xs) >= least - 1e-6).all()
    cost = lambda v: (np.array(weights) * (v - wanted) ** 2).sum()  # noqa: E731
    rng = np.random.default_rng(seed)
    for _ in range(50):  # no allowed neighbour is better: the problem is convex
        other = xs + rng.normal(0, rng.choice([0.01, 1, 10]), len(xs))
        for i in range(1, len(other)):
            other[i] = max(other[i], other[i - 1] + least)
        assert cost(other) >= cost(xs) - 1e-6


def test_a_chain_stands_straight():
    x = leaf(2, 2)
    y = x
    for _ in range(30):
        y = y.exp()
    d = minigen.draw(y)
    assert len({round(b.x, 3) for b in d.graph.boxes}) == 1


def test_the_same_graph_gives_the_same_picture():
    assert len({minigen.draw(convolutional()[1]).svg for _ in range(3)}) == 1


# files and notebooks --------------------------------------------------------------------------------
def test_saving(tmp_path):
    d = minigen.draw(leaf(2).sum())
    d.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == d.svg == d._repr_svg_()
    assert d.svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    d.save(tmp_path / "a.dot")
    text = (tmp_path / "a.dot").read_text(encoding="utf-8")
    assert text == d.dot() and text.startswith("digraph minigen {") and text.endswith("}\n")
    assert text.count("->") == len(d.graph.lines) and text.count("fillcolor") == len(d.graph.boxes)
    assert repr(d) == "<drawing of 3 boxes; .save('graph.svg') writes it>"
    with pytest.raises(ValueError, match=r"written as .svg, .dot or .gv, not as 'a.png'"):
        d.save(tmp_path / "a.png")


def test_drawing_leaves_the_graph_alone():
    x = leaf(3)
    y = (x * x).sum()
    minigen.draw(y)
    y.backward()
    assert x.grad.tolist() == [2, 2, 2]


# errors ---------------------------------------------------------------------------------------------
def long_chain(n):
    y = leaf(1)
    for _ in range(n):
        y = y + 1
    return y


def freed():
    y = leaf(2).exp().sum()
    y.backward()
    return y


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: minigen.draw(3), TypeError, "draw: tensors must be one Tensor or several, got int"),
        (lambda: minigen.draw([]), ValueError, "draw: no tensors were given"),
        (lambda: minigen.draw(minigen.ones(2)), RuntimeError, r"shape \(2,\) has no graph.*requires_grad=True"),
        (lambda: minigen.draw(freed()), RuntimeError, r"through sum was freed.*draw before backward\(\)"),
        (lambda: minigen.draw(leaf(1), params={"w": 3}), TypeError, r"params\['w'\] must be a Tensor, got int"),
        (lambda: minigen.draw(long_chain(500)), ValueError, "more than max_nodes=500 operations and leaves"),
        (lambda: minigen.draw(long_chain(20_000)), ValueError, "max_nodes=500"),
    ],
)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_the_limit_can_be_moved():
    assert len(minigen.draw(long_chain(600), max_nodes=601).graph.boxes) == 602
    assert len(graphs._collect([long_chain(499)], 500)) == 500
