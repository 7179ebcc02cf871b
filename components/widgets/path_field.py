"""A field for a path, with suggestions that are looked up while somebody types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel_material_ui as pmui
import param
from panel.util import edit_readonly


class PathField(pmui.AutocompleteInput):  # type: ignore[misc]
    """Field for a path; what is typed stays, whatever else goes on.

    Parameters
    ----------
    suggest : callable
        Gives the paths that a typed text can go on to. New options would empty the field under the
        user's hands, so the field asks for them.
    options : list of str
        Where paths begin.
    """

    def __init__(
        self, suggest: Callable[[str], list[str]], options: list[str], **values: Any
    ) -> None:
        super().__init__(
            options=options, restrict=False, min_characters=0, case_sensitive=True,
            lazy_search=True, size="small", **values,
        )  # fmt: skip
        self._suggest = suggest

    def fill(self, text: str) -> None:
        """Show a text, in place of whatever was typed."""
        with edit_readonly(self):
            self.param.update(value=text, value_input=text)

    def _filter_options(self, query: str, *_how: Any) -> list[str]:
        return self._suggest(query)

    @param.depends("value", watch=True, on_init=True)
    def _sync_value_input(self) -> None:
        # A browser that empties the field has emptied the text, too: told of it a moment later, it
        # would lose what was typed meanwhile.
        if self.value:
            super()._sync_value_input()
