"""Charts of the figures, as small SVG files that are legible on light and on dark pages."""

import math
import os

from . import svg
from .machine import ROOT
from .report import medians

FOLDER = os.path.join(ROOT, "bench", "charts")
# What a proxy costs: measurement, figure, how the chart calls it.
COSTS = (
    ("new", "CPU each, µs", "CPU of a new connection"),
    ("kept", "CPU each, µs", "CPU of a small request"),
    ("bulk", "CPU per GB, s", "CPU of a GB downloaded"),
    ("upload", "CPU per GB, s", "CPU of a GB uploaded"),
    ("splice", "CPU per GB, s", "CPU of a GB spliced"),
    ("idle", "bytes each", "memory of an idle connection"),
    ("learn", "CPU each, ns", "CPU of an entry learned"),
    ("dump", "CPU each, ns", "CPU of an entry taught"),
    ("scale", "bytes each at 10^6", "memory of an entry"),
)
WHEN = ("no peer", "learning", "teaching")


def draw(results):
    """Draws what can be drawn from these results; other charts stay as they are."""
    os.makedirs(FOLDER, exist_ok=True)
    charts = {"cost": cost(results), "entries": entries(results), "reload": reload(results),
              "latency": latency(results)}
    for name, picture in charts.items():
        if picture:
            with open(os.path.join(FOLDER, name + ".svg"), "w") as file:
                file.write(picture)


def cost(results):
    """Everything in shares of what HAProxy takes; none where not all was measured."""
    if any(what not in results for what, _, _ in COSTS):
        return None
    groups = []
    for what, figure, title in COSTS:
        values = medians(results[what], figure)
        if values.get("haproxy"):
            groups.append((title, {name: value / values["haproxy"] for name, value in values.items()}))
    return groups and svg.bars("What it costs, HAProxy = 1 (less is better)", groups, lambda v: "%.2f" % v)


def entries(results):
    points = by_entries(results.get("scale", {}), "CPU each at ", ", ns")
    return points and svg.lines("CPU time to learn an entry, by entries in the table", points, "ns")


def reload(results):
    points = by_entries(results.get("reload", {}), "", " entries, s")
    return points and svg.lines("Reload, from the signal until the successor has all, by entries",
                                points, "s")


def by_entries(rounds_of, before, after):
    """{program: [(entries, median)]} of the figures that are named for a number of entries."""
    points = {}
    for name, rounds in rounds_of.items():
        figures = [figure for figure in rounds[0] if figure.startswith(before) and figure.endswith(after)]
        points[name] = [(number(figure[len(before):len(figure) - len(after)]),
                         medians({name: rounds}, figure)[name]) for figure in figures]
    return points


def number(text):
    """The reverse of how entries are written: `10^4`, `5·10^7`."""
    factor, _, power = text.rpartition("·")
    return int(factor or 1) * 10 ** int(power.partition("^")[2])


def latency(results):
    """The latencies of clients, on a logarithmic axis."""
    if "traffic" not in results:
        return None
    groups = []
    for when in WHEN:
        for quantile in ("p50", "p99", "p99.9"):
            values = medians(results["traffic"], "%s, %s, µs" % (when, quantile))
            groups.append(("%s, %s" % (when, quantile), values))
    return svg.bars("Latency of small requests while 10^6 entries pass, µs (logarithmic)", groups,
                    lambda v: "%.0f" % v, scale=lambda v: math.log10(max(v, 10)) - 1)
