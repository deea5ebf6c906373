"""Files that are missing, cut short, of another kind or untruthful, and loaders that cannot load."""

import gzip
import struct

import numpy as np
import pytest

import minigen
from minigen import checkpoint

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx(values, claimed=None) -> bytes:
    """An IDX file of bytes; its header may claim another shape."""
    values = np.asarray(values, np.uint8)
    shape = values.shape if claimed is None else claimed
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + values.tobytes()


PIXELS, DIGITS = np.zeros((4, 28, 28)), np.arange(4)
GOOD = {IMAGES: idx(PIXELS), LABELS: idx(DIGITS)}
MNIST = [  # what lies in the folder instead of the good files; None: nothing
    ({IMAGES: None}, FileNotFoundError, f"{IMAGES} .. Put that there"),
    ({IMAGES: None, LABELS: None}, None, "the embedded subset"),
    ({IMAGES: GOOD[IMAGES][:-1]}, ValueError, f"{IMAGES} .. 4 x 28 x 28 .. truncated .. fetch it again"),
    ({IMAGES: GOOD[IMAGES][:7]}, ValueError, f"{IMAGES} .. header .. 16 bytes .. only 7 .. truncated"),
    ({IMAGES: gzip.compress(GOOD[IMAGES])[:-9]}, ValueError, f"{IMAGES} .. gzip .. truncated or corrupt"),
    ({IMAGES: idx(PIXELS, (2**32 - 1, 28, 28))}, ValueError, f"{IMAGES} .. 4294967295 x 28 x 28 .. only"),
    ({IMAGES: idx(PIXELS, (3, 28, 28))}, ValueError, f"{IMAGES} .. 3 x 28 x 28 .. more than"),
    ({IMAGES: b"<html>404</html>"}, ValueError, f"{IMAGES} .. begins with .. 00 00 08 03 .. another file"),
    ({IMAGES: idx(DIGITS)}, ValueError, f"{IMAGES} .. begins with .. 00 00 08 03"),
    ({IMAGES: idx(np.zeros((4, 27, 28)))}, ValueError, "28 x 28 .. (4, 27, 28)"),
    ({LABELS: idx(np.arange(5))}, ValueError, "a label for each .. (4, 28, 28) .. (5,)"),
    ({LABELS: idx([1, 2, 10, 3])}, ValueError, "labels are 0 to 9 .. label 2 .. 10"),
]


@pytest.fixture
def nobody_is_home(monkeypatch, tmp_path):
    """No network, and neither the user's data nor cache."""
    monkeypatch.delenv("MINIGEN_DATA", raising=False)
    monkeypatch.setattr(minigen.data.mnist, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(minigen.data.MNIST, "mirrors", ())


@pytest.mark.filterwarnings("ignore:.*is a sound file, but not the published one")
@pytest.mark.parametrize(("files", "error", "words"), MNIST, ids=[words for _, _, words in MNIST])
def test_bad_files_of_digits(refused, nobody_is_home, tmp_path, files, error, words, capsys):
    folder = tmp_path / "digits"
    folder.mkdir()
    for name, content in {**GOOD, **files}.items():
        if content is not None:
            (folder / name).write_bytes(content)
    call = "data.MNIST(folder, download=False)"
    if error is None:
        assert len(minigen.data.MNIST(folder, download=False)) == 12000
        assert words in capsys.readouterr().out  # it says that these are not the folder's
    else:
        refused(call, error, words, folder=folder)


def test_a_folder_that_is_not_there(refused, nobody_is_home, tmp_path):
    refused("data.MNIST(folder, download=False)", FileNotFoundError, "no folder .. gone", folder=tmp_path / "gone")


CHECKPOINTS = [
    ("checkpoint.load(folder / 'none')", FileNotFoundError, "checkpoint .. no file .. none"),
    ("checkpoint.load(folder)", FileNotFoundError, "checkpoint .. no file"),
    ("checkpoint.load(folder / 'cut')", ValueError, "checkpoint .. cut .. truncated .. earlier one"),
    ("checkpoint.load(folder / 'empty')", ValueError, "checkpoint .. empty .. truncated"),
    ("checkpoint.load(folder / 'text')", ValueError, "checkpoint .. text .. not a safetensors file"),
    ("checkpoint.load(folder / 'foreign')", ValueError, "checkpoint .. foreign .. no checkpoint of minigen"),
    ("net.load_state_dict(checkpoint.load(folder / 'good'))", ValueError, "Linear .. missing .. unexpected ['0.weight"),
    ("checkpoint.save(folder / 'new', {'f': print})", TypeError, "checkpoint .. f is a builtin .. only arrays"),
    ("checkpoint.save(folder / 'new', {2.5: x})", TypeError, "checkpoint .. keys .. str .. 2.5"),
]


@pytest.mark.parametrize(("call", "error", "words"), CHECKPOINTS, ids=[call for call, _, _ in CHECKPOINTS])
def test_bad_checkpoints(refused, tmp_path, call, error, words):
    from safetensors.numpy import save_file

    checkpoint.save(tmp_path / "good", {"0.weight": np.arange(100.0)})
    (tmp_path / "cut").write_bytes((tmp_path / "good").read_bytes()[:-1])
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("a diary\n" * 9)
    save_file({"w": np.zeros(3)}, tmp_path / "foreign")
    refused(call, error, words, folder=tmp_path)
    assert not (tmp_path / "new").exists()


LOADERS = [
    ("data.DataLoader(items, batch_size=0)", ValueError, "DataLoader .. batch_size .. at least 1 .. 0"),
    ("data.DataLoader(items, batch_size=2.0)", TypeError, "DataLoader .. batch_size .. int .. float"),
    ("data.DataLoader(items, prefetch=-1)", ValueError, "DataLoader .. prefetch .. at least 0 .. -1"),
    ("data.DataLoader(items, 11, drop_last=True)", ValueError, "DataLoader .. drop_last .. 10 items .. batch_size 11"),
    ("data.DataLoader(items, sampler=[1], shuffle=True)", ValueError, "DataLoader .. sampler .. shuffle must be False"),
    ("data.DataLoader(items, generator=3)", TypeError, "DataLoader .. generator .. minigen.Generator .. int"),
    ("data.DataLoader([])", ValueError, "DataLoader .. dataset .. empty"),
    ("data.DataLoader(3)", TypeError, "DataLoader .. dataset .. length .. int"),
    ("next(iter(data.DataLoader(items, sampler=[10])))", IndexError, "DataLoader .. sampler .. 10 .. 0 to 9"),
    ("data.DataLoader(items).load_state_dict({})", ValueError, "DataLoader .. batch .. epoch .. another object"),
    (
        "data.DataLoader(items, 5).load_state_dict(data.DataLoader(items, 2).state_dict())",
        ValueError,
        "DataLoader .. batch_size 2, not 5 .. new epoch",
    ),
    ("data.TensorDataset()", ValueError, "TensorDataset .. at least one"),
    ("data.TensorDataset(x, wide)", ValueError, "TensorDataset .. (2, 3) .. (4, 5)"),
    ("data.TensorDataset([1.0])", TypeError, "TensorDataset .. argument 0 .. list"),
    ("next(iter(data.DataLoader([x, wide], 2)))", ValueError, "different shapes .. (2, 3) .. (4, 5) .. collate_fn"),
]


@pytest.mark.parametrize(("call", "error", "words"), LOADERS, ids=[call for call, _, _ in LOADERS])
def test_bad_loaders(refused, call, error, words):
    refused(call, error, words, items=list(range(10)))
