"""Work that runs long, beside the kernel's main thread: the kernel still hears the Stop button meanwhile.

Newer front ends hand widgets' messages to threads of their own and would not need it; older ones do.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable


def in_background(work: Callable[[], None], *, name: str) -> threading.Thread:
    """Start `work` in a thread that ends with the kernel. `work` must show its own errors.

    It runs in the caller's context, so that the front end takes its messages for those of the cell that was run.
    """
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name=name, daemon=True)
    thread.start()
    return thread
