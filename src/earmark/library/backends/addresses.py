"""Where a library in PostgreSQL is: its address, with the password and without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode

from earmark.errors import LibraryError

SCHEMES = ("postgresql", "postgres")
DEFAULT_SCHEMA = "earmark"
LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL; it would cut longer ones off without a word."""

_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_known: dict[str, dict[str, str]] = {}
"""Secrets by locations, so that a location opens again in this process."""


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """A schema of a database of a server, and who asks.

    Attributes
    ----------
    parameters
        What libpq calls them: ``host``, ``port``, ``dbname``, ``user``, ``sslmode`` and the like,
        none of them secret.
    schema
        Where in the database the tables are.
    secrets
        Password and the like; not part of what is printed.
    """

    parameters: Mapping[str, str]
    schema: str = DEFAULT_SCHEMA
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def location(self) -> str:
        """The address without anything secret, as `parse` takes it."""
        return self._written({})

    @property
    def with_secrets(self) -> str:
        """The address for another process of the same user; never to be printed or kept."""
        return self._written(self.secrets)

    @property
    def name(self) -> str:
        """What people call the library: the database or, beside others, its schema."""
        database = self.parameters.get("dbname") or self.parameters.get("user") or "postgres"
        return database if self.schema == DEFAULT_SCHEMA else self.schema

    def _written(self, secrets: Mapping[str, str]) -> str:
        more = {**self.parameters, **secrets}
        user, password = more.pop("user", ""), more.pop("password", "")
        host, port = more.get("host", ""), more.get("port", "")
        authority = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        authority += "@" if authority else ""
        if not any(mark in host for mark in "/,:") and "," not in port:
            authority += quote(more.pop("host", ""), safe="")
            authority += f":{more.pop('port')}" if port else ""
        database = more.pop("dbname", "")
        if self.schema != DEFAULT_SCHEMA:
            more["schema"] = self.schema
        query = urlencode(more, safe="/,:")
        path = quote(database, safe="")
        return f"postgresql://{authority}/{path}" + (f"?{query}" if query else "")


def is_address(location: str) -> bool:
    """Tell whether a location is one of PostgreSQL, though perhaps not a right one."""
    scheme, mark, _ = location.partition("://")
    return bool(mark) and scheme.lower() in SCHEMES


def parse(text: str) -> Address:
    """Take an address apart: ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME``.

    All parts may be missing; libpq then takes them from its environment variables and files. A
    password that was given for the same location before in this process is known.

    Raises
    ------
    LibraryError
        It is no such address. Nothing of it is in the message, since it may hold a password.
    """
    _, _, rest = text.partition("://")
    head, _, query = rest.partition("?")
    account, _, place = head.rpartition("@")
    hosts, _, database = place.partition("/")
    user, _, password = account.partition(":")
    try:
        more = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise _wrong("what follows '?' is not NAME=VALUE&NAME=VALUE") from None
    if "#" in place or ("@" in query and not account) or "/" in database or "\0" in unquote(text):
        raise _wrong("characters such as / ? # @ in names and passwords are written as %2F %3F %23")
    host, port = _hosts(hosts)
    given = {
        "user": unquote(user),
        "password": unquote(password),
        "host": unquote(host),
        "port": port,
        "dbname": unquote(database),
    }
    schema = more.pop("schema", DEFAULT_SCHEMA)
    if not schema or len(schema.encode("utf-8", "replace")) > LONGEST_NAME:
        raise _wrong(f"the name of a schema has 1 to {LONGEST_NAME} bytes")
    parameters = {**{name: value for name, value in given.items() if value}, **more}
    secrets = {name: parameters.pop(name) for name in _SECRETS if name in parameters}
    address = Address(parameters, schema, secrets)
    if secrets:
        _known[address.location] = secrets
        return address
    return dataclasses.replace(address, secrets=_known.get(address.location, {}))


def _hosts(text: str) -> tuple[str, str]:
    """Return hosts and ports of ``HOST:PORT,HOST:PORT``, each separated by commas."""
    hosts, ports = [], []
    for one in text.split(","):
        host, mark, port = one.rpartition(":")
        if not mark or port.endswith("]"):
            host, port = one, ""
        if port and not port.isdigit():
            raise _wrong("a port is a number")
        hosts.append(host.removeprefix("[").removesuffix("]"))
        ports.append(port)
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _wrong(problem: str) -> LibraryError:
    return LibraryError(
        f"this address of a library cannot be read: {problem}; it looks like "
        "postgresql://USER@HOST/DATABASE"
    )
