"""Texts, their windows, and tokenisers that lose nothing."""

import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen.data import corpus, text, tokens
from minigen.data.__main__ import main

SOME = "从前有座山，山上有座庙。\n\nThe king's men -- all of them -- rode out.\n"


@pytest.fixture(scope="module")
def bpe():
    return tokens.BPETokenizer.fit(text.read("english").content[:20_000], 400)


# reading ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "phrase"), [("chinese", "宴桃园豪杰三结义"), ("english", "First Citizen:")])
def test_the_embedded_texts_are_there(name, phrase):
    found = text.read(name)
    assert phrase in found.content[:100]
    train, held_out = found.split()
    assert train + held_out == found.content
    assert len(held_out) / len(found.content) == pytest.approx(text.CORPORA[name].held_out, abs=1e-4)


def test_the_embedded_texts_are_small_and_their_licence_is_told():
    files = list(text.EMBEDDED.glob("*.xz"))
    assert len(files) == 2 and sum(f.stat().st_size for f in files) < 1 << 20
    notice = (text.EMBEDDED / "NOTICE").read_text("utf-8")
    assert all(f.name in notice for f in files) and "public domain" in notice


def test_a_named_text_is_found_through_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path))
    (tmp_path / "shakespeare").mkdir()
    published = "To be, \n\n\n\nor not to be"
    (tmp_path / "shakespeare" / "input.txt").write_text(published)
    found = text.read("shakespeare")
    assert found.content == published  # not cleaned: its figures are of the text as it is
    assert found.held_out == 0.1
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(text, "cache_folder", lambda: tmp_path / "cache")
    with pytest.raises(FileNotFoundError, match="MINIGEN_DATA"):
        text.read("shakespeare")


