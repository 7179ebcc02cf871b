"""A stack, a session whose run root is its own, and the Registration page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.config import ServerConfig
from components.jobs import job_registry
from components.pages.registration import RegistrationPage
from components.session import Session
from fibsem_dash.phantom import write_phantom
from fibsem_dash.registration.frames import find_frames, inspect_frame
from tests.components.registration.registration_cases import wait_for


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames, of which one is broken."""
    folder = tmp_path_factory.mktemp("registration").resolve() / "raw"
    write_phantom(folder, frames=8, size=128)
    (folder / "Phantom_22-01-01_000005_0-0-0.dat").write_bytes(b"no frame")
    return folder


@pytest.fixture
def session(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    runs = tmp_path.resolve() / "runs"
    monkeypatch.setenv("FIBSEM_DASH_ROOTS", str(raw.parent))
    monkeypatch.setenv("FIBSEM_DASH_RUN_ROOT", str(runs))
    monkeypatch.delenv("FIBSEM_DASH_DEMO_ONLY", raising=False)
    job_registry.cache_clear()
    session = Session(ServerConfig((raw.parent,), runs))
    session.open_frames(
        str(raw), [inspect_frame(i, str(p)) for i, p in enumerate(find_frames(raw))]
    )
    yield session
    registry = job_registry()
    for record in registry.jobs():
        registry.cancel(record.id)
    wait_for(lambda: not any(r.active for r in registry.jobs()))
    registry.close()
    job_registry.cache_clear()


@pytest.fixture
def page(session: Session) -> RegistrationPage:
    page = RegistrationPage(session)
    page.__panel__()
    # Timing a pair starts processes; one test asks for it.
    page.form.ask = lambda: None  # type: ignore[method-assign]
    page.on_enter()
    page.form.workers.value = 1
    return page
