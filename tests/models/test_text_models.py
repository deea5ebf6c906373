"""Language models: nothing leaks from the future, step by step is the whole, and draws follow their probabilities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigen
from minigen import nn
from minigen.models import generate, transformer
from minigen.models.rnn import CELLS, N3, RecurrentLM
from minigen.models.transformer import Transformer, angles, rotate

V, T = 23, 12
MODELS = {
    "learned": lambda: Transformer(V, 16, 2, 2, T),
    "rotary": lambda: Transformer(V, 16, 2, 2, T, positions="rotary", tied=False),
    **{cell: (lambda cell=cell: RecurrentLM(V, 8, 16, 2, cell)) for cell in CELLS},
}


@pytest.fixture(params=MODELS)
def model(request):
    minigen.manual_seed(0)
    return MODELS[request.param]().eval()


def some_tokens(n=3, t=T):
    return np.random.default_rng(0).integers(0, V, (n, t))


def test_a_later_token_changes_no_earlier_output(model):
    x = some_tokens()
    before = model(minigen.tensor(x)).numpy().copy()
    for t in (1, T // 2, T - 1):
        changed = x.copy()
        changed[:, t] = (changed[:, t] + 1) % V
        after = model(minigen.tensor(changed)).numpy()
        assert (after[:, :t] == before[:, :t]).all(), "an earlier output changed"
        assert (after[:, t] != before[:, t]).any()


@pytest.mark.parametrize("pieces", [[T], [5, 1, 4, 2], [1] * T])
def test_piece_by_piece_is_the_whole(model, pieces):
    x = minigen.tensor(some_tokens())
    state, outputs, at = None, [], 0
    for n in pieces:
        logits, state = model.step(x[:, at : at + n], state)
        outputs.append(logits.numpy())
        at += n
    np.testing.assert_allclose(np.concatenate(outputs, 1), model(x).numpy(), rtol=1e-5, atol=1e-6)


def test_the_transformer_is_its_equations():
    """Learned positions, tied weights, one block, in NumPy and float64."""
    minigen.manual_seed(1)
    net = Transformer(V, 8, 1, 2, T).double()
    x = some_tokens(2)
    p = {name: value.numpy() for name, value in net.state_dict().items()}

    def norm(h, name):
        h = h - h.mean(-1, keepdims=True)
        return h / np.sqrt((h**2).mean(-1, keepdims=True) + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]

    def linear(h, name):
        return h @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    h = p["token.weight"][x] + p["place.weight"]
    q, k, v = np.split(linear(norm(h, "blocks.0.norm1"), "blocks.0.attention.qkv"), 3, -1)
    heads = []
    for i in (slice(0, 4), slice(4, 8)):
        scores = q[..., i] @ k[..., i].swapaxes(1, 2) / 2 + np.where(np.tri(T), 0, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(weights / weights.sum(-1, keepdims=True) @ v[..., i])
    h = h + linear(np.concatenate(heads, -1), "blocks.0.attention.out")
    u = linear(norm(h, "blocks.0.norm2"), "blocks.0.up")
    erf = np.vectorize(math.erf)
    h = h + linear(u * (1 + erf(u / np.sqrt(2))) / 2, "blocks.0.down")
    want = norm(h, "norm") @ p["token.weight"].T
    np.testing.assert_allclose(net(minigen.tensor(x)).numpy(), want, rtol=1e-10, atol=1e-12)


def test_rotary_products_depend_on_the_distance_alone():
    rng = np.random.default_rng(0)
    q, k = (minigen.tensor(rng.standard_normal((1, 1, 8)).astype(np.float32)) for _ in range(2))
    turned = [(rotate(q, *angles(s + 3, 1, 8, q)), rotate(k, *angles(s, 1, 8, k))) for s in (0, 5, 40)]
    products = [float((a * b).sum().item()) for a, b in turned]
    np.testing.assert_allclose(products, products[0], rtol=1e-5)
    assert (rotate(q, *angles(0, 1, 8, q)).numpy() == q.numpy()).all()


def test_a_float64_transformer_turns_by_float64_angles(monkeypatch):
    seen = []
    monkeypatch.setattr(transformer, "angles", lambda *args: seen.append(angles(*args)) or seen[-1])
    minigen.manual_seed(0)
    MODELS["rotary"]().double().step(minigen.tensor(np.arange(T)[None] % V))
    ((cos, sin),) = seen
    want = np.arange(T)[:, None] * 10000.0 ** (-np.arange(4) / 4)
    assert cos.dtype == sin.dtype == np.float64
    np.testing.assert_allclose(cos.numpy(), np.cos(want), rtol=0, atol=1e-15)
    np.testing.assert_allclose(sin.numpy(), np.sin(want), rtol=0, atol=1e-15)


def test_n3_says_the_one_token_that_follows():
    minigen.manual_seed(0)
    net = N3(V, 8, 16)
    assert net(minigen.tensor(some_tokens())).shape == (3, 1, V)
    assert sorted({name for name, _ in net.named_parameters()})[:2] == ["embedding.weight", "head.bias"]
    gates = net.lstm.bias_ih_l0.numpy().reshape(4, 16)
    assert (gates[1] == 1).all() and (gates[[0, 2, 3]] == 0).all()  # i, f, g, o
    lstm = 4 * 16 * (8 + 3 * 16 + 4)  # two layers: input and recurrent weights, PyTorch's two biases each
    assert sum(p.numel() for p in net.parameters()) == V * 8 + lstm + V * 17


def test_errors_say_what_fits():
    with pytest.raises(ValueError, match="13 tokens do not fit into its context of 12"):
        Transformer(V, 16, 1, 2, T)(minigen.tensor(some_tokens(1, 13)))
    with pytest.raises(ValueError, match="heads=3 must divide width=16"):
        Transformer(V, 16, 1, 3)
    with pytest.raises(ValueError, match="'learned' or 'rotary'"):
        Transformer(V, 16, 1, 2, positions="none")
    with pytest.raises(ValueError, match="rnn, lstm, gru"):
        RecurrentLM(V, cell="transformer")


# generation ---------------------------------------------------------------------------------------
def test_generation_repeats_with_its_seed_and_runs_past_the_context(model):
    said = [list(generate.generate(model, [1, 2], 3 * T, generator=minigen.Generator(7))) for _ in range(2)]
    assert said[0] == said[1] and len(said[0]) == 3 * T
    assert said[0] != list(generate.generate(model, [1, 2], 3 * T, generator=minigen.Generator(8)))


@pytest.mark.parametrize("temperature", [-1, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(ValueError, match="finite and at least 0"):
        generate.probabilities(np.zeros((1, 3)), temperature)


def test_temperature_zero_takes_the_likeliest(model):
    prompt = [3, 1, 4]
    said = list(generate.generate(model, prompt, 5, temperature=0))
    tokens = prompt + said
    logits = model(minigen.tensor([tokens])).numpy()[0]
    assert said == logits.argmax(-1)[2:7].tolist()


@pytest.mark.parametrize("size", [2, 3])
def test_no_row_of_tokens_is_said_twice(model, size):
    def rows(**choice):
        text = [1, 2, *generate.generate(model, [1, 2], 80, temperature=0, **choice)]
        return [tuple(text[i : i + size]) for i in range(len(text) - size + 1)]

    circle, free = rows(), rows(no_repeat_ngram_size=size)
    assert len(set(circle)) < len(circle) and len(set(free)) == len(free)


def test_when_all_tokens_were_said_all_may_be_said_again():
    class Fixed(nn.Module):
        """Finds each token likelier than the one before it, whatever was said."""

        context, shortened = None, RecurrentLM.shortened

        def step(self, tokens, state):
            return minigen.arange(4.0).reshape(1, 1, 4), state

    said = generate.generate(Fixed(), [0], 6, temperature=0, no_repeat_ngram_size=1)
    assert list(said) == [3, 2, 1, 3, 3, 3]


def test_a_row_that_was_not_said_may_end_as_it_likes(model):
    plain, ruled = (list(generate.generate(model, [1, 2, 3], 6, temperature=0, **choice))
                    for choice in ({}, {"no_repeat_ngram_size": 10}))  # fmt: skip
    assert plain == ruled


@pytest.mark.parametrize("size", [0, -1])
def test_rows_have_at_least_one_token(model, size):
    with pytest.raises(ValueError, match="no_repeat_ngram_size must be at least 1"):
        next(generate.generate(model, [1], 1, no_repeat_ngram_size=size))


def test_an_empty_prompt_is_refused(model):
    with pytest.raises(ValueError, match="prompt is empty"):
        next(generate.generate(model, [], 1))


@given(
    logits=st.lists(st.floats(-20, 20), min_size=1, max_size=8),
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    top_k=st.none() | st.integers(1, 9),
    top_p=st.none() | st.floats(0.01, 1),
)
def test_probabilities_are_those_of_the_likeliest_alone(logits, temperature, top_k, top_p):
    p = generate.probabilities(np.array([logits]), temperature, top_k, top_p)[0]
    assert p.sum() == pytest.approx(1) and (p >= 0).all()
    kept = p > 0
    if temperature > 0:
        whole = np.exp((np.array(logits) - max(logits)) / temperature)
        whole /= whole.sum()
        np.testing.assert_allclose(p[kept], whole[kept] / whole[kept].sum(), rtol=1e-9)
        if top_p is not None:
            assert np.sort(whole[kept])[1:].sum() < top_p + 1e-9  # without the least of them it is not yet top_p
    assert kept.sum() <= (top_k or len(logits))
    assert np.min(np.array(logits)[kept]) >= np.max(np.array(logits)[~kept], initial=-np.inf)  # none likelier left out


def test_draws_follow_the_probabilities():
    p = np.array([0.5, 0.0, 0.2, 0.3, 0.0])
    found = generate.draw(np.tile(p, (20_000, 1)), minigen.Generator(0))
    assert np.abs(np.bincount(found, minlength=5) / 20_000 - p).max() < 0.012  # 3.4 standard deviations
    assert set(np.unique(found)) <= {0, 2, 3}


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"temperature": -1}, "temperature"), ({"top_k": 0}, "top_k"), ({"top_p": 0}, "top_p"), ({"top_p": 1.1}, "top_p")],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        generate.probabilities(np.zeros((1, 3)), **settings)
