"""Timers that look for news now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn


def poll_every(callback: Callable[[], None], period_ms: int) -> Any:
    """Call a function of this session now and then, until the timer is stopped.

    Panel notes the beginning and the end of each call for its busy indicator, which none of our
    pages has: that took over a third of the time of a server whose visitors all rest.

    Parameters
    ----------
    callback : callable
        Looks for news.
    period_ms : int
        Pause between two calls, ms.

    Returns
    -------
    panel.io.callbacks.PeriodicCallback
        Has ``start`` and ``stop``.
    """
    timer = pn.state.add_periodic_callback(callback, period_ms)
    timer._background = True
    return timer
