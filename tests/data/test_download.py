"""Downloading from a server of this test's own, on loopback: what it delivers, and all it can do wrong."""

import gzip
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from minigen import training
from minigen.data import MNIST, DownloadError, FashionMNIST
from minigen.data import download as module
from minigen.data.download import fetch

CONTENT = b"0123456789" * 20_000
PACKED = gzip.compress(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    """Answers from `server.pages`: path -> bytes, or a function of the handler. Counts in `server.asked`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            page = self.server.pages.get(self.path)
            if page is None:
                self.send_error(404)
            elif callable(page):
                page(self)
            else:
                send(self, page)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.pages, http.asked = {}, []
        http.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield http
        http.shutdown()
        thread.join()


def send(handler, body, promised=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if promised is None else promised))
    handler.end_headers()
    handler.wfile.write(body)


def test_good(server, tmp_path):
    server.pages["/a.gz"] = PACKED
    fetch([f"{server.url}/a.gz", f"{server.url}/never"], tmp_path / "deep" / "a.gz", SHA256)
    assert (tmp_path / "deep" / "a.gz").read_bytes() == PACKED
    assert server.asked == ["/a.gz"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.gz"]


BAD = {
    "404": (None, "404"),
    "truncated": (lambda handler: send(handler, PACKED[:50], len(PACKED)), "ended after 50 of"),
    "half a stream": (PACKED[:50], "truncated or corrupt"),
    "other contents": (gzip.compress(b"other"), "checksum mismatch"),
    "an error page": (b"<html>", "checksum mismatch"),
    "endless": (lambda handler: send(handler, bytes(4000), 10**12), "more than 1,000 bytes"),
    "a bomb": (gzip.compress(bytes(1 << 22)), "checksum mismatch"),
    "nothing": (lambda handler: handler.connection.close(), "closed|reset|Bad file"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_mirror_is_named_and_the_next_one_tried(server, tmp_path, what, monkeypatch):
    if what == "endless":
        monkeypatch.setattr(module, "LIMIT", 1000)
    page, message = BAD[what]
    server.pages.update({"/bad": page, "/good": PACKED} if page is not None else {"/good": PACKED})
    target = tmp_path / "a.gz"
    with pytest.raises(DownloadError, match=message) as caught:
        fetch([f"{server.url}/bad"], target, SHA256)
    assert f"{server.url}/bad" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    fetch([f"{server.url}/bad", f"{server.url}/good"], target, SHA256)
    assert target.read_bytes() == PACKED and list(tmp_path.iterdir()) == [target]


def test_ctrl_c_leaves_nothing_behind(server, tmp_path, monkeypatch):
    def interrupt(url, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_receive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch([f"{server.url}/a"], tmp_path / "a.gz", SHA256)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_until_the_new_one_is_whole(server, tmp_path):
    target = tmp_path / "a.gz"
    target.write_bytes(b"old")
    with pytest.raises(DownloadError):
        fetch([f"{server.url}/missing"], target, SHA256)
    assert target.read_bytes() == b"old"


# ---- the data set downloads its four files


@pytest.fixture
def mirror(server, small_mnist, small_files, monkeypatch):
    server.pages.update({f"/{name}.gz": gzip.compress(content) for name, content in small_files.items()})
    monkeypatch.setattr(MNIST, "mirrors", (f"{server.url}/broken/", f"{server.url}/"))
    return server


def test_mnist_downloads_into_the_cache_once(mirror, tmp_path, capsys):
    assert len(MNIST()) == 30
    assert len(list((tmp_path / "cache" / "mnist").iterdir())) == 4
    asked = len(mirror.asked)
    assert asked == 8  # each file: the broken mirror, then the other
    again = MNIST(train=False)
    assert len(again) == 20 and len(mirror.asked) == asked and again.source.startswith("cache")
    assert "download to" in capsys.readouterr().out


def test_mnist_downloads_into_root(mirror, tmp_path):
    assert len(MNIST(tmp_path / "new")) == 30
    assert not (tmp_path / "cache").exists() and len(list((tmp_path / "new" / "mnist").iterdir())) == 4


def test_an_interrupted_download_is_completed(mirror, folder, small_files):
    root = folder("half", only=list(small_files)[:1])
    assert len(MNIST(root)) == 30
    assert f"/{next(iter(small_files))}.gz" not in mirror.asked


def test_a_failing_download_of_the_rest_of_a_folder_raises(mirror, folder, small_files, monkeypatch):
    monkeypatch.setattr(MNIST, "mirrors", (f"{mirror.url}/broken/",))
    with pytest.raises(FileNotFoundError, match=r"(?s)holds only a part of MNIST.*404"):
        MNIST(folder("half", only=list(small_files)[:1]))


def test_download_false_asks_nobody(mirror):
    assert len(MNIST(download=False)) == 12_000 and mirror.asked == []


def test_embedded_asks_nobody(mirror, folder, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(folder()))
    assert len(MNIST("embedded")) == 12_000 and mirror.asked == []


def test_a_wrong_checksum_falls_back_to_the_embedded_digits_and_says_why(mirror, small_mnist, capsys, tmp_path):
    for page in mirror.pages:
        mirror.pages[page] = gzip.compress(b"something else")
    assert len(MNIST()) == 12_000
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and "embedded" in line and "checksum mismatch" in line
    assert list((tmp_path / "cache" / "mnist").iterdir()) == []


def test_fashion_raises_with_its_addresses(server, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "mirrors", (f"{server.url}/fashion/",))
    for attempt in (lambda: FashionMNIST(), lambda: FashionMNIST("embedded"), lambda: FashionMNIST(download=False)):
        with pytest.raises(FileNotFoundError, match="not embedded") as caught:
            attempt()
        assert f"{server.url}/fashion/train-images-idx3-ubyte.gz" in str(caught.value)
        assert "dataset-fashion-mnist" in str(caught.value)


def test_fashion_downloads_and_is_what_the_scripts_mean(server, small_files, monkeypatch):
    """Its four files, of its own checksums, from a mirror like MNIST's."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in small_files.items()}
    monkeypatch.setattr(FashionMNIST, "sha256", sums)
    monkeypatch.setattr(FashionMNIST, "mirrors", (f"{server.url}/fashion/",))
    server.pages.update({f"/fashion/{name}.gz": gzip.compress(content) for name, content in small_files.items()})
    clothes = training.dataset("fashion")
    assert isinstance(clothes, FashionMNIST) and len(clothes) == 30 and clothes.source.startswith("download to")
    again = training.dataset("fashion", train=False)
    assert len(again) == 20 and len(server.asked) == 4 and again.source.startswith("cache")
