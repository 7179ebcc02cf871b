"""Screens of the dashboard: the only package that may import Panel, Bokeh or HoloViews."""
