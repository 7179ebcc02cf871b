"""Messages of changes that cost what they hold, not what the whole document holds."""

from __future__ import annotations

from typing import Any

from bokeh.core.serialization import Serializer
from bokeh.document.models import DocumentModelManager
from bokeh.model import Model
from bokeh.protocol.messages.patch_doc import patch_doc


class PatchSerializer(Serializer):
    """Serializer that knows the models that a browser has, without listing them.

    Bokeh 3.9 makes a table of all models of the document for each message. A tab in which all pages
    were visited has thousands: that took a fifth of the server's time.

    Parameters
    ----------
    models : bokeh.document.models.DocumentModelManager
        Models of the document.
    """

    def __init__(self, models: DocumentModelManager) -> None:
        super().__init__()
        self._known, self._new = models._models, models._new_models

    def has_ref(self, obj: Any) -> bool:
        """Tell whether a model is only to be named."""
        return super().has_ref(obj) or self._is_known(obj)

    def get_ref(self, obj: Any) -> Any:
        """Return the name of a model that the browser has, else None."""
        found = super().get_ref(obj)
        return obj.ref if found is None and self._is_known(obj) else found

    def _is_known(self, obj: Any) -> bool:
        return isinstance(obj, Model) and self._known.get(obj.id) is obj and obj not in self._new


def create_patch(cls: type[patch_doc], events: Any, **metadata: Any) -> patch_doc:
    """Create the message of some events of one document, as ``patch_doc.create`` does."""
    documents = {event.document for event in events}
    if len(documents) != 1:
        raise ValueError("the message needs events, all of one document")
    (document,) = documents
    serializer = PatchSerializer(document.models)
    content = {"events": serializer.encode(events)}
    document.models.flush_synced(lambda model: not serializer.has_ref(model))
    message = cls(cls.create_header(), metadata, content)
    message.add_buffers(*serializer.buffers)
    return message


def make_patches_light() -> None:
    """Let all messages of changes be made this way."""
    patch_doc.create = classmethod(create_patch)
