"""Sessions of the dashboard without a browser."""

from __future__ import annotations

from pathlib import Path

from components.config import ServerConfig
from components.session import Session
from fibsem_dash.registration.frames import find_frames, inspect_frame


def open_session(folder: Path) -> Session:
    """Open the frames of a folder in a session of their own."""
    session = Session(ServerConfig((folder,), folder / "runs"))
    paths = find_frames(folder)
    session.open_frames(str(folder), [inspect_frame(i, str(p)) for i, p in enumerate(paths)])
    return session
