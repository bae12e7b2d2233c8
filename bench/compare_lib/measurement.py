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
    """{program: [figures of each round]}, and what failed: such a round has no figures."""
    programs = [name for name in options.programs if name in measurement.programs]
    results, failures = {name: [] for name in programs}, []
    say("%s: %s" % (measurement.name, measurement.title))
    for number in range(min(options.rounds, measurement.rounds_max)):
        # Who goes first changes, so that neither always finds the machine warm.
        for name in programs if number % 2 == 0 else reversed(programs):
            who = "round %d, %s" % (number + 1, name)
            try:
                figures = run(measurement, name, options)
            except Failed as failure:
                failures.append("%s, %s failed: %s" % (measurement.name, who, failure))
                say(failures[-1])
                figures = {}
            else:
                say("  %s: %s" % (who, ", ".join("%s %.4g" % item for item in figures.items())))
            results[name].append(figures)
    return results, failures


def run(measurement, program, options):
    """The figures of one program in one round."""
    with Stage(program, options.seconds, options.entries) as stage:
        try:
            return measurement.function(stage)
        except (OSError, ValueError, StopIteration) as error:
            raise Failed(repr(error)) from error
