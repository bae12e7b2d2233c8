"""What a measurement is, and how its rounds are run: the programs by turns."""

import dataclasses
import tempfile
from typing import Callable

from .machine import LOAD_CORES, Failed, say
from .programs import Setup, WebServer, start

BALANCERS = ("stickd", "haproxy")
PROXIES = ("stickd", "haproxy", "nginx")


@dataclasses.dataclass(frozen=True)
class Measurement:
    """`function` gets a stage and returns {figure: value}; the first words are its title."""

    name: str
    title: str
    function: Callable
    programs: tuple = BALANCERS
    # Where more rounds tell nothing more, or take too long.
    rounds_max: int = 1000


class Stage:
    """One program in one round of one measurement, with a server behind it."""

    def __init__(self, program, seconds, entries_max):
        self.program, self.seconds, self.entries_max = program, seconds, entries_max
        self.started = []

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="stickd-compare-")
        self.folder = self.directory.name
        return self

    def start(self, load_cores=LOAD_CORES, **setup):
        """The program, serving; it is stopped with the stage."""
        if "server_port" not in setup:
            server = WebServer(self.folder, load_cores)
            self.started.append(server)
            setup["server_port"] = server.port
        proxy = start(self.program, self.folder, Setup(**setup))
        self.started.append(proxy)
        return proxy

    def __exit__(self, *_):
        for program in reversed(self.started):
            program.stop()
        self.directory.cleanup()


def measure(measurement, options):
    """{program: [figures of each round]}"""
    programs = [name for name in options.programs if name in measurement.programs]
    results = {name: [] for name in programs}
    say("%s: %s" % (measurement.name, measurement.title))
    for number in range(min(options.rounds, measurement.rounds_max)):
        # Who goes first changes, so that neither always finds the machine warm.
        for name in programs if number % 2 == 0 else reversed(programs):
            with Stage(name, options.seconds, options.entries) as stage:
                try:
                    figures = measurement.function(stage)
                except Failed as failure:
                    raise Failed("%s: %s" % (name, failure)) from failure
                except (OSError, ValueError, StopIteration) as error:
                    raise Failed("%s: %r" % (name, error)) from error
            results[name].append(figures)
            say("  round %d, %s: %s" % (number + 1, name,
                ", ".join("%s %.4g" % item for item in figures.items())))
    return results
