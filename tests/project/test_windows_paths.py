"""What only handles names of files works with those of Windows."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from fibsem_dash.compat.dataset_settings import stem_of
from fibsem_dash.frame_export import safe_name
from fibsem_dash.registration.frames import natural_key


@pytest.mark.parametrize("kind", [PureWindowsPath, PurePosixPath])
def test_frames_sort_by_the_numbers_in_their_names(kind):
    names = [str(kind("data") / f"Frame_{k}.dat") for k in (10, 9, 100)]
    assert [n[-7:] for n in sorted(names, key=natural_key)] == ["e_9.dat", "_10.dat", "100.dat"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CON/aux", "CON_aux"),
        ('a<b>c:d"e', "a_b_c_d_e"),
        ("ESB @ 400 V", "ESB @ 400 V"),
        ("x\\y|z?*", "x_y_z__"),
        ("trailing. ", "trailing"),
    ],
)
def test_names_of_detectors_become_names_of_files_on_any_system(name, expected):
    found = safe_name(name)
    assert found == expected
    assert PureWindowsPath(found).name == found == PurePosixPath(found).name


def test_names_of_stacks_with_dots_keep_them():
    assert stem_of("Registered_drmax1.5_padded.mrc") == "Registered_drmax1.5_padded"
    assert stem_of("Registered_drmax1.5_padded") == "Registered_drmax1.5_padded"


WINDOWS_FOLDERS = [r"C:\data\stack 1", r"\\server\share\Gehirn & Zelle #2 50%", "D:\\"]


@pytest.mark.parametrize("folder", WINDOWS_FOLDERS)
def test_addresses_keep_folders_of_windows(folder):
    pytest.importorskip("panel_material_ui")
    from components.config import ServerConfig
    from components.router import parse_query, query_of
    from components.session import Session

    session = Session(ServerConfig((Path.cwd(),), Path.cwd()), folder=folder, pattern="*.dat")
    query = query_of(session)
    assert "\\" not in query
    found = parse_query(query, ("data",))
    assert found["folder"] == folder
    assert found["pattern"] == "*.dat"


def test_the_title_bar_shows_the_last_part_of_a_folder():
    pytest.importorskip("panel_material_ui")
    from components.shell import _stack_line

    assert _stack_line(r"C:\data\stack 1", [1, 2]).startswith("stack 1 ")
    assert _stack_line("C:\\data\\stack 1\\", []).startswith("stack 1 ")


def test_copied_commands_are_quoted_for_the_shell_of_the_machine():
    pytest.importorskip("panel")
    from components.command_line import quoted_command

    parts = ["fibsem-dash", "info", r"C:\data\f 1.dat", r"C:\data\plain.dat"]
    # As the C library of Windows splits it: a backslash counts only before a quotation mark.
    assert quoted_command(parts, windows=True) == (
        r'fibsem-dash info "C:\data\f 1.dat" C:\data\plain.dat'
    )
    assert shlex.split(quoted_command(parts, windows=False)) == parts


@pytest.mark.parametrize(
    "name", ["C:/Windows", r"..\secret", r"a\..\..\b", "//server/share/run", "C:run", "../x", "a\0"]
)
def test_paths_that_leave_a_folder_on_windows_are_not_looked_up(name):
    pytest.importorskip("tornado")
    from components.report_files import is_plain

    assert not is_plain(name)
    assert is_plain("a/run 7.1")
