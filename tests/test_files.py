"""Whole files: what a name carries after a write, an error, Ctrl-C, and while somebody writes."""

import json

import pytest

from minigen.files import write_json, written


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_error_the_older_file_is_as_it_was_and_alone(tmp_path, error):
    path = tmp_path / "a.npz"
    path.write_text("older")
    with pytest.raises(error), written(path) as part:
        part.write_text("ne")
        raise error
    assert path.read_text() == "older" and list(tmp_path.iterdir()) == [path]


def test_the_name_changes_hands_at_the_end(tmp_path):
    path = tmp_path / "new" / "folder" / "a.png"
    with written(str(path)) as part:
        part.write_text("whole")
        assert not path.exists() and part.suffix == ".png" and part.parent == path.parent
    assert path.read_text() == "whole" and list(path.parent.iterdir()) == [path]


def test_json_that_cannot_be_written_leaves_the_older_one(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"name": "Kynkäänniemi", "values": [1, None]})
    whole = path.read_bytes()
    assert json.loads(whole) == {"name": "Kynkäänniemi", "values": [1, None]} and "ää".encode() in whole
    with pytest.raises(TypeError):
        write_json(path, {"name": object()})
    assert path.read_bytes() == whole and list(tmp_path.iterdir()) == [path]
