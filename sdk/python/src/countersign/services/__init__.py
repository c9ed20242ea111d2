"""Services that were written for Zato: classes with ``handle``, ``self.cid``, ``self.sso``, ``self.logger``,
``self.request`` and ``self.response``. ``python -m countersign.services FILE.py`` makes them procedures of the bus.
"""

from .alias import install_alias
from .service import Bunch, Request, Response, Service, invoke, load, service_name

__all__ = ["Bunch", "Request", "Response", "Service", "install_alias", "invoke", "load", "service_name"]
