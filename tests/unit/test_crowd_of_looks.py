"""Looks that became old among many are taken again among fewer: who takes one again waits until others have left."""

from __future__ import annotations

import threading

from iotjobs.deletion.turns import Crowd


def test_who_comes_again_waits_where_fewer_are_let_in() -> None:
    crowd, again = Crowd(2), threading.Event()

    def come_again() -> None:
        with crowd:
            again.set()

    with crowd:
        with crowd:
            pass
        assert crowd.shrink()
        thread = threading.Thread(target=come_again)
        thread.start()
        assert not again.wait(0.1)
    thread.join(5)
    assert again.is_set()
    assert not crowd.shrink(), "one is always let in"
