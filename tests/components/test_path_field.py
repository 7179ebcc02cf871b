"""A field for paths keeps what is typed."""

from __future__ import annotations

import pytest

pytest.importorskip("panel_material_ui")

from components.widgets.path_field import PathField


def test_a_field_that_is_emptied_keeps_what_is_typed_meanwhile() -> None:
    field = PathField(lambda _text: [], ["/data"], value="/data")
    assert field.value_input == "/data"
    # What the browser says of one stroke of a key arrives behind what was typed since.
    field._process_events({"value_input": "/da"})
    field._process_events({"value": None})
    assert (field.value, field.value_input) == ("", "/da")


def test_a_chosen_path_fills_the_field() -> None:
    field = PathField(lambda _text: [], ["/data", "/other"])
    field.value = "/other"
    assert field.value_input == "/other"
    field._process_events({"value_input": "/else"})
    field.fill("/other")
    assert field.value_input == "/other"


def test_suggestions_are_asked_for() -> None:
    field = PathField(lambda text: [text + "a", text + "b"], ["/data"])
    assert field._filter_options("/d", True, "starts_with") == ["/da", "/db"]
