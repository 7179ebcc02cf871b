"""Tabs that are as high as the tallest of them needs."""

from __future__ import annotations

import panel_material_ui as pmui


class Tabs(pmui.Tabs):  # type: ignore[misc]
    """Tabs of which one is seen at a time: their least heights do not add up.

    Those of the library ask for the sum, and a page with three tabs becomes higher than the screen.
    """

    _direction = None
