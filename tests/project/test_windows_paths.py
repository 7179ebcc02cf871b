"""What only handles names of files works with those of Windows."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

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
