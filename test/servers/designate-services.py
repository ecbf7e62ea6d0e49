"""Designate's services in one process, for tests: designate-services.py CONFIG POOLS

The services of Debian's package, as they are, joined by the transport that
oslo.messaging keeps in memory (fake://), so that no broker is needed. The API
comes last: what it answers, all can do.
"""
import sys

import designate.cmd  # noqa: F401 -- patches the standard library; first
from oslo_log import log
from oslo_service import service

from designate import utils
from designate.api.service import Service as Api
from designate.central import rpcapi
from designate.central.service import Service as Central
import designate.conf
from designate.manage.pool import PoolCommands
from designate.mdns.service import Service as MiniDns
from designate.producer.service import Service as Producer
from designate.worker.service import Service as Worker

designate.conf.CONF.import_group(
    'keystone_authtoken', 'keystonemiddleware.auth_token')


def set_pools(path):
    """What `designate-manage pool update` does, over our own transport."""
    commands = PoolCommands()
    commands.central_api = rpcapi.CentralAPI.get_instance()
    for pool in commands._load_config(path):
        commands._create_or_update_pool(pool)


def main(config, pools):
    utils.read_config('designate', [sys.argv[0], '--config-file', config])
    log.setup(designate.conf.CONF, 'designate')
    launcher = service.ServiceLauncher(
        designate.conf.CONF, restart_method='mutate')
    launcher.launch_service(Central())
    set_pools(pools)
    for each in (MiniDns, Worker, Producer, Api):
        launcher.launch_service(each())
    launcher.wait()


main(*sys.argv[1:])
