"""The run folder: who may use it, and what is in it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import psutil
import pytest

from fibsem_dash.errors import AccessError, FormatError, RunError
from fibsem_dash.registration.run_store import SCHEMA_VERSION, RunStore, software_versions


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "a" / "run")
    store.create()
    return store


def test_a_new_folder_is_made_with_its_parents(store: RunStore) -> None:
    assert store.folder.is_dir()
    assert not store.exists
    assert store.read() == {}


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("")
    with pytest.raises(RunError, match=r"neither empty nor a run folder.*thesis\.doc"):
        RunStore(tmp_path).create()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["thesis.doc"]


@pytest.mark.parametrize("name", ["cache", "run.lock", ".run-0123456789ab.partial"])
def test_what_a_killed_first_run_leaves_is_no_foreign_file(name: str, store: RunStore) -> None:
    store.file(name).write_text("")
    store.create()


def test_a_run_folder_may_hold_other_files_too(store: RunStore) -> None:
    store.write({"schema_version": SCHEMA_VERSION})
    store.file("notes.txt").write_text("")
    store.create()
    assert store.exists


def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(AccessError):
        RunStore(tmp_path / "run").create()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99}', "{}"])
def test_a_record_of_another_kind_is_refused(text: str, store: RunStore) -> None:
    store.file("run.json").write_text(text)
    with pytest.raises(FormatError, match="schema_version 1"):
        store.read()


def test_a_second_holder_is_told_who_holds_the_folder(store: RunStore) -> None:
    with store.lock(), pytest.raises(RunError, match=f"process {os.getpid()}"), store.lock():
        pytest.fail("the lock was given twice")
    assert not store.file("run.lock").exists()


def test_the_lock_is_released_after_an_error(store: RunStore) -> None:
    with pytest.raises(ValueError, match="inside"), store.lock():
        raise ValueError("inside")
    with store.lock():
        assert store.file("run.lock").exists()


def lock_of(**changes: object) -> str:
    me = psutil.Process()
    holder = {"pid": me.pid, "host": socket.gethostname(), "since": "then"}
    holder["started"] = me.create_time()
    return json.dumps(holder | changes)


@pytest.mark.parametrize(
    "content",
    [
        lock_of(pid=2**22 + 1),
        lock_of(started=5.0),
        "",
        "{",
        "[]",
        '{"pid": 1}',
    ],
    ids=["gone", "number given anew", "empty", "torn", "list", "incomplete"],
)
def test_a_stale_lock_is_ignored(content: str, store: RunStore) -> None:
    store.file("run.lock").write_text(content)
    # A lock without content may be one that is just being made.
    os.utime(store.file("run.lock"), (0, 0))
    with store.lock():
        assert json.loads(store.file("run.lock").read_text())["pid"] == os.getpid()


def test_a_lock_that_is_just_being_written_is_honoured(store: RunStore) -> None:
    store.file("run.lock").write_text("")
    with pytest.raises(RunError, match="just starting"), store.lock():
        pytest.fail("the lock was given")
    assert store.file("run.lock").exists()


def test_a_lock_of_another_machine_is_honoured(store: RunStore) -> None:
    store.file("run.lock").write_text(lock_of(host="elsewhere", pid=1))
    with pytest.raises(RunError, match="process 1 on elsewhere since then"), store.lock():
        pytest.fail("the lock was given")
    assert store.file("run.lock").exists()


def test_clearing_removes_the_run_and_nothing_else(store: RunStore) -> None:
    store.write({"schema_version": SCHEMA_VERSION, "outputs": ["s.mrc", "../outside.txt"]})
    store.cache.save_record("kind", "abc", {})
    for name in ("frames.csv", "pairs.csv", "transforms.csv", "s.mrc", "notes.txt"):
        store.file(name).write_text("")
    outside = store.folder.parent / "outside.txt"
    outside.write_text("")
    store.clear()
    assert [p.name for p in store.folder.iterdir()] == ["notes.txt"]
    assert outside.exists()


def test_the_versions_of_the_software_are_known() -> None:
    versions = software_versions()
    assert {"fibsem-dash", "python", "numpy", "scipy"} <= set(versions)
    assert all(versions.values())
