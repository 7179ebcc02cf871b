"""Write small valid files, from which fuzzing starts: ``python -m fuzz.seeds [FOLDER]``."""

from __future__ import annotations

import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import yaml
from numcodecs import GZip

from fibsem_dash.io.bdv import BdvStackWriter
from fibsem_dash.io.dat import write_dat
from fibsem_dash.io.mrc import MrcStackWriter
from fibsem_dash.io.ome_zarr import OmeZarrStackWriter
from fibsem_dash.io.tables import QUALITY_SHEET, write_csv, write_xlsx
from fibsem_dash.settings import RunSettings, to_dict
from fuzz.targets import pack_zarr

KEPT = Path(__file__).resolve().parents[1] / "tests" / "fuzz" / "corpus"


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT
    for name in ("dat", "recipe", "tif", "mrc", "csv", "xlsx", "yaml", "h5", "zarr"):
        (root / name).mkdir(parents=True, exist_ok=True)
    image = np.arange(24, dtype=np.int16).reshape(4, 6) * 100
    _frames(root / "dat", image)
    (root / "recipe" / "seed").write_bytes(recipe_bytes())
    _tiffs(root / "tif", image.astype(np.uint8))
    _stacks(root / "mrc")
    _tables(root)
    _hdf5(root / "h5")
    _zarrs(root / "zarr")
    settings = to_dict(RunSettings())
    (root / "yaml" / "settings").write_text(yaml.safe_dump(settings, default_flow_style=None))
    (root / "yaml" / "gates").write_text("ncc.median: {min: 0.4}\nfailed_pairs: {max: 0}\n")
    (root / "yaml" / "forms").write_text(
        "a: [1:30, 2001-12-14, 0x1F, 1e3, .nan, ~, !!binary aGk=]\n"
    )


def _frames(folder: Path, image: np.ndarray) -> None:
    for version in (1, 3, 5, 6, 7, 8, 9):
        write_dat(folder / f"v{version}", {"A": image, "B": image}, version=version)
    write_dat(folder / "eight_bit", {"A": image.astype(np.uint8)}, trailer=recipe_bytes())
    write_dat(folder / "samples", {"A": np.stack([image, image], axis=2)})


def recipe_bytes() -> bytes:
    """A recipe with one cluster that holds the slice thickness."""

    def labelled(head: bytes, text: bytes) -> bytes:
        body = head + bytes([len(text)]) + text
        return struct.pack(">H", len(body) + 2 + (len(body) % 2)) + body + b"\0" * (len(body) % 2)

    number = labelled(b"\x40\x0a\x00", b"Z-step (nm)")
    inner = labelled(b"\x40\x50" + struct.pack(">HH", 1, 0), b"Milling para")
    outer = labelled(b"\x40\x50" + struct.pack(">HH", 1, 1), b"root")
    head = b"\x15\0\x80\0" + struct.pack(">I", 3) + number + inner + outer
    return head + struct.pack(">HHd", 1, 2, 8.0) + bytes(4)


def _tiffs(folder: Path, image: np.ndarray) -> None:
    tifffile.imwrite(folder / "plain", image, metadata=None)
    tifffile.imwrite(folder / "deflate", image, compression="zlib", predictor=True, metadata=None)
    tifffile.imwrite(folder / "tiles", np.zeros((40, 40), np.uint16), tile=(16, 16), metadata=None)
    tifffile.imwrite(folder / "lzma", image, compression="lzma", metadata=None)
    tifffile.imwrite(folder / "imagej", np.stack([image] * 3), imagej=True)
    tifffile.imwrite(folder / "ome", np.stack([image] * 3), ome=True)
    tifffile.imwrite(folder / "big", image.astype(np.float32), bigtiff=True, byteorder=">")


def _stacks(folder: Path) -> None:
    for name in ("uint8", "int16", "float32", "float16"):
        writer = MrcStackWriter.create(folder / name, (2, 3, 4), name, 8.0)
        for k in range(2):
            writer.write_slice(k, np.full((3, 4), k, name))
        writer.finish(0, 1, 0.5, 0.5)


def _tables(root: Path) -> None:
    table = pd.DataFrame(
        {"frame": [1, 2], "NCC": [0.5, None], "FSC": [1e-3, 2.0], "note": ["=1+1", "a,b"]}
    )
    write_csv(root / "csv" / "quality", table)
    old = "Image NSAD,Image NCC,Image MI\n0.1,0.2,0.3\n"
    (root / "csv" / "of_2022").write_text(old)
    write_xlsx(root / "xlsx" / "quality", {QUALITY_SHEET: table})


def _hdf5(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "plain", "w", libver="latest") as file:
        file["t00000/s00/0/cells"] = np.zeros((2, 3, 4), np.int16)
        file["s00/resolutions"] = np.ones((1, 3))
    writer = BdvStackWriter.create(folder / "written", (2, 3, 300), "int16", 8.0)
    writer.write_slices(0, np.ones(writer.shape, np.int16))


def _zarrs(folder: Path) -> None:
    import zarr

    with tempfile.TemporaryDirectory() as name:
        for kind in ("uint8", "float32"):
            path = Path(name) / kind
            writer = OmeZarrStackWriter.create(path, (2, 3, 300), kind, 8.0)
            writer.write_slices(0, np.ones(writer.shape, kind))
            (folder / f"written_{kind}").write_bytes(pack_zarr(path))
        for word, options in (("plain", {"compressors": None}), ("gzip", {"compressors": GZip()})):
            path = Path(name) / word
            axes = [{"name": n, "type": "space", "unit": "nanometer"} for n in "zyx"]
            scale = [{"type": "scale", "scale": [8.0, 4.0, 4.0]}]
            datasets = [{"path": "0", "coordinateTransformations": scale}]
            image = {"version": "0.4", "axes": axes, "datasets": datasets}
            group = zarr.create_group(path, zarr_format=2, attributes={"multiscales": [image]})
            separator = {"name": "v2", "separator": "/"}
            array = group.create_array(
                "0", shape=(2, 3, 4), dtype="uint16", chunks=(1, 3, 4),
                chunk_key_encoding=separator, **options,
            )  # fmt: skip
            array[...] = 7
            (folder / f"version_04_{word}").write_bytes(pack_zarr(path))


if __name__ == "__main__":
    main()
