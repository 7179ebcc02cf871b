"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from fibsem_dash.errors import AccessError
from fibsem_dash.io.atomic import (
    access_error,
    atomic_path,
    json_safe,
    write_bytes,
    write_json,
    write_text,
)


def test_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "x.dat"
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"new")
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".partial"
        assert not target.exists()
    assert [item.name for item in tmp_path.iterdir()] == ["x.dat"]
    assert target.read_bytes() == b"new"


def test_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "x.dat"
    write_bytes(target, b"old")

    def fail() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "writable disk"),
        (errno.EACCES, "permissions"),
        (errno.EIO, "disk"),
    ],
)
def test_failing_disk_is_an_access_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(AccessError, match=remedy) as caught:
        write_bytes(tmp_path / "x", b"content")
    assert caught.value.errno == code
    assert caught.value.path == str(tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_an_access_error(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="Check the path"):
        write_text(tmp_path / "none" / "x.txt", "text")


def test_access_errors_are_passed_on() -> None:
    error = AccessError("No", path="a")
    assert access_error(error, "b") is error


def test_text_has_the_line_ends_it_was_given(tmp_path: Path) -> None:
    write_text(tmp_path / "x.txt", "µ\nm\n")
    assert (tmp_path / "x.txt").read_bytes() == b"\xc2\xb5\nm\n"


def test_json_is_sorted_and_has_null_for_missing_numbers(tmp_path: Path) -> None:
    value = {
        "b": np.float32(0.5),
        "a": [np.nan, float("inf"), np.int64(3), True, None],
        "path": Path("folder") / "x",
        "array": np.array([[1.5, np.nan]]),
        "set": {3, 1},
        "bytes": b"\x01\xff",
        2: ("µ",),
    }
    write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "b": 0.5,
        "a": [None, None, 3, True, None],
        "path": os.path.join("folder", "x"),
        "array": [[1.5, None]],
        "set": [1, 3],
        "bytes": "01ff",
        "2": ["µ"],
    }


def test_value_without_a_form_in_json_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        json_safe({"a": object()})
