"""Measurement of reloads."""

import os
import signal

from .machine import until
from .measurement import Measurement
from .replication import count, teach

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


def reload(stage):
    """From SIGUSR2 to an answer of the successor that holds every entry."""
    figures = {}
    for entries in (size for size in SIZES if size <= stage.entries_max):
        proxy = stage.start(reloadable=True, table_size=max(2_000_000, entries))
        teach(proxy, entries)
        # HAProxy's master starts the next process, stickd does so itself.
        pid = proxy.pid if proxy.name == "stickd" else proxy.process.pid
        os.kill(pid, signal.SIGUSR2)

        def has_all():
            return proxy.info("Pid") not in ("", str(proxy.pid)) and proxy.used() >= entries

        figures["%s entries, s" % count(entries)] = until("the successor has all", has_all, 120, 0.001)
        proxy.stop()
    return figures


MEASUREMENTS = [Measurement("reload", "reload, from the signal until the successor has all", reload)]
