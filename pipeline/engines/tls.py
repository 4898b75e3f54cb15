"""Files of a certificate and its key → what a server needs to be `wss://`."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from pipeline.errors import UsageError


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Where the certificate (with its chain) and its private key lie, as PEM; one file may hold both."""

    certificate: str
    key: str

    def context(self) -> ssl.SSLContext:
        """Load both. Raises UsageError when they cannot be used."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # A websocket begins with HTTP/1.1 (RFC 6455 4.1): a client that offers h2 too must not choose it.
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except (OSError, ssl.SSLError, ValueError) as error:
            raise UsageError(
                f"the certificate {self.certificate} with the key {self.key} cannot be used ({error}); "
                "give files in PEM, the key without a password"
            ) from None
        return context
