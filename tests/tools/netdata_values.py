"""What netdata's module for HAProxy collects: by `socket PATH`, or by `url ADDRESS`."""

import importlib.machinery
import os
import sys
import warnings

warnings.simplefilter("ignore")
plugins, kind, place = sys.argv[1:]
sys.path.insert(0, os.path.join(plugins, "python_modules"))
path = os.path.join(plugins, "haproxy.chart.py")
module = importlib.machinery.SourceFileLoader("haproxy_chart", path).load_module()
settings = {
    "update_every": 1,
    "priority": 60000,
    "autodetection_retry": 0,
    "chart_cleanup": 0,
    "penalty": False,
    "job_name": "test",
    "override_name": "test",
    "name": "test",
    kind: place,
}
service = module.Service(configuration=settings)
assert service.check(), "the module finds nothing to collect"
for name, value in sorted(service._get_data().items()):
    print(name, value)
