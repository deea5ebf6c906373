"""The diffusion U-Net in PyTorch: it is the same network, learns from the same loss, and its weights draw here."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from example_scripts import load
from minigen.kernels.bench import command, denoise
from minigen.kernels.bench.translate import translate

import minigen
from minigen import training
from minigen.models import unet

CONFIG = {
    "condition": "label", "channels": "8", "patch": 4, "blocks": 1, "heads": 2, "schedule": "cosine", "levels": 20,
    "prediction": "v", "focus": "0.2,0.8,3", "forget": 0.1, "ema": 0.999, "epochs": 1, "steps": None, "budget": None,
    "batch_size": 16, "lr": 1e-3, "seed": 0, "data": "embedded", "smoke": True,
}  # fmt: skip


@pytest.mark.parametrize("adaptive", [False, True])
def test_the_translated_source_computes_the_same(adaptive):
    minigen.manual_seed(0)
    options = {"patch": 2, "heads": 2, "classes": 3, "blocks": 2, "groups": 4, "embed": 16, "adaptive": adaptive}
    mine = unet.UNet((8, 16), **options)
    theirs = translate("models.unet", torch).UNet((8, 16), **options)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in mine.state_dict().items()})
    x, t, labels = minigen.randn(4, 1, 8, 8), minigen.tensor([1.0, 5.0, 300.0, 900.0]), minigen.tensor([0, 1, 3, 2])
    expected = theirs(*(torch.from_numpy(a.numpy().copy()) for a in (x, t, labels)))
    np.testing.assert_allclose(mine(x, t, labels).numpy(), expected.detach().numpy(), atol=1e-5)
    assert translate("models.unet", minigen) is unet


@pytest.mark.parametrize("prediction", ["v", "epsilon", "x0"])
def test_a_step_has_the_loss_of_minigen(prediction):
    """Once the weights say something: same x, t, noise and labels, drawn by PyTorch and handed to both."""
    run = denoise.Run(torch, {**CONFIG, "prediction": prediction, "forget": 0.0})
    chosen = torch.arange(16)
    for _ in range(3):
        run.step(chosen, 0.0)
    weights = {name: w.detach().contiguous().numpy().copy() for name, w in run.net.named_parameters()}
    mine = unet.UNet((8,), patch=4, heads=2, classes=10, adaptive=True)
    mine.load_state_dict(weights)
    torch.manual_seed(7)
    minigen.manual_seed(7)
    noise, t = torch.randn_like(run.images[chosen]), run.process.levels(16)
    torch.manual_seed(7)
    minigen.manual_seed(7)
    theirs = run.step(chosen, 0.0)
    x0, eps = minigen.from_numpy(run.images[chosen].numpy()), minigen.from_numpy(noise.numpy())
    said = mine(run.process.noised(x0, t, eps), minigen.from_numpy(t.astype(np.float32)),
                minigen.from_numpy(run.labels[chosen].numpy()))  # fmt: skip
    ours = ((said - run.process.target(x0, t, eps)) ** 2).mean().item()
    assert theirs == pytest.approx(ours, rel=1e-4)


def test_what_pytorch_learnt_is_drawn_by_the_script(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(json.dumps(CONFIG))
    options = command.parse(["denoise", "--like", "config.json", "--minutes", "0.01", "--out", "theirs"])
    assert command.run(options) == 0
    result = json.loads(Path("theirs/result.json").read_text())
    assert result["steps"] >= 1 and result["minutes"] >= 0.01 and np.isfinite(result["loss of the last 500 steps"])
    example = load("diffusion_mnist")
    drawn = ["--checkpoint", "theirs/checkpoint.safetensors", "--sample", "3", "--steps", "3"]
    assert training.script(example.Diffusion, drawn) == 0
    assert np.load("samples.npz")["images"].shape == (3, 28, 28)
