"""Dropout: how much it drops, what it keeps, and that whole channels go together; embeddings: who gets a gradient."""

import numpy as np
import pytest

import minigen
import minigen.functional as F
from minigen import nn

N = 200_000


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_that_is_dropped_and_the_scale_of_the_rest(p):
    minigen.manual_seed(1)
    y = F.dropout(minigen.ones(N), p).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / (1 - p))}
    assert abs((y == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / N)
    assert abs(y.mean() - 1) < 5 * np.sqrt(p / (1 - p) / N)


@pytest.mark.parametrize(("function", "shape"), [(F.dropout1d, (300, 40, 5)), (F.dropout2d, (300, 40, 3, 4))])
def test_whole_channels_are_dropped(function, shape):
    minigen.manual_seed(2)
    y = function(minigen.ones(*shape), 0.3).numpy().reshape(300, 40, -1)
    assert (y == y[:, :, :1]).all()
    assert abs((y[:, :, 0] == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / 12_000)
    assert (y[:, :, 0] == 0).any(axis=0).all() and not (y[:, :, 0] == 0).all(axis=0).any()  # drawn for each sample


def test_one_line_without_its_batch_is_dropped_by_channel_too():
    minigen.manual_seed(3)
    y = F.dropout1d(minigen.ones(500, 4), 0.5).numpy()
    assert (y == y[:, :1]).all() and 0.3 < (y[:, 0] == 0).mean() < 0.7


def test_the_gradient_goes_where_the_value_went():
    minigen.manual_seed(4)
    x = minigen.ones(1000, requires_grad=True)
    y = F.dropout(x, 0.4)
    assert minigen.grad(y.sum(), x)[0].tolist() == y.tolist()


@pytest.mark.parametrize("layer", [nn.Dropout(0.4), nn.Dropout1d(0.4), nn.Dropout2d(0.4)])
def test_evaluation_changes_nothing(layer):
    x = minigen.randn(2, 3, 4, generator=minigen.Generator(0))
    assert layer.eval()(x) is x
    assert not np.array_equal(layer.train()(minigen.ones(50, 50, 4)).numpy(), np.ones((50, 50, 4)))


def test_attention_drops_weights_and_keeps_their_mean():
    minigen.manual_seed(5)
    q, v = minigen.zeros(1, 4), minigen.ones(1000, 1)
    k = minigen.zeros(1000, 4)
    y = np.array([F.scaled_dot_product_attention(q, k, v, dropout_p=0.5).item() for _ in range(200)])
    assert abs(y.mean() - 1) < 5 / np.sqrt(200 * 1000) and y.std() == pytest.approx(np.sqrt(1 / 1000), rel=0.3)


def test_an_embedding_adds_up_the_gradients_of_a_row_and_leaves_out_its_padding():
    table = minigen.zeros(4, 2, requires_grad=True)
    for padding, counts in ((None, [1, 0, 3, 1]), (2, [1, 0, 0, 1]), (-4, [0, 0, 3, 1])):
        y = F.embedding(minigen.tensor([[2, 2, 0], [3, 2, 1]])[:, :2], table, padding)
        g = minigen.grad(y.sum() + F.embedding(minigen.tensor(0), table, padding).sum(), table)[0]
        assert g.tolist() == [[n, n] for n in counts]


def test_numbers_that_change_after_the_lookup_do_not_move_the_gradient():
    table, index = minigen.zeros(3, 1, requires_grad=True), minigen.tensor([0, 0])
    y = F.embedding(index, table)
    index.array[...] = 2
    assert minigen.grad(y.sum(), table)[0].tolist() == [[2], [0], [0]]
