"""The account's listing of voices, page by page → the voices as the service writes them, or why it refuses them."""

from __future__ import annotations

import http.client
import time
import urllib.error
from typing import Any

from pipeline.engines.account import ask
from pipeline.engines.connecting import Address
from pipeline.errors import EngineError
from pipeline.protocol.refusals import http_error

# The listing is read in pages of a hundred voices: at most so many, and all in so many seconds.
MOST_PAGES, LISTING_SECONDS = 20, 30.0
# Of an answer that refuses the listing, as much as its reason may take.
MOST_ERROR_BYTES = 2**16


def listed_voices(address: Address) -> tuple[list[dict[str, Any]], bool]:
    """Read the voices (the service's API reference, `GET /v2/voices`), and whether there are more than were read.

    Raises what `ask` does, and KeyError or AttributeError for an answer that is no listing.
    """
    voices: list[dict[str, Any]] = []
    token, deadline = "", time.monotonic() + LISTING_SECONDS
    for _ in range(MOST_PAGES):
        if time.monotonic() > deadline:
            raise TimeoutError
        query = {"page_size": "100"} | ({"next_page_token": token} if token else {})
        page = ask(address, "/v2/voices", deadline, query)
        voices += page["voices"]
        token = str(page.get("next_page_token") or "")
        if not (page.get("has_more") and token):
            return voices, False
    return voices, True


def refusal(error: urllib.error.HTTPError, address: Address) -> EngineError:
    """Type an answer that refuses the listing, by its status and as much as can be read of its reason; closes it."""
    with error:
        try:
            body = error.read(MOST_ERROR_BYTES)
        except (OSError, http.client.HTTPException):
            body = b""
    return http_error(error.code, address.blotted(body.decode("utf-8", "replace")).encode())
