"""What a template prints is escaped and visible, whatever a device or a name holds."""

from __future__ import annotations

import pandas as pd
import pytest

from iotjobs.markup import View, macro, page, render, visible


@pytest.mark.parametrize(
    ("hidden", "visible_form"),
    [
        ("a\u202eb", r"a\u202eb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b31m", r"\x9b31m"),
        ("a\x00b", r"a\x00b"),
        ("a\rb\nc", r"a\rb\nc"),
        ("pump\u200b-1\ufeff", r"pump\u200b-1\ufeff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("\ud800", r"\ud800"),
        ("Zürich 東京 3\N{NO-BREAK SPACE}d", "Zürich 東京 3\N{NO-BREAK SPACE}d"),
        (None, ""),
        (pd.NaT, ""),
        (float("nan"), ""),
        (0, "0"),
    ],
)
def test_what_would_hide_or_move_text_is_shown_as_its_code(hidden: object, visible_form: str) -> None:
    assert visible(hidden) == visible_form


def test_a_megabyte_takes_no_more_than_a_few_lines() -> None:
    text = visible("x" * 1_000_000)
    assert len(text) < 2_100
    assert text.endswith("… (1,000,000 characters in all)")


def test_a_template_escapes_and_shows_what_it_prints() -> None:
    badge = macro("badge")("<b>\u202eQUEUED</b>")
    assert r"&lt;b&gt;\u202eQUEUED&lt;/b&gt;" in badge
    assert "\u202e" not in render(
        "banner.html",
        here={"sandbox": False, "warnings": ()},
        word="LIVE",
        meaning="",
        facts={"\u202e": "\u202e"},
        more=(),
    )


def test_an_output_brings_its_style_and_is_kept_from_mathjax() -> None:
    html = View(macro("copyable")("$x$"), "x")._repr_html_()
    assert html == page(macro("copyable")("$x$"))
    assert html.startswith('<div class="iotjobs mathjax_ignore tex2jax_ignore"><style>')


def test_a_text_to_copy_keeps_its_lines() -> None:
    copied = str(macro("copyable")('{\n  "a": "x\u202e"\n}'))
    assert "{\n  &#34;a&#34;: &#34;x\\u202e&#34;\n}</pre>" in copied
