"""BigDataViewer: what is written is what it reads, and damaged HDF5 is reported."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fibsem_dash.errors import FibsemDashError, FormatError, ParameterError
from fibsem_dash.io import open_stack
from fibsem_dash.io.bdv import BdvStackWriter
from fibsem_dash.io.bdv_read import BdvStack
from fibsem_dash.io.bdv_xml import read_bdv_voxel_size, write_bdv_xml
from tests.io.stack_cases import TYPES, VOXEL, everything, read_all, volume, write


@pytest.mark.parametrize("dtype", TYPES[".h5"])
def test_h5py_finds_what_bigdataviewer_reads(dtype: str, tmp_path: Path) -> None:
    voxels = volume((37, 300, 520), dtype)
    path = tmp_path / "a.h5"
    write(path, voxels)
    with h5py.File(path, "r") as file:
        cells = file["t00000/s00/0/cells"]
        assert cells.dtype == np.dtype("<i2")
        # BigDataViewer takes the bits as numbers without sign.
        seen = cells[()].view(np.uint16).astype(int)
        np.testing.assert_array_equal(seen, voxels.astype(int) + 32768 * (dtype == "int16"))
        np.testing.assert_array_equal(
            file["s00/resolutions"][()], [[1, 1, 1], [2, 2, 1], [4, 4, 2]]
        )
        divisions = file["s00/subdivisions"][()]
        for level, chunk in enumerate(divisions):
            data = file[f"t00000/s00/{level}/cells"]
            assert data.chunks == tuple(chunk[::-1])
        one = file["t00000/s00/1/cells"][()].view(np.uint16).astype(int)
        mean = np.rint(voxels.reshape(37, 150, 2, 260, 2).mean((2, 4)))
        np.testing.assert_array_equal(one, mean + 32768 * (dtype == "int16"))


def test_the_xml_names_file_size_and_calibration(tmp_path: Path) -> None:
    write_bdv_xml(tmp_path / "a b.xml", (3, 4, 5), VOXEL)
    root = ElementTree.parse(tmp_path / "a b.xml").getroot()
    sequence = root.find("SequenceDescription")
    assert sequence is not None
    loader = sequence.find("ImageLoader")
    assert loader is not None
    assert loader.get("format") == "bdv.hdf5"
    assert loader.findtext("hdf5") == "a b.h5"
    assert sequence.findtext("ViewSetups/ViewSetup/size") == "5 4 3"
    assert sequence.findtext("ViewSetups/ViewSetup/voxelSize/unit") == "nm"
    assert sequence.findtext("ViewSetups/ViewSetup/voxelSize/size") == "5 4 8"
    affine = root.findtext("ViewRegistrations/ViewRegistration/ViewTransform/affine")
    assert affine is not None
    matrix = np.array(affine.split(), float).reshape(3, 4)
    np.testing.assert_array_equal(matrix, np.c_[np.diag([5, 4, 8]), np.zeros(3)])
    assert read_bdv_voxel_size(tmp_path / "a b.xml") == VOXEL


def test_a_foreign_bdv_file_is_read_with_the_voxel_size_of_its_xml(tmp_path: Path) -> None:
    voxels = volume((6, 7, 8), "uint16")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(
            "t00000/s00/0/cells", data=voxels.view(np.int16), chunks=(2, 4, 4), compression="gzip"
        )
    write_bdv_xml(tmp_path / "a.xml", voxels.shape, VOXEL)
    with open_stack(tmp_path / "a.h5") as stack:
        np.testing.assert_array_equal(everything(stack), voxels)
        assert stack.voxel_size_nm == VOXEL


def test_bigdataviewer_is_not_given_floats(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="cannot hold this type") as caught:
        BdvStackWriter.create(tmp_path / "a.h5", (3, 4, 5), "float32", VOXEL)
    assert "zarr" in caught.value.remedy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99])
def test_a_cut_hdf5_file_is_reported(share: float, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, volume((20, 140, 150), "int16"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FormatError):
        read_all(path)


@given(place=st.integers(0, 6000), value=st.integers(0, 255))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_hdf5_gives_voxels_or_our_error(
    place: int, value: int, tmp_path_factory: Any
) -> None:
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    write(path, volume((3, 20, 20), "int16"))
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    # Any other error, or a crash, fails the test.
    with contextlib.suppress(FibsemDashError):
        assert read_all(path).ndim == 3


def test_a_huge_claim_in_hdf5_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("t00000/s00/0/cells", (10, 10**6, 10**6), "i2", chunks=(1, 64, 64))
    with pytest.raises(FormatError, match="not a stack"):
        BdvStack(tmp_path / "a.h5")


@pytest.mark.parametrize(
    "content", [b"", b"no", struct.pack("<8s", b"\x89HDF\r\n\x1a\n") + b"\0" * 99]
)
def test_other_content_is_not_hdf5(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(FormatError, match="cannot be read"):
        BdvStack(tmp_path / "a.h5")


def test_hdf5_of_another_kind_says_what_is_missing(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volume"] = np.zeros(3)
    with pytest.raises(FormatError, match=r"no BigDataViewer image.*found volume"):
        BdvStack(tmp_path / "a.h5")
