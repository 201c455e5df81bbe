"""Who may ask the embedded service: programs of this machine, and no page that a browser happens to show.

The service itself answers everybody (`Access-Control-Allow-Origin: *`) and has endpoints that reset or configure it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from iotjobs.aws import sandbox_proof
from iotjobs.aws.endpoints import host_of, is_loopback

#: The header with the sandbox's secret, which its own process sends to the service's endpoints for administration.
ADMINISTRATION = "x-iotjobs-sandbox"
_ADMINISTRATIVE = ("/_", "/health")
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")  # a device or a proxy asks for them; nobody can rebind them


def refusal(scope: Mapping[str, Any], *, port: int, secret: str) -> str | None:
    """Why a request (an ASGI scope) is not answered; None when it may be.

    A browser says by `Origin` or `Sec-Fetch-Site` that a page asks, and by `Host` under which name it found us: a name
    that was made to point at loopback is not ours.
    """
    if scope["type"] not in {"http", "websocket"}:
        return None
    headers = {name.decode("latin-1").lower(): value.decode("latin-1").lower() for name, value in scope["headers"]}
    host = f"http://{headers.get('host', '')}"
    if not (is_loopback(host) or host_of(host).endswith(_AWS)):
        return "asked for under another name than loopback's"
    if "sec-fetch-site" in headers:
        return "asked for by a browser"
    if headers.get("origin") not in {None, f"http://127.0.0.1:{port}", f"http://localhost:{port}"}:
        return "asked for by a page of another origin"
    administers = scope["path"].startswith(_ADMINISTRATIVE) and scope["path"] != sandbox_proof.PATH
    if administers and not hmac.compare_digest(headers.get(ADMINISTRATION, ""), secret):
        return "administered by the sandbox alone"
    return None
