"""Runs one program as its user would, then tries the password that it used a second time.

    python run_program.py PROGRAM REPORT [--serializer NAME] [--without-cbor2] [--second-login URL]

REPORT gets JSON: `otp` (what the program was given), `printed` (its standard output), `error` (what ended it, or null)
and `second_login` (what that came to, or null). The program itself is not touched; it runs as `__main__` in the present
directory, where its `izaber.yaml` is.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--serializer", help="what a client offers that names none itself")
    parser.add_argument("--without-cbor2", action="store_true", help="as if only the older library `cbor` were installed")
    parser.add_argument("--second-login", metavar="URL", help="where to use the password again")
    return parser.parse_args()


def offer_only(serializer: str) -> None:
    """A client that names no serializer offers all that are installed; now it finds just this one."""
    import swampyer.transport

    swampyer.transport.available_serializers = lambda: [serializer]


def log_in_again(url: str, otp: dict) -> str:
    """`accepted`, or the error's text."""
    import swampyer

    client = swampyer.WAMPClientTicket(
        url=url, realm="izaber", username=otp["login"], password=otp["plaintext_key"], auto_reconnect=False
    )
    try:
        client.start()
    except swampyer.ExAbort as refusal:
        return str(refusal)
    return "accepted"


def main() -> int:
    options = arguments()
    if options.without_cbor2:
        # `import cbor2` fails from here on, as it does where it isn't installed. izaber_wamp doesn't need it.
        sys.modules["cbor2"] = None
    if options.serializer:
        offer_only(options.serializer)

    report = {"otp": None, "printed": "", "error": None, "second_login": None}
    printed = io.StringIO()
    names = {"__name__": "__main__", "__file__": str(options.program)}
    sys.argv = [str(options.program)]
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(options.program.read_text(encoding="utf-8"), str(options.program), "exec"), names)
    except Exception as error:
        report["error"] = f"{type(error).__name__}: {error}"
    report["otp"] = names.get("otp")
    report["printed"] = printed.getvalue()
    if options.second_login and report["otp"]:
        report["second_login"] = log_in_again(options.second_login, report["otp"])
    options.report.write_text(json.dumps(report), encoding="utf-8")
    return 0 if report["error"] is None else 1


if __name__ == "__main__":
    sys.exit(main())
