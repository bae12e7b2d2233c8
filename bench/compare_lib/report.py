"""Figures as a part of bench/RESULTS.md."""

import datetime
import os
import statistics
import subprocess
import sys

from .machine import CORES
from .programs import STICKD

PROGRAMS = ("stickd", "haproxy", "nginx")


def series(results, figure):
    """{program: [the figure in each round that has it]}"""
    return {name: [figures[figure] for figures in rounds if figure in figures]
            for name, rounds in results.items()}


def medians(results, figure):
    """{program: median of the rounds}"""
    return {name: statistics.median(values) for name, values in series(results, figure).items() if values}


def rows(measurement, results):
    """The lines of the table: each figure of each program, and stickd's share of HAProxy's."""
    lines = []
    for figure in dict.fromkeys(name for rounds in results.values() for each in rounds for name in each):
        values = series(results, figure)
        cells = [spread(values[name]) if values.get(name) else "" for name in PROGRAMS]
        pairs = zip(results.get("stickd", []), results.get("haproxy", []))
        ratios = [ours[figure] / theirs[figure] for ours, theirs in pairs
                  if figure in ours and theirs.get(figure)]
        cells.append(spread(ratios, "%.2f") if ratios else "")
        lines.append("| %s: %s | %s |" % (measurement.title, figure, " | ".join(cells)))
    return lines


def spread(values, form=None):
    """Median, least and most."""
    write = (lambda value: form % value) if form else readable
    if len(values) == 1:
        return write(values[0])
    return "%s (%s … %s)" % tuple(
        write(value) for value in (statistics.median(values), min(values), max(values)))


def readable(value):
    """Four digits, thousands apart."""
    return "{:,.0f}".format(float("%.4g" % value)) if abs(value) >= 1000 else "%.4g" % value


def document(lines, failures, options):
    """One run as a part of bench/RESULTS.md."""
    cpu = version("sh", "-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2").strip()
    notes = [options.note, ""] if options.note else []
    failed = ["", *("- " + failure for failure in failures)] if failures else []
    return "\n".join([
        "## %s" % datetime.date.today(), "", *notes,
        "- Command: `bench/compare %s`" % " ".join(sys.argv[1:]),
        "- %s; %s; %s; %s" % (version(STICKD, "-v"), version("haproxy", "-v"),
                              version("nginx", "-v"), version("wrk", "-v")),
        "- Linux %s, %d cores, %s" % (os.uname().release, CORES, cpu),
        "- Median (least … most) of %d rounds of %d s; the ratio is stickd to haproxy, round by round."
        % (options.rounds, options.seconds), "",
        "| measured | %s | ratio |" % " | ".join(PROGRAMS),
        "|---|%s---|" % ("---|" * len(PROGRAMS)), *lines, *failed, ""])


def version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip().splitlines()[0]
    except (OSError, IndexError):
        return command[0] + ": not here"
