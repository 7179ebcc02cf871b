"""OME-Zarr: what is written is read by other programs, and damage is reported."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore
import zarr
from ome_zarr_models.v05 import Image as OmeImage

from fibsem_dash.errors import FormatError
from fibsem_dash.io import open_stack
from fibsem_dash.io.ome_zarr import OmeZarrStackWriter
from fibsem_dash.io.ome_zarr_read import OmeZarrStack
from tests.io.stack_cases import VOXEL, everything, read_all, volume, write


@pytest.fixture
def zarr_case(tmp_path: Path) -> tuple[Path, np.ndarray]:
    voxels = volume((37, 300, 520), "int16")
    path = tmp_path / "a.zarr"
    write(path, voxels)
    return path, voxels


def read_level(path: Path, level: int) -> np.ndarray:
    store = {"driver": "file", "path": f"{path / str(level)}/"}
    return tensorstore.open({"driver": "zarr3", "kvstore": store}).result().read().result()


def test_tensorstore_reads_every_level(zarr_case: tuple[Path, np.ndarray]) -> None:
    path, voxels = zarr_case
    np.testing.assert_array_equal(read_level(path, 0), voxels)
    # Voxels are 8 x 4 x 5 nm: z stays until y and x have caught up.
    one, two = read_level(path, 1), read_level(path, 2)
    assert one.shape == (37, 150, 260)
    assert two.shape == (19, 75, 130)
    expected = voxels.reshape(37, 150, 2, 260, 2).mean((2, 4))
    np.testing.assert_array_equal(one, np.rint(expected).astype(np.int16))
    np.testing.assert_array_equal(
        two[:18, :75], np.rint(one[:36].reshape(18, 2, 75, 2, 130, 2).mean((1, 3, 5)))
    )
    np.testing.assert_array_equal(two[18], np.rint(one[36].reshape(75, 2, 130, 2).mean((1, 3))))


def test_the_metadata_follow_ome_zarr_0_5(zarr_case: tuple[Path, np.ndarray]) -> None:
    path, voxels = zarr_case
    image = OmeImage.from_zarr(zarr.open_group(path, mode="r"))
    ome = image.ome_attributes
    assert ome.version == "0.5"
    (multiscale,) = ome.multiscales
    assert [(a.name, a.type, a.unit) for a in multiscale.axes] == [
        (name, "space", "nanometer") for name in "zyx"
    ]
    scale, shift = multiscale.datasets[2].coordinateTransformations
    assert list(scale.scale) == [16.0, 16.0, 20.0]
    # The centre of a mean over n voxels lies (n - 1) / 2 voxels after that of the first.
    assert list(shift.translation) == [4.0, 6.0, 7.5]
    raw = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    window = raw["omero"]["channels"][0]["window"]
    assert window["min"] == voxels.min()
    assert window["min"] <= window["start"] < window["end"] <= window["max"]


def test_arrays_are_sharded_and_compressed(zarr_case: tuple[Path, np.ndarray]) -> None:
    path, _ = zarr_case
    metadata = json.loads((path / "0" / "zarr.json").read_text())
    (codec,) = metadata["codecs"]
    assert codec["name"] == "sharding_indexed"
    assert codec["configuration"]["chunk_shape"] == [32, 128, 128]
    assert [c["name"] for c in codec["configuration"]["codecs"]] == ["bytes", "blosc"]
    assert metadata["dimension_names"] == ["z", "y", "x"]
    # 37 slices in slabs of 32; everything else in one shard.
    assert len([p for p in (path / "0" / "c").rglob("*") if p.is_file()]) == 2


def test_a_voxel_size_that_is_not_known_gives_no_unit(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, volume((3, 4, 5), "uint8"), voxel=(math.nan,) * 3)
    assert OmeImage.from_zarr(zarr.open_group(path, mode="r")).ome_attributes
    with OmeZarrStack(path) as stack:
        assert all(map(math.isnan, stack.voxel_size_nm))


def test_ome_zarr_0_4_with_single_channel_and_time_is_read(tmp_path: Path) -> None:
    voxels = volume((6, 7, 8), "uint16")
    group = zarr.create_group(tmp_path / "old.zarr", zarr_format=2)
    group.create_array("s0", data=voxels[None, None], chunks=(1, 1, 4, 4, 4))
    names = "tczyx"
    scale = [1.0, 1.0, 0.008, 0.004, 0.004]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": n, **({"unit": "micrometer"} if n in "zyx" else {})} for n in names],
            "datasets": [
                {"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
            ],
        }
    ]
    with open_stack(tmp_path / "old.zarr") as stack:
        np.testing.assert_array_equal(everything(stack), voxels)
        assert stack.voxel_size_nm == pytest.approx((8.0, 4.0, 4.0))


def spoil(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


ZARR_DAMAGE: dict[str, Callable[[Path], Any]] = {
    "no group": lambda p: (p / "zarr.json").unlink(),
    "no array": lambda p: shutil.rmtree(p / "0"),
    "not json": lambda p: (p / "zarr.json").write_text("{"),
    "other json": lambda p: (p / "zarr.json").write_text("[1]"),
    "array not json": lambda p: (p / "0" / "zarr.json").write_bytes(b"\xff\x00"),
    "no multiscales": lambda p: spoil(
        p / "zarr.json", lambda d: d["attributes"]["ome"].pop("multiscales")
    ),
    "outside": lambda p: spoil(
        p / "zarr.json",
        lambda d: d["attributes"]["ome"]["multiscales"][0]["datasets"][0].update(path="../b"),
    ),
    "unknown codec": lambda p: spoil(
        p / "0" / "zarr.json", lambda d: d["codecs"].append({"name": "nonsense"})
    ),
    "huge": lambda p: spoil(p / "0" / "zarr.json", lambda d: d.update(shape=[10**9] * 3)),
    "negative": lambda p: spoil(p / "0" / "zarr.json", lambda d: d.update(shape=[-1, 5, 5])),
    "two axes": lambda p: spoil(p / "0" / "zarr.json", lambda d: d.update(shape=[10, 10])),
    "shards cut": lambda p: [
        f.write_bytes(f.read_bytes()[: f.stat().st_size // 2])
        for f in (p / "0" / "c").rglob("*")
        if f.is_file()
    ],
    "shards empty": lambda p: [
        f.write_bytes(b"") for f in (p / "0" / "c").rglob("*") if f.is_file()
    ],
}


@pytest.mark.parametrize("name", ZARR_DAMAGE)
def test_damaged_zarr_is_reported(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, volume((20, 140, 150), "int16"))
    ZARR_DAMAGE[name](path)
    with pytest.raises(FormatError) as caught:
        read_all(path)
    assert str(path) in str(caught.value)


def test_a_zarr_folder_without_shards_claims_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    OmeZarrStackWriter.create(path, (10**6, 20000, 20000), "uint8", VOXEL)
    with OmeZarrStack(path) as stack:
        assert stack.shape == (10**6, 20000, 20000)
        # 400 MB a slice: only one is decoded at a time.
        assert stack._slabs.depth == 1
