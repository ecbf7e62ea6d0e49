"""Tells Octavia's driver agent what a provider's driver would: octavia-status.py FOLDER

Reads one JSON object a line ({"members": [{"id": ..., "operating_status": ...}]},
as octavia-lib takes it) and answers each with a line: "taken", or why not.
FOLDER has the agent's three sockets.
"""
import json
import os
import sys

from octavia_lib.api.drivers.driver_lib import DriverLibrary
from octavia_lib.api.drivers.exceptions import UpdateStatusError

status, stats, get = (
    os.path.join(sys.argv[1], name + '.sock')
    for name in ('status', 'stats', 'get'))

driver = DriverLibrary(
    status_socket=status, stats_socket=stats, get_socket=get)
for line in sys.stdin:
    try:
        driver.update_loadbalancer_status(json.loads(line))
        print('taken', flush=True)
    except UpdateStatusError as error:
        print('refused: %s' % error.fault_string, flush=True)