def test_a_file_is_read_and_cleaned(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone  \r\ntwo\rthree\n\n\n\nfour\x00\x07")
    assert text.read(path).content == "one\ntwo\nthree\n\nfour"
    packed = tmp_path / "a.txt.xz"
    packed.write_bytes(lzma.compress("山".encode()))
    assert text.read(packed, held_out=0).split() == ("山", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b" \n\t", "is empty"), (b"\x00\n\x01", "but for control characters"),
     ("好".encode("gb18030"), "not UTF-8: byte 0 is 0xba"),
     (b"good \xff", "byte 5 is 0xff")],
)  # fmt: skip
def test_a_bad_file_is_named(tmp_path, content, message):
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        text.read(tmp_path / "bad.txt")


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="one of chinese, english"):
        text.read(tmp_path / "none.txt")
    (tmp_path / "a.txt.xz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="damaged"):
        text.read(tmp_path / "a.txt.xz")
    with pytest.raises(ValueError, match=r"held_out must lie in \[0, 1\)"):
        text.read("english", held_out=1)


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once(content):
    assert text.clean(text.clean(content)) == text.clean(content)


# windows ------------------------------------------------------------------------------------------
@given(n=st.integers(2, 60), length=st.integers(1, 20))
def test_windows_hold_each_token_and_the_one_after_it(n, length):
    codes = np.arange(n) * 3
    if n <= length:
        with pytest.raises(ValueError, match="shorter context or a longer text"):
            text.Windows(codes, length)
        return
    windows = text.Windows(codes, length)
    starts = windows.get_batch(np.arange(len(windows)))[0]
    assert [windows[i] for i in range(len(windows))] == starts.tolist()
    x, y = windows.cut(starts + length)  # shifted: the last is moved back into the text
    assert x.shape == y.shape == (len(windows), length) and x.dtype == np.int64
    assert (y == x + 3).all() and y.max() == codes[: starts[-1] + 2 * length + 1].max()
    assert np.concatenate(windows.cut(starts)[0]).tolist() == codes[: len(windows) * length].tolist()


@given(n=st.integers(2, 60), length=st.integers(1, 20), stride=st.none() | st.integers(1, 20))
def test_covering_windows_count_each_prediction_once(n, length, stride):
    length, stride = min(length, n - 1), min(stride, length, n - 1) if stride else None
    starts, new = text.covering(n, length, stride)
    assert starts.min() >= 0 and (new <= length).all() and new[0] == length
    assert [t for s, k in zip(starts, new, strict=True) for t in range(s + length - k + 1, s + length + 1)] == [
        *range(1, n)
    ]
    assert (new[1:] <= (stride or length)).all()


def test_a_memory_map_gives_the_same_windows(tmp_path):
    codes = np.random.default_rng(0).integers(0, 300, 1000)
    text.save_codes(codes, tmp_path / "codes.npy")
    mapped = text.load_codes(tmp_path / "codes.npy")
    assert isinstance(mapped, np.memmap) and mapped.dtype == np.uint16
    for mine, want in zip(text.Windows(mapped, 7).cut([0, 500]), text.Windows(codes, 7).cut([0, 500]), strict=True):
        assert (mine == want).all() and mine.dtype == np.int64
    np.save(tmp_path / "other.npy", np.zeros((2, 2)))
    with pytest.raises(ValueError, match="not a row of tokens"):
        text.load_codes(tmp_path / "other.npy")


# tokenisers ---------------------------------------------------------------------------------------
@given(st.text(alphabet=sorted(set(SOME)), max_size=50))
def test_characters_come_back(content):
    tokeniser = tokens.CharTokenizer.fit(SOME)
    codes = tokeniser.encode(content)
    assert len(codes) == len(content) and tokeniser.decode(codes) == content
    assert tokens.tokenizer(tokeniser.to_dict()).decode(codes) == content


def test_unknown_characters_are_named():
    with pytest.raises(ValueError, match=r"2 characters are not among the 3 .* '!' '水'"):
        tokens.CharTokenizer.fit("山上有").encode("山上!水")


@given(st.lists(st.sampled_from(tokens.WordTokenizer([]).cut(SOME)), max_size=20))
def test_words_come_back(words):
    tokeniser = tokens.WordTokenizer.fit(SOME)
    content = "".join(words)
    again = tokeniser.encode(content)
    if 0 not in again:  # two words that met may have made a third, which the vocabulary lacks
        assert tokeniser.decode(again) == content
    assert tokeniser.decode(tokeniser.encode(SOME)) == SOME


def test_words_are_the_frequent_ones_and_stop_words_are_left_out():
    tokeniser = tokens.WordTokenizer.fit("the cat and the dog and the bird", size=4, stop_words=["and"])
    assert tokeniser.words == ["<unk>", " ", "the", "bird"] and len(tokeniser) == 4
    assert tokeniser.decode(tokeniser.encode("the cat")) == "the <unk>"
    same = tokens.tokenizer(tokeniser.to_dict())
    assert same.stop_words == {"and"} and same.words == tokeniser.words


def test_chinese_is_cut_into_words():
    tokeniser = tokens.WordTokenizer.fit(SOME, chinese=True)
    assert "从前" in tokeniser.words
    assert tokeniser.decode(tokeniser.encode(SOME)) == SOME
    without = tokens.WordTokenizer.fit(SOME, chinese=True, stop_words=["从前", "，"])
    assert without.decode(without.encode("从前有座山，山上有座庙。")) == "有座山山上有座庙。"
    assert not {"从前", "，"} & set(without.words)


@settings(deadline=None)
@given(content=st.text(max_size=40))
def test_byte_pairs_write_any_text(bpe, content):
    assert bpe.decode(bpe.encode(content)) == content


def test_byte_pairs_shorten_and_are_saved(bpe):
    content = text.read("english").content[30_000:31_000]
    codes = bpe.encode(content)
    assert len(codes) < 0.7 * len(content) and codes.max() < len(bpe) == 400
    assert (tokens.tokenizer(bpe.to_dict()).encode(content) == codes).all()


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'morse'"):
        tokens.tokenizer({"kind": "morse"})


# corpora larger than memory -----------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["char", "word", "bpe"])
def test_a_packed_corpus_is_the_text_in_blocks(tmp_path, monkeypatch, kind):
    content = text.clean((SOME + "Ende. 完\n") * 20)
    (tmp_path / "tale.txt").write_text(content, encoding="utf-8")
    monkeypatch.setattr(corpus, "blocks", lambda path, size=100, cut=corpus.blocks: cut(path, size))
    sizes = [len(block) for block in corpus.blocks(tmp_path / "tale.txt")]
    assert len(sizes) > 10 and max(sizes) < 250  # whole lines, so never much more than a block in memory
    n = corpus.pack(tmp_path / "tale.txt", tmp_path / "tale.npy", kind, 300)
    codes, tokeniser = corpus.unpack(tmp_path / "tale.npy")
    assert isinstance(codes, np.memmap) and codes.dtype.itemsize == (2 if kind == "bpe" else 1) and len(codes) == n
    if kind != "word":  # words that the first block lacks are unknown
        assert tokeniser.decode(codes) == content
    assert {p.name for p in tmp_path.iterdir()} == {"tale.txt", "tale.npy", "tale.json"}


def test_the_command_packs_and_names_what_is_wrong(tmp_path, capsys):
    for name, content in (("empty", b""), ("old", "好\n".encode("gb18030"))):
        (tmp_path / name).write_bytes(content)
    to = str(tmp_path / "x.npy")
    assert main(["pack", str(tmp_path / "none"), to]) == 1 and "there is no file" in capsys.readouterr().err
    assert main(["pack", str(tmp_path / "empty"), to]) == 1 and "is empty" in capsys.readouterr().err
    assert main(["pack", str(tmp_path / "old"), to]) == 1 and "is not UTF-8" in capsys.readouterr().err
    (tmp_path / "good").write_text("山上有座庙\n", encoding="utf-8")
    assert main(["pack", str(tmp_path / "good"), to]) == 0 and "6 tokens" in capsys.readouterr().out
    kept = (tmp_path / "text.json").write_text("{}\n")
    for source, name in (("good", "x"), ("text.json", "text.npy"), ("x.npy", "x.npy")):
        assert main(["pack", str(tmp_path / source), str(tmp_path / name)]) == 1
        assert "must be another file" in capsys.readouterr().err
    assert (tmp_path / "text.json").stat().st_size == kept
    assert main(["pack", str(tmp_path / "good"), to, "--tokens", "word", "--vocabulary", "0"]) == 1
    assert "size must be at least 1" in capsys.readouterr().err
    np.savez(tmp_path / "x.npz", x=np.arange(3))
    whole = (tmp_path / "x.npz").read_bytes()
    for content, words in ((whole[:50], "damaged, or no .npy file"), (b"text", "no .npy file"), (whole, "several")):
        (tmp_path / "x.npy").write_bytes(content)
        with pytest.raises(ValueError, match=words):
            corpus.unpack(to)
    (tmp_path / "x.json").unlink()
    with pytest.raises(FileNotFoundError, match="wants its tokeniser beside it"):
        corpus.unpack(to)
