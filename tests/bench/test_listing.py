"""The N1 listing in PyTorch: what it trains and draws; without PyTorch, words."""

import importlib.util
import json

import numpy as np
import pytest
from minigen.kernels.bench import command, listing, options

HAS_TORCH = importlib.util.find_spec("torch") is not None


def test_without_pytorch_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(options, "installed", lambda name: False)
    assert command.run(command.parse(["listing"])) == 1
    assert "pip install torch" in capsys.readouterr().err


@pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed: NOT RUN (make test-peers installs it)")
def test_it_trains_for_its_time_and_draws(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(listing, "SAMPLES", 30)
    out = tmp_path / "n1.npz"
    words = ["listing", "--minutes", "0.0005", "--data", "embedded", "--out", str(out)]
    assert command.run(command.parse(words)) == 0
    with np.load(out) as arrays:
        assert arrays["images"].shape == (30, 32, 32) and arrays["images"].dtype == np.uint8
        assert arrays["images"].std() > 0
    result = json.loads(out.with_suffix(".json").read_text())
    assert result["steps"] >= 1 and result["minutes"] >= 0.0005 and result["peer"] == "gan"


@pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed: NOT RUN (make test-peers installs it)")
def test_a_training_that_was_stopped_draws_but_has_no_place_beside_the_whole_ones(monkeypatch, tmp_path):
    def step(self, real):
        if self.stepped:
            raise KeyboardInterrupt
        self.stepped = True

    monkeypatch.setattr(listing, "SAMPLES", 30)
    monkeypatch.setattr(listing.Game, "stepped", False, raising=False)
    monkeypatch.setattr(listing.Game, "step", step)
    out = tmp_path / "n1.npz"
    assert command.run(command.parse(["listing", "--data", "embedded", "--out", str(out)])) == 0
    result = json.loads(out.with_suffix(".json").read_text())
    assert result["steps"] == 1 and not {"peer", "budget"} & set(result) and out.exists()


@pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed: NOT RUN (make test-peers installs it)")
def test_a_step_moves_both_networks_by_the_listings_optimisers():
    import torch

    torch.manual_seed(0)
    game = listing.Game(torch)
    assert [group["betas"] for group in game.opt_G.param_groups + game.opt_D.param_groups] == [(0.9, 0.999)] * 2
    before = [p.detach().clone() for net in (game.G, game.D) for p in net.parameters()]
    loss_D, loss_G = game.step(torch.rand(4, 1, 32, 32) * 2 - 1)
    assert 0.5 < loss_D < 4 and 0.2 < loss_G < 3  # near 2 log 2 and log 2
    after = [p for net in (game.G, game.D) for p in net.parameters()]
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert max((a - b).abs().max().item() for a, b in zip(before, after, strict=True)) < 2.1e-4  # Adam's first step
