"""Tabs ask for the height of one tab, not of all."""

from __future__ import annotations

import panel as pn

from components.widgets.tabs import Tabs


def test_the_least_height_is_that_of_the_tallest_tab():
    parts = [(name, pn.Spacer(sizing_mode="stretch_both", min_height=height))
             for name, height in (("first", 300), ("second", 400), ("third", 200))]  # fmt: skip
    tabs = Tabs(*parts, sizing_mode="stretch_both")
    assert tabs.get_root().min_height == 400
