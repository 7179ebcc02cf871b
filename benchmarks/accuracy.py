"""How far the pair transforms of a run lie from the truth of a phantom."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np


def pair_errors(pairs_file: Path, truth_file: Path, shape: tuple[int, int]) -> tuple[float, float]:
    """Root mean square error of the pair transforms at the centre and at the corners, px.

    Parameters
    ----------
    pairs_file : Path
        Table with frame (the second of the pair) and T00 to T12, one row for each pair.
    truth_file : Path
        truth.json of the phantom: matrices from frame 0 to every frame.
    shape : (int, int)
        Size (y, x) of a frame.
    """
    true = np.array(json.loads(truth_file.read_text())["T"], dtype=float)
    height, width = shape
    x, y = width - 1, height - 1
    points = np.array([[x / 2, y / 2, 1], [0, 0, 1], [x, 0, 1], [0, y, 1], [x, y, 1]]).T
    squared = []
    with pairs_file.open(newline="") as file:
        for row in csv.DictReader(file):
            k = int(row["frame"])
            found = np.array([[float(row[f"T{i}{j}"]) for j in range(3)] for i in range(2)])
            wanted = (true[k] @ np.linalg.inv(true[k - 1]))[:2]
            squared.append((((found - wanted) @ points) ** 2).sum(axis=0))
    mean = np.mean(squared, axis=0)
    return float(np.sqrt(mean[0])), float(np.sqrt(mean[1:].mean()))
