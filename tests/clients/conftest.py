"""What every test with somebody else's client has: no proxy, no key, nothing that reports home."""

from __future__ import annotations

import pytest

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SOCKS_PROXY", "WS_PROXY", "WSS_PROXY")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the client nothing in the environment that it could send elsewhere, or be sent by."""
    for name in (*PROXIES, *map(str.lower, PROXIES), "ELEVEN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
