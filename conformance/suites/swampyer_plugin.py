"""A plugin of pytest that leads swampyer's own suite to our server. Loaded in the process of the suite.

The suite thinks of one host with fixed ports and of one data directory. Both are set before its tests are imported; its
files are left as they are.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from pathlib import Path

DOORS_VARIABLE = "COUNTERSIGN_SUITE_DOORS"
DATA_VARIABLE = "COUNTERSIGN_SUITE_DATA"


def pytest_configure(config) -> None:
    sys.path.insert(0, str(config.rootpath))
    import lib

    lib.DATA_PATH = Path(os.environ[DATA_VARIABLE])
    lib.connect_service = led_to(json.loads(os.environ[DOORS_VARIABLE]), lib.connect_service)


def led_to(doors: dict[str, str], connect_service):
    """`connect_service`, with the addresses of `doors` in place of its own."""
    default = inspect.signature(connect_service).parameters["url"].default

    def connect(url=default, *arguments, **options):
        for theirs, ours in doors.items():
            url = url.replace(theirs, ours)
        return connect_service(url, *arguments, **options)

    return connect
