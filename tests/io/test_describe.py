"""Descriptions of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fibsem_dash.errors import FormatError
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.describe import describe, render_description
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.io.tif import write_tif


def fields_of(description: dict[str, Any]) -> dict[str, Any]:
    return {field["name"]: field for group in description["groups"] for field in group["fields"]}


def as_json(description: dict[str, Any]) -> str:
    return json.dumps(description, allow_nan=False)


def test_dat_header_is_described_in_groups(tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    header = {"PixelSize": 4.0, "FocusIndex": float("nan"), "Notes": "fly"}
    write_dat(path, np.zeros((2, 5, 7), np.int16), header, trailer=b"??")
    description = describe(path)
    as_json(description)
    assert description["format"] == "dat"
    assert description["shape"] == [5, 7]
    assert description["detectors"] == ["A", "B"]
    fields = fields_of(description)
    assert fields["PixelSize"] == {
        "name": "PixelSize",
        "value": 4.0,
        "unit": "nm",
        "meaning": "pixel size",
    }
    assert fields["FocusIndex"]["value"] is None
    assert len(fields["Scaling"]["value"]) == 4
    assert "2 bytes follow" in description["notes"][0]
    text = render_description(description)
    assert "PixelSize" in text
    assert "unknown" in text


def test_cut_off_dat_is_described_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "x.dat"
    write_dat(path, np.zeros((2, 5, 7), np.int16))
    path.write_bytes(path.read_bytes()[:1030])
    assert "134 of 140 bytes" in describe(path)["notes"][0]


@pytest.mark.real
def test_real_header_is_described(shared: Path) -> None:
    description = describe(shared / "data" / "dat" / "gemini_v9.dat")
    as_json(description)
    fields = fields_of(description)
    assert len(fields) >= 95
    assert fields["FIBFocus"]["unit"] == "V"
    assert render_description(description).count("\n") > 100


def test_recipe_appears_without_personal_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.dat"
    write_dat(path, np.zeros((5, 7), np.int16), trailer=b"recipe")
    recipe = {"Milling para": {"Z-step (nm)": 8.0}, "File path": b"\1"}
    monkeypatch.setattr("fibsem_dash.io.describe.decode_recipe", lambda data: recipe)
    description = describe(path)
    as_json(description)
    assert description["recipe"]["Milling para"] == {"Z-step (nm)": 8.0}
    assert "slice thickness 8 nm" in " ".join(description["notes"])
    assert "    Z-step (nm)  8.0" in render_description(description)


def test_tiff_frame_and_stack_are_described(tmp_path: Path) -> None:
    write_tif(tmp_path / "x.tif", np.zeros((5, 7), np.uint8), pixel_size_nm=4)
    frame = describe(tmp_path / "x.tif")
    assert frame["format"] == "tif"
    assert fields_of(frame)["PixelSize"]["value"] == pytest.approx(4)
    tifffile.imwrite(tmp_path / "y.tif", np.zeros((3, 5, 7), np.uint16), photometric="minisblack")
    stack = describe(tmp_path / "y.tif")
    as_json(stack)
    assert stack["shape"] == [3, 5, 7]
    assert fields_of(stack)["Voxel size z"]["value"] is None
    assert "unknown" in render_description(stack)


def test_thermo_metadata_are_described_by_section(tmp_path: Path) -> None:
    tags = [(34682, "s", 0, "[EBeam]\r\nHV=2000\r\n", True)]
    image = np.zeros((5, 7), np.uint8)
    tifffile.imwrite(
        tmp_path / "x.tif", image, photometric="minisblack", metadata=None, extratags=tags
    )
    description = describe(tmp_path / "x.tif")
    as_json(description)
    assert "Metadata EBeam" in [group["name"] for group in description["groups"]]
    assert fields_of(description)["EHT"]["value"] == 2.0


def test_mrc_stack_is_described(tmp_path: Path) -> None:
    writer = MrcStackWriter.create(tmp_path / "x.mrc", (3, 5, 7), np.uint8, 8, ("label one",))
    writer.finish(0, 200, 90.5, 12.25)
    description = describe(tmp_path / "x.mrc")
    as_json(description)
    fields = fields_of(description)
    assert description["dtype"] == "uint8"
    assert fields["Voxel size x"]["value"] == 8.0
    assert fields["Maximum"]["value"] == 200
    assert fields["Label 1"]["value"] == "label one"
    assert "Maximum" in render_description(description)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be described"):
        describe(tmp_path / "x.png")
