r"""Text from outside with nothing hidden in it: control, bidirectional and zero-width characters as `\u202e`. Pure."""

from __future__ import annotations

import unicodedata


def visible_text(text: str) -> str:
    r"""The text with whatever hides, moves or colours other text as its code; a line break is `\n`."""
    return text if text.isprintable() else "".join(map(_visible_character, text))


def visible_lines(text: str) -> str:
    """The same where the line breaks are the kit's own and stay."""
    return "\n".join(map(visible_text, text.split("\n")))


def _visible_character(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")
