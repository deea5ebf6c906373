"""``save`` and ``load`` as listings call them; what a checkpoint is stands in test_checkpoint.py."""

import numpy as np
import pytest

import minigen
from minigen import nn, optim


def trained():
    minigen.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
    opt = optim.Adam(net.parameters(), lr=0.01)
    step(net, opt)
    return net, opt


def step(net, opt):
    opt.zero_grad()
    (net(minigen.arange(15.0).reshape(5, 3) / 15) ** 2).mean().backward()
    opt.step()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_a_listing_continues_bitwise(tmp_path, suffix):
    net, opt = trained()
    path = tmp_path / f"model{suffix}"
    minigen.save({"epoch": 3, "model": net.state_dict(), "optimizer": opt.state_dict(), "loss": 0.5}, path)
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
    again = optim.Adam(other.parameters())
    found = minigen.load(str(path), map_location=minigen.device("cpu"), weights_only=True)
    other.load_state_dict(found["model"])
    again.load_state_dict(found["optimizer"])
    assert (found["epoch"], found["loss"]) == (3, 0.5)
    for model, optimizer in ((net, opt), (other, again)):
        step(model, optimizer)
    for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(mine.detach().numpy(), theirs.detach().numpy())


def test_tensors_come_back_as_tensors(tmp_path):
    given = {"a": minigen.tensor([1, 2]), "b": [minigen.randn(2, 3, dtype=minigen.float64), {"c": None}], "d": True}
    minigen.save(given, tmp_path / "t.pt")
    found = minigen.load(tmp_path / "t.pt")
    assert found["a"].dtype == minigen.int64 and found["a"].tolist() == [1, 2]
    assert minigen.equal(found["b"][0], given["b"][0]) and found["b"][1] == {"c": None} and found["d"] is True
    found["a"].fill_(7)  # no read-only view of the file
    assert found["a"].tolist() == [7, 7]
    minigen.save(given["a"], tmp_path / "one.pt")
    assert minigen.load(tmp_path / "one.pt").tolist() == [1, 2]


def test_what_is_refused(tmp_path):
    net, _ = trained()
    with pytest.raises(TypeError, match=r"save: obj is a Sequential.*save its \.state_dict\(\)"):
        minigen.save(net, tmp_path / "x.pt")
    assert not (tmp_path / "x.pt").exists()
    with pytest.raises(TypeError, match="save: f must be the path of a file, got dict"):
        minigen.save(tmp_path / "x.pt", net.state_dict())
    with pytest.raises(TypeError, match="load: f must be the path of a file, got bytearray"):
        minigen.load(bytearray(3))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        minigen.load(tmp_path / "nothing.pt")
    minigen.save(net.state_dict(), tmp_path / "x.pt")
    with pytest.raises(ValueError, match="device: 'cuda' is not available"):
        minigen.load(tmp_path / "x.pt", map_location="cuda")
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x04N.")
    with pytest.raises(ValueError, match="is a pickle"):
        minigen.load(tmp_path / "pickle.pt")
