"""What the module of community.general does in one task after the other, with stand-ins for the
parts of Ansible that it uses."""

import importlib.util
import json
import sys
import types

SERVER = {"host": "s1", "backend": "web"}
TASKS = [
    {"state": "disabled", "wait": True, **SERVER},
    {"state": "enabled", "weight": "50%", **SERVER},
    {"state": "drain", "wait": True, **SERVER},
    {"state": "disabled", "drain": True, "shutdown_sessions": True, "wait": True, **SERVER},
    {"state": "enabled", "weight": "100", "host": "s1"},
    {"state": "disabled", "health": True, "agent": True, "host": "s1"},
    {"state": "enabled", "health": True, "agent": True, "host": "s1"},
    {"state": "disabled", "host": "none", "backend": "web", "fail_on_not_found": True},
]


class Done(Exception):
    """The module has told its result."""


class AnsibleModule:
    task = None

    def __init__(self, argument_spec):
        defaults = {name: word.get("default") for name, word in argument_spec.items()}
        self.params = {**defaults, **self.task}

    def exit_json(self, **result):
        raise Done(result)

    def fail_json(self, msg):
        raise Done({"failed": msg})


def stand_in(name, **parts):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(parts)


for package in ("", ".module_utils", ".module_utils.common", ".module_utils.common.text"):
    stand_in(f"ansible{package}")
stand_in("ansible.module_utils.basic", AnsibleModule=AnsibleModule)
stand_in(
    "ansible.module_utils.common.text.converters",
    to_bytes=lambda text: text.encode(),
    to_text=lambda data, errors: data.decode(),
)
path, socket = sys.argv[1:]
spec = importlib.util.spec_from_file_location("haproxy", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for task in TASKS:
    AnsibleModule.task = {**task, "socket": socket}
    try:
        module.main()
    except Done as done:
        print(json.dumps(done.args[0], sort_keys=True))
