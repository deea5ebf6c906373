"""nanoGPT's configuration on both sides: the translated source is the same network, and takes the script's steps."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from example_scripts import load
from minigen.kernels.bench import command, nanogpt
from minigen.kernels.bench.translate import translate

import minigen
from minigen import training
from minigen.models import rnn, transformer
from minigen.training import language


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_the_translated_source_computes_the_same(positions):
    minigen.manual_seed(0)
    sizes = (11, 16, 2, 2, 8, 0.0, positions)
    mine = transformer.Transformer(*sizes).double()
    theirs = translate("models.transformer", torch).Transformer(*sizes).double()
    assert list(mine.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in mine.state_dict().items()})
    x = np.random.default_rng(0).integers(0, 11, (3, 8))
    a, b = mine(minigen.tensor(x)), theirs(torch.from_numpy(x))
    assert a.dtype == minigen.float64
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)
    for loss in (a.square().sum(), b.square().sum()):
        loss.backward()
    for (name, p), q in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_recurrent_model_computes_the_same(cell):
    minigen.manual_seed(0)
    nn = torch.nn
    mine = rnn.RecurrentLM(11, 4, 6, 2, cell).double()
    embedding, head = nn.Embedding(11, 4), nn.Linear(6, 11)
    layers = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](4, 6, 2)
    theirs = nn.ModuleDict({"embedding": embedding, "recurrent": layers, "head": head}).double()
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in mine.state_dict().items()})
    x = np.random.default_rng(0).integers(0, 11, (3, 8))
    expected = head(layers(embedding(torch.from_numpy(x).T))[0]).transpose(0, 1).detach().numpy()
    np.testing.assert_allclose(mine(minigen.tensor(x)).numpy(), expected, rtol=1e-10, atol=1e-12)


def test_both_take_the_steps_of_the_script(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("tale.txt").write_text("从前有座山，山上有座庙，庙里有个老和尚给小和尚讲故事：" * 60, encoding="utf-8")
    sizes = {"LAYERS": 1, "WIDTH": 16, "HEADS": 2, "CONTEXT": 16, "BATCH": 8, "TURN": 4}
    for name, n in sizes.items():
        monkeypatch.setattr(nanogpt, name, n)
    assert command.run(command.parse(["nanogpt", "--steps", "10", "--data", "tale.txt", "--out", "out.json"])) == 0
    found = json.loads(Path("out.json").read_text())
    assert found["nats"]["minigen"] == pytest.approx(found["nats"]["torch"], rel=1e-4)
    assert min(found["seconds"].values()) > 0 and "peer" not in found

    monkeypatch.setattr(language, "SPOKEN", 20)
    monkeypatch.setattr(language, "SHOWN", 5)
    same = ["--layers", "1", "--width", "16", "--heads", "2", "--context", "16", "--batch-size", "8", "--dropout", "0"]
    script = load("text_transformer").TransformerText
    assert training.script(script, [*same, "--data", "tale.txt", "--steps", "10", "--lr", "0.001"]) == 0
    result = training.newest_checkpoint("runs/text_transformer").with_name("result.json")
    assert json.loads(result.read_text())["nats_per_token"] == pytest.approx(found["nats"]["minigen"], rel=1e-6)
