"""Counts in words: a noun and its verb agree with the number before them."""

from __future__ import annotations


def many(count: int, noun: str, plural: str | None = None) -> str:
    """`1 execution`, `2 executions`, `12 000 executions`."""
    return f"{thousands(count)} {agreeing(count, noun, plural or f'{noun}s')}"


def thousands(count: int) -> str:
    """`12 000`: digits in threes."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def agreeing(count: int, one: str, several: str) -> str:
    """The word that agrees with a count: `is` or `are`, `waits` or `wait`."""
    return one if count == 1 else several
