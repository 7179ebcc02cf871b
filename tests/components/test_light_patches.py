"""Messages of changes hold what Bokeh's own hold, whatever the size of the document."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from bokeh.core.serialization import Buffer, Serializer
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent, ModelChangedEvent, TitleChangedEvent
from bokeh.models import Column, ColumnDataSource, Div
from bokeh.plotting import figure
from bokeh.protocol.messages.patch_doc import patch_doc

from components.light_patches import create_patch


def bokehs_own(events: Any) -> tuple[Any, list[Buffer]]:
    """What ``patch_doc.create`` of Bokeh 3.9 puts into a message."""
    (document,) = {event.document for event in events}
    serializer = Serializer(references=document.models.synced_references)
    content = {"events": serializer.encode(events)}
    document.models.flush_synced(lambda model: not serializer.has_ref(model))
    return content, serializer.buffers


def as_text(content: Any) -> str:
    """Write a message down; binary parts have names of chance."""
    return json.dumps(content, default=lambda part: part.to_bytes().hex(), sort_keys=True)


class Sent:
    """A document whose changes are made into messages in both ways."""

    def __init__(self) -> None:
        self.document = Document()
        self.events: list[DocumentPatchedEvent] = []
        self.document.on_change(self.events.append)
        self.messages: list[str] = []

    def send(self) -> None:
        """Compare both messages of what has changed, and the models that are new after each."""
        models, events = self.document.models, list(self.events)
        self.events.clear()
        before = set(models._new_models)
        expected, buffers = bokehs_own(events)
        new_after = set(models._new_models)
        models._new_models = before
        message = create_patch(patch_doc, events)
        assert as_text(message.content) == as_text(expected)
        assert [b.to_bytes() for b in message.buffers] == [b.to_bytes() for b in buffers]
        assert models._new_models == new_after
        self.messages.append(as_text(expected))


def test_messages_are_those_of_bokeh() -> None:
    sent = Sent()
    plot, text = figure(), Div(text="one")
    column = Column(children=[text, plot])
    sent.document.add_root(column)
    sent.send()
    text.text = "two"
    sent.send()
    source = ColumnDataSource({"x": np.arange(5.0), "y": np.ones(5)})
    plot.line("x", "y", source=source)
    source.data = {"x": np.arange(3.0), "y": np.zeros(3)}
    sent.send()
    source.stream({"x": np.arange(2.0), "y": np.ones(2)})
    column.children = [plot, Div(text="three")]
    sent.send()
    column.children = [plot, text]
    sent.document.title = "four"
    sent.send()
    assert len(sent.messages) == 5
    assert "three" in sent.messages[3]
    assert "two" in sent.messages[4], "a model that was taken away is described again"


def test_events_of_two_documents_are_refused() -> None:
    events = [TitleChangedEvent(Document(), "a"), TitleChangedEvent(Document(), "b")]
    for given in (events, []):
        with pytest.raises(ValueError, match="one document"):
            create_patch(patch_doc, given)


def test_a_new_model_is_described_once_and_named_from_then_on() -> None:
    document, column = Document(), Column(children=[])
    document.add_root(column)
    document.models.flush_synced()
    text = Div(text="new")
    column.children = [text]
    event = ModelChangedEvent(document, column, "children", [text])
    (first,) = create_patch(patch_doc, [event]).content["events"]
    (second,) = create_patch(patch_doc, [event]).content["events"]
    assert first["new"][0]["attributes"]["text"] == "new"
    assert second["new"] == [{"id": text.id}]
