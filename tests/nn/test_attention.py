"""Multi-head attention: against the equation written head by head, its masks, and its forms of input."""

import numpy as np
import pytest

import minigen
from minigen import nn
from minigen.testing import gradcheck

N, L, S, E, HEADS = 2, 3, 5, 6, 3


def draw(*shape, seed=0):
    return minigen.tensor(np.random.default_rng(seed).uniform(-1, 1, shape))


def by_hand(m, query, key, value, mask):
    """(N, L, E), (N, S, ...) and an additive mask (N, heads, L, S): y and the weights of each head."""
    if m.in_proj_weight is None:
        w = [x.numpy() for x in (m.q_proj_weight, m.k_proj_weight, m.v_proj_weight)]
    else:
        w = np.split(m.in_proj_weight.numpy(), 3)
    b = np.split(m.in_proj_bias.numpy(), 3) if m.in_proj_bias is not None else [0, 0, 0]
    q, k, v = (x.numpy() @ a.T + c for x, a, c in zip((query, key, value), w, b, strict=True))
    d, heads, weights = E // HEADS, [], []
    for h in range(HEADS):
        part = slice(h * d, (h + 1) * d)
        scores = q[..., part] @ k[..., part].swapaxes(1, 2) / np.sqrt(d) + mask[:, h]
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights.append(e / e.sum(axis=-1, keepdims=True))
        heads.append(weights[-1] @ v[..., part])
    y = np.concatenate(heads, axis=-1) @ m.out_proj.weight.numpy().T
    return y if m.out_proj.bias is None else y + m.out_proj.bias.numpy(), np.stack(weights, axis=1)


def module(**options):
    minigen.manual_seed(3)
    m = nn.MultiheadAttention(E, HEADS, batch_first=True, **options).double()
    if m.in_proj_bias is not None:  # biases start as zeros, which would hide them
        nn.init.normal_(m.in_proj_bias)
        nn.init.normal_(m.out_proj.bias)
    return m


BLIND = np.array([[0, 0, 0, 1, 1], [0, 1, 0, 0, 0]], bool)  # (N, S)
LATER = np.triu(np.ones((L, S), bool), 1)
SOFT = np.random.default_rng(1).normal(size=(N * HEADS, L, S))
MASKS = {  # attn_mask, key_padding_mask, what both add to the scores
    "none": (None, None, np.zeros((N, HEADS, L, S))),
    "later": (LATER, None, np.where(LATER, -np.inf, 0.0)[None, None].repeat(N, 0).repeat(HEADS, 1)),
    "padding": (None, BLIND, np.broadcast_to(np.where(BLIND, -np.inf, 0.0)[:, None, None], (N, HEADS, L, S))),
    "per head": (SOFT, None, SOFT.reshape(N, HEADS, L, S)),
    "both": (SOFT, BLIND, SOFT.reshape(N, HEADS, L, S) + np.where(BLIND, -np.inf, 0.0)[:, None, None]),
}


def tensor(a):
    return None if a is None else minigen.tensor(a)


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"kdim": 4, "vdim": 7}], ids=str)
@pytest.mark.parametrize("masks", MASKS)
def test_every_head_is_the_equation(options, masks):
    m = module(**options)
    attn, padding, added = MASKS[masks]
    q, k, v = draw(N, L, E), draw(N, S, m.kdim, seed=1), draw(N, S, m.vdim, seed=2)
    want, weights = by_hand(m, q, k, v, added)
    y, got = m(q, k, v, tensor(padding), attn_mask=tensor(attn), average_attn_weights=False)
    assert np.allclose(y.numpy(), want, rtol=1e-12) and np.allclose(got.numpy(), weights, rtol=1e-12, atol=1e-15)
    y, mean = m(q, k, v, tensor(padding), attn_mask=tensor(attn))
    assert np.allclose(mean.numpy(), weights.mean(axis=1), rtol=1e-12, atol=1e-15)
    y, nothing = m(q, k, v, tensor(padding), need_weights=False, attn_mask=tensor(attn))
    assert nothing is None and np.allclose(y.numpy(), want, rtol=1e-12)


def test_the_three_forms_of_input_are_the_same_numbers():
    m, q, k = module(), draw(N, L, E), draw(N, S, E, seed=1)
    y, w = m(q, k, k)
    one, w_1 = m(q[0], k[0], k[0])
    assert np.allclose(one.numpy(), y[0].numpy(), rtol=1e-12) and np.allclose(w_1.numpy(), w[0].numpy(), rtol=1e-12)
    m.batch_first = False
    turned, w_t = m(q.transpose(0, 1), k.transpose(0, 1), k.transpose(0, 1))
    assert turned.shape == (L, N, E) and np.allclose(turned.transpose(0, 1).numpy(), y.numpy(), rtol=1e-12)
    assert np.allclose(w_t.numpy(), w.numpy(), rtol=1e-12)


def test_self_attention_in_one_product_is_the_same_as_in_three():
    m, x = module(), draw(N, L, E)
    assert np.allclose(m(x, x, x)[0].numpy(), m(x, x.clone(), x.clone())[0].numpy(), rtol=1e-13)


