"""Small pictures of a stack: which frames, what they show, what happens with bad files."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.config import ServerConfig
from components.session import Session
from components.widgets import thumbnails as module
from components.widgets.frame_slider import FrameSlider
from components.widgets.thumbnails import HEIGHT, marks, thumbnails
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import FrameInfo, find_frames, inspect_frame


@pytest.fixture
def frames(tmp_path: Path) -> list[FrameInfo]:
    write_phantom(tmp_path / "raw", frames=5, size=96)
    paths = find_frames(tmp_path / "raw")
    Path(paths[2]).write_bytes(b"no frame")
    return [inspect_frame(i, str(path)) for i, path in enumerate(paths)]


def test_marks_are_spread_over_the_stack_with_both_ends() -> None:
    assert marks(0) == []
    assert marks(1) == [0]
    assert marks(3) == [0, 1, 2]
    assert marks(61) == [0, 10, 20, 30, 40, 50, 60]


def test_pictures_show_the_frames_that_can_be_read(frames: list[FrameInfo]) -> None:
    pictures = thumbnails(frames, "A")
    assert [index for index, _ in pictures] == [0, 1, 3, 4]
    data = base64.b64decode(pictures[0][1].partition(",")[2])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image.shape == (2 * HEIGHT, 2 * HEIGHT)
    assert np.ptp(image) > 200


def test_a_picture_is_made_once_per_version_of_a_file(
    frames: list[FrameInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = thumbnails(frames, "B")

    def refuse(path: str) -> None:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(module, "FIBSEMFrame", refuse)
    assert thumbnails(frames, "B") == first


def test_a_click_on_a_picture_goes_to_its_frame(frames: list[FrameInfo], tmp_path: Path) -> None:
    session = Session(ServerConfig((tmp_path,), tmp_path / "runs"))
    slider = FrameSlider(session)
    session.open_frames(str(tmp_path / "raw"), frames)
    slider.thumbnails.request(frames)
    assert slider.thumbnails.strip.last == 4
    assert [index for index, _ in slider.thumbnails.strip.pictures] == [0, 1, 3, 4]
    slider.thumbnails.strip.clicked = [3, 1]
    assert session.frame == 3
