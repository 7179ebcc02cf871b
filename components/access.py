"""Who may use a server: is it open to other machines, and does it ask for a login."""

from __future__ import annotations

import hmac
import ipaddress
import json
import os
import secrets
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from fibsem_dash.errors import AccessError, FormatError

SAFELY = (
    "This server can be reached from other machines and asks for no login, so it shows the demo "
    "only. To see your own data, start it for this machine alone (fibsem-dash serve FOLDER), or "
    "with a login (fibsem-dash serve FOLDER --address ADDRESS --basic-auth FILE)."
)
"""What the pages say in demo-only mode."""


def is_loopback(address: str) -> bool:
    """Tell whether only this machine reaches an address; names are not looked up."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def listens_beyond_loopback() -> bool:
    """Tell whether this process accepts connections from other machines; True when unknown."""
    try:
        process = psutil.Process()
        # The name before psutil 6.
        list_sockets = getattr(process, "net_connections", None) or process.connections
        sockets = list_sockets(kind="inet")
    except (psutil.Error, OSError):
        return True
    return any(s.status == psutil.CONN_LISTEN and not is_loopback(s.laddr.ip) for s in sockets)


def asks_for_login() -> bool:
    """Tell whether Panel was told to ask for a login."""
    import panel as pn

    return bool(pn.config.basic_auth or pn.config.oauth_provider)


def demo_only() -> bool:
    """Tell whether this server may show the demo only.

    FIBSEM_DASH_DEMO_ONLY decides where it is set, as `components.server` does; otherwise (plain
    ``panel serve app.py``) the sockets of the process and the login do.
    """
    told = os.environ.get("FIBSEM_DASH_DEMO_ONLY", "")
    if told:
        return told != "0"
    return listens_beyond_loopback() and not asks_for_login()


def read_passwords(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the names and passwords of a login.

    Parameters
    ----------
    path : path-like
        JSON: ``{"name": "password", ...}``.

    Raises
    ------
    AccessError
        When it cannot be read.
    FormatError
        When it holds something else, or no name.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise AccessError(
            "the file of passwords cannot be read", path=path, found=error.strerror
        ) from error
    except ValueError:
        data = None
    usable = (
        isinstance(data, dict) and data and all(isinstance(v, str) and v for v in data.values())
    )
    if not usable:
        raise FormatError(
            "not a file of passwords", path=path, expected='JSON such as {"name": "password"}'
        )
    return dict(data)


def cookie_secret() -> str:
    """Return what cookies are signed with: PANEL_COOKIE_SECRET, else a new one for this start."""
    return os.environ.get("PANEL_COOKIE_SECRET", "") or secrets.token_urlsafe(32)


def login_provider(passwords: dict[str, str]) -> Any:
    """Return what asks for a name and a password.

    Panel's own answers a wrong password with an error of the server (its text is no valid cookie),
    loads pictures from elsewhere, and compares in a time that depends on the password.
    """
    from panel.auth import BasicAuthProvider, BasicLoginHandler

    class LoginHandler(BasicLoginHandler):  # type: ignore[misc]
        def _validate(self, username: str, password: str) -> bool:
            expected = passwords.get(username, "")
            same = hmac.compare_digest(password.encode(), expected.encode())
            return bool(expected) and same

        def post(self) -> None:
            name = self.get_argument("username", "")
            if self._validate(name, self.get_argument("password", "", strip=False)):
                super().post()
                return
            query = {"error": "Invalid username or password!"}
            if following := self.get_argument("next", ""):
                query["next"] = following
            self.redirect(f"{self.request.path}?{urlencode(query)}")

    class LoginProvider(BasicAuthProvider):  # type: ignore[misc]
        @property
        def login_handler(self) -> Any:
            LoginHandler._login_endpoint = self._login_endpoint
            LoginHandler._login_template = self._login_template
            return LoginHandler

    return LoginProvider(login_template=str(Path(__file__).with_name("login.html")))


def origins(address: str, port: int, more: list[str]) -> list[str]:
    """Return the host names under which browsers may open the page; never all.

    Parameters
    ----------
    address : str
        Address that the server listens at; one such as 0.0.0.0 stands for all of this machine.
    port : int
        Its port.
    more : list of str
        Further ``host`` or ``host:port``, such as that of a proxy.
    """
    names = {address, "localhost", "127.0.0.1"}
    if address in ("0.0.0.0", "::"):
        names |= {socket.gethostname(), socket.getfqdn()} | _own_addresses()
        names.discard(address)
    # Bokeh knows no addresses of IPv6 here; their users need a host name.
    return [*(f"{name}:{port}" for name in sorted(names) if ":" not in name), *more]


def _own_addresses() -> set[str]:
    entries = [e for items in psutil.net_if_addrs().values() for e in items]
    return {e.address for e in entries if e.family == socket.AF_INET}
