"""A directory server (OpenLDAP's slapd) of its own, with users and groups, for as long as the scenarios need it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from conftest import eventually

START_SECONDS_MAX = 20
# Where the packages of systems put its parts, besides PATH.
PROGRAMS = ["/usr/sbin", "/usr/libexec", "/usr/lib/openldap"]
MODULES = ["/usr/lib/ldap", "/usr/lib64/openldap"]
SCHEMAS = ["/etc/ldap/schema", "/etc/openldap/schema"]

SUFFIX = "dc=example,dc=com"
SERVICE_PASSWORD = "the service's secret"


def dn_of(login: str) -> str:
    return f"uid={login},ou=people,{SUFFIX}"


def password_of(login: str) -> str:
    return f"the directory's pass phrase of {login}"


def entries(users: list[str], groups: dict[str, list[str]]) -> str:
    """LDIF of these users, and of the groups with their members."""
    base = [
        f"dn: {SUFFIX}\nobjectClass: domain\ndc: example\n",
        *(f"dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n" for unit in ("people", "groups")),
        f"dn: cn=service,{SUFFIX}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: service\n"
        f"userPassword: {SERVICE_PASSWORD}\n",
    ]
    people = [
        f"dn: {dn_of(login)}\nobjectClass: inetOrgPerson\nuid: {login}\ncn: {login}\nsn: {login}\n"
        f"displayName: {login.title()}\nmail: {login}@example.com\nuserPassword: {password_of(login)}\n"
        for login in users
    ]
    groups_of_names = [
        f"dn: cn={group},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {group}\n"
        + "".join(f"member: {dn_of(login)}\n" for login in members)
        for group, members in groups.items()
    ]
    return "\n".join([*base, *people, *groups_of_names])


def settings(port: int) -> str:
    """`[ldap]` of our configuration for it."""
    return f"""\
[ldap]
server = {{ host = "127.0.0.1", port = {port} }}
basedn = "{SUFFIX}"
login_template = "{dn_of('{}')}"
login_attribute = "uid"
db_login = "cn=service,{SUFFIX}"
db_password = "{SERVICE_PASSWORD}"
user_filter = "(objectClass=inetOrgPerson)"
group_filter = "(objectClass=groupOfNames)"
"""


@contextmanager
def running(home: Path, ldif: str) -> Iterator[int]:
    """Starts it with its data below `home`; its port."""
    configuration, data, database = home / "slapd.conf", home / "data.ldif", home / "db"
    database.mkdir()
    schemas = next(path for path in map(Path, SCHEMAS) if path.is_dir())
    modules = [path for path in MODULES if (Path(path) / "back_mdb.la").is_file()]
    lines = [f"include {schemas}/{name}.schema" for name in ("core", "cosine", "inetorgperson")]
    lines += [line for path in modules[:1] for line in (f"modulepath {path}", "moduleload back_mdb")]
    lines += ["database mdb", "maxsize 67108864", "dbnosync", f"suffix {SUFFIX}", f"directory {database}"]
    configuration.write_text("\n".join([*lines, ""]), encoding="utf-8")
    data.write_text(ldif, encoding="utf-8")
    program = shutil.which("slapd", path=os.pathsep.join([os.environ.get("PATH", ""), *PROGRAMS]))
    assert program, "there is no slapd: run `cargo xtask conformance`, which installs it"
    # slapd is slapadd when it is told so.
    subprocess.run([program, "-T", "add", "-q", "-f", configuration, "-l", data], check=True, capture_output=True)
    port = free_port()
    # With -d it stays in the foreground.
    command = [program, "-d", "0", "-h", f"ldap://127.0.0.1:{port}/", "-f", configuration]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        eventually("slapd to take connections", lambda: answers(process, port), START_SECONDS_MAX)
        yield port
    finally:
        process.kill()
        process.wait()


def answers(process: subprocess.Popen, port: int) -> bool:
    assert process.poll() is None, f"slapd ended: {process.stderr.read()}"
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """One that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
