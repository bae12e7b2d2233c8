"""What collectd-haproxy would hand to collectd, with a stand-in for the module of that daemon."""

import sys
import types

dispatched, callbacks = {}, {}


class Values:
    def __init__(self, plugin, type, type_instance):
        self.name, self.type = type_instance, type

    def dispatch(self, plugin_instance, values):
        dispatched[plugin_instance, self.name, self.type] = values


def complain(message):
    raise SystemExit(message)


daemon = types.ModuleType("collectd")
daemon.Values = Values
daemon.debug = daemon.info = lambda message: None
daemon.warn = daemon.warning = daemon.error = complain
for event in ("config", "init", "read"):
    keep = lambda callback, name, event=event: callbacks.__setitem__(event, callback)
    setattr(daemon, f"register_{event}", keep)
sys.modules["collectd"] = daemon

import collectd_haproxy  # noqa: E402 - it registers itself with the daemon

socket = types.SimpleNamespace(key="Socket", values=[sys.argv[1]])
callbacks["config"](types.SimpleNamespace(children=[socket]))
callbacks["init"]()
callbacks["read"]()
for (instance, name, type_), values in sorted(dispatched.items()):
    print(instance, name, type_, *values)
