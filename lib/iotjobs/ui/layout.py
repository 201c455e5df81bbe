"""How widgets stand beside each other."""

from __future__ import annotations

import ipywidgets


def row(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Widgets in a row, on one line with each other, which goes on below where the page is narrow."""
    return ipywidgets.HBox(widgets, layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center"))