def test_causal_attention_cannot_see_the_future():
    m, x = module(), draw(N, L, E)
    later = minigen.tensor(np.triu(np.ones((L, L), bool), 1))
    y = m(x, x, x, attn_mask=later, is_causal=True, need_weights=False)[0].numpy()
    changed = x.clone()
    changed[:, -1] = 9.0
    z = m(changed, changed, changed, attn_mask=later, need_weights=False)[0].numpy()
    assert np.array_equal(y[:, :-1], z[:, :-1]) and not np.allclose(y[:, -1], z[:, -1])


def test_a_row_that_may_look_nowhere_is_nan_and_the_others_are_not():
    m, x = module(), draw(N, L, E)
    nowhere = minigen.tensor([[True] * L, [True, False, True]])
    y = m(x, x, x, nowhere)[0].numpy()
    assert np.isnan(y[0]).all() and np.isfinite(y[1]).all()
    z = m(x, x, x, nowhere, need_weights=False)[0].numpy()  # without the weights its heads are 0: the bias is left
    assert np.array_equal(z[0], np.broadcast_to(m.out_proj.bias.numpy(), (L, E))) and np.allclose(z[1], y[1])


def test_gradients_with_masks():
    m = module(kdim=4, vdim=4)
    later, padding = minigen.tensor(LATER), minigen.tensor(np.array([[False] * 4 + [True], [False] * 5]))

    def run(q, k, v, wq, wo):
        object.__setattr__(m, "q_proj_weight", wq)
        object.__setattr__(m.out_proj, "weight", wo)
        return m(q, k, v, padding, attn_mask=later, average_attn_weights=False)

    points = [draw(N, L, E), draw(N, S, 4, seed=1), draw(N, S, 4, seed=2), m.q_proj_weight, m.out_proj.weight]
    assert gradcheck(run, [p.detach().clone().requires_grad_() for p in points])


def test_dropout_hits_the_weights_in_training_only():
    minigen.manual_seed(0)
    m = nn.MultiheadAttention(8, 2, dropout=0.25, batch_first=True)
    x = draw(4, 50, 8).float()
    whole = m.eval()(x, x, x, average_attn_weights=False)[1].numpy()
    part = m.train()(x, x, x, average_attn_weights=False)[1].numpy()
    dropped = part == 0
    assert abs(dropped.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / dropped.size)
    assert np.allclose(part[~dropped], whole[~dropped] / 0.75, rtol=1e-5)


def test_states_and_first_values():
    assert list(nn.MultiheadAttention(E, 2).state_dict()) == [
        "in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias",
    ]  # fmt: skip
    assert list(nn.MultiheadAttention(E, 2, kdim=4, bias=False).state_dict()) == [
        "q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight",
    ]  # fmt: skip
    m = nn.MultiheadAttention(100, 4)
    bound = np.sqrt(6 / 400)
    assert 0.999 * bound < abs(m.in_proj_weight.numpy()).max() <= bound
    assert not m.in_proj_bias.numpy().any() and not m.out_proj.bias.numpy().any()
    assert repr(m).split("\n")[1] == "  (out_proj): Linear(in_features=100, out_features=100, bias=True)"


X = minigen.zeros(N, L, E)
ATTEND = nn.MultiheadAttention(E, 2, batch_first=True)
WRONG = [
    (lambda: nn.MultiheadAttention(5, 2), ValueError, "num_heads=2 must divide embed_dim=5"),
    (lambda: nn.MultiheadAttention(4, 2, dropout=2), ValueError, r"dropout must lie in \[0, 1\], got 2"),
    (lambda: nn.MultiheadAttention(4, 2, add_zero_attn=True), ValueError, "add_zero_attn are not supported"),
    (lambda: ATTEND(X, 3, X), TypeError, "key must be a Tensor, got int"),
    (lambda: ATTEND(X, X[..., :4], X), ValueError, r"key must be \(N, L, 6\) or \(L, 6\), all three .* \(2, 3, 4\)"),
    (lambda: ATTEND(X[0], X, X), ValueError, r"key must be .* got shape \(2, 3, 6\)"),
    (lambda: ATTEND(X, X, X[:, :2]), ValueError, "do not fit: one batch size for all, and as many values as keys"),
    (lambda: ATTEND(X, X[:1], X[:1]), ValueError, "do not fit: one batch size for all"),
    (lambda: ATTEND(X, X, X, attn_mask=minigen.zeros(3, 4)), ValueError,
     r"attn_mask has shape \(3, 4\), expected \(3, 3\) or \(4, 3, 3\)"),
    (lambda: ATTEND(X, X, X, minigen.zeros(3, 2)), ValueError,
     r"key_padding_mask has shape \(3, 2\), expected \(2, 3\)"),
    (lambda: ATTEND(X, X, X, attn_mask=minigen.zeros(3, 3).long()), TypeError, "must be bool or floating, got int64"),
    (lambda: ATTEND(X, X, X, attn_mask=[1.0]), TypeError, "attn_mask must be a Tensor, got list"),
    (lambda: ATTEND(X, X, X, is_causal=True), RuntimeError, "give attn_mask as well"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "error", "words"), WRONG)
def test_what_it_refuses(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong()
