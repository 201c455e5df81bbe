"""How far long work is, as one line: how many, how fast, how long yet. Pure."""

from __future__ import annotations

from iotjobs.diagnosis.evidence_text import duration_text

#: A rate of less than this many steps or seconds says nothing yet.
_FEWEST, _SHORTEST_S = 2, 1.0


def progress_sentence(done: int, total: int, *, elapsed_s: float, verb: str) -> str:
    """`4 of 16 deleted, 2.1 a second, 6 s to go`; the rate from the second one on."""
    words = f"{done} of {total} {verb}"
    if done < _FEWEST or elapsed_s < _SHORTEST_S or done >= total:
        return words
    rate = done / elapsed_s
    shown = f"{rate:.1f} a second" if rate >= 1 else f"one in {1 / rate:.1f} s"
    return f"{words}, {shown}, about {duration_text((total - done) / rate)} to go"
