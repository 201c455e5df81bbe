"""HTML from templates: whatever a template prints is escaped, and text that hides something is made visible.

The templates lie in `ui/templates/`; `style.css` there is the only stylesheet, for light, dark and print.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from iotjobs.diagnosis.colours import CAUSE_LOOKS, STATUS_LOOKS
from iotjobs.diagnosis.evidence_text import duration_text
from iotjobs.plurals import agreeing, many, thousands
from iotjobs.visible_text import visible_text

#: No value takes more of a page than this; the files of the run have it whole.
MOST_CHARACTERS = 2000

_LOOKS = {**CAUSE_LOOKS, **STATUS_LOOKS}


def visible(value: Any, *, most: int = MOST_CHARACTERS) -> str:
    r"""Text that shows all there is in it: control, bidirectional and zero-width characters as `\u202e`.

    What is missing is empty, a moment is UTC to the minute, and what is longer than `most` is cut, which the text says.
    """
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M")
    text = str(value)
    if len(text) > most:
        text = f"{text[:most]}… ({len(text):,} characters in all)"
    return visible_text(text)


def render(template: str, **values: Any) -> Markup:
    """The HTML that a template makes of values; nothing in them becomes markup, unless it is Markup already."""
    return Markup(_environment().get_template(template).render(values))  # noqa: S704 - autoescaped


def macro(name: str) -> Callable[..., Markup]:
    """A macro of `macros.html` as a function, for a cell or a label."""
    member: Callable[..., Markup] = getattr(_macros(), name)
    return member


@cache
def style() -> Markup:
    """The stylesheet as a `style` element: once in each output, since each may be shown or saved alone."""
    return render("style.html", looks=_LOOKS)


@dataclass(frozen=True)
class View:
    """What a notebook shows where a cell ends: HTML, and plain text for where there is none."""

    html: Markup
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return page(self.html)


class UpdatingView:
    """A view of something that changes: `refresh` brings it up to date where it stands in the notebook."""

    def __init__(self, make: Callable[[], View]) -> None:
        self._make = make
        self._shown: Any = None

    def refresh(self) -> None:
        """Show it anew where it was shown."""
        if self._shown is not None:
            self._shown.update(self._bundle(), raw=True)

    def __repr__(self) -> str:
        return repr(self._make())

    def _repr_html_(self) -> str:
        return self._make()._repr_html_()

    def _bundle(self) -> dict[str, str]:
        view = self._make()
        return {"text/html": view._repr_html_(), "text/plain": repr(view)}

    def _ipython_display_(self) -> None:
        from IPython.display import display  # noqa: PLC0415 - the library works without IPython

        self._shown = display(self._bundle(), raw=True, display_id=True)


def page(html: Markup) -> Markup:
    """HTML as an output that stands alone: with its style, and kept from MathJax."""
    return render("page.html", html=html, style=style())


@cache
def _macros() -> Any:
    return _environment().get_template("macros.html").module


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") else visible(value),
        loader=PackageLoader("iotjobs", "ui/templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"age": age, "agreeing": agreeing, "exact": exact, "in_lines": in_lines}
    environment.filters |= {"many": many, "spaced": spaced, "thousands": thousands}
    environment.globals["HATCHED"] = {name for name, look in _LOOKS.items() if look.hatch}
    return environment


def age(seconds: Any) -> str:
    """Seconds as `3 d 7 h`, not broken over two lines; what is missing is empty."""
    return "" if pd.isna(seconds) else duration_text(float(seconds)).replace(" ", "\N{NO-BREAK SPACE}")


def exact(moment: Any) -> str:
    """A moment to the second, for a hover; what is missing is empty."""
    return moment if isinstance(moment, str) else "" if pd.isna(moment) else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def in_lines(text: str) -> Markup:
    """A text of our own in its lines, for a `pre`; within each all is made visible."""
    return Markup("\n").join(visible(line) for line in text.splitlines())


def spaced(name: Any) -> str:
    """A name of the code for a person: `force_delete` is `force delete`."""
    return visible(name).replace("_", " ")
