"""A voice's name as a person writes it → its id, by the account's listing."""

from __future__ import annotations

import contextlib
import difflib
import re
import urllib.error
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.engines import Access, voice_pages
from pipeline.engines.account import FAILURES, unawaited
from pipeline.engines.connecting import Address, is_loopback
from pipeline.engines.elevenlabs import HOSTS, address_of, base_of
from pipeline.engines.voice_pages import listed_voices, refusal
from pipeline.errors import EngineError, UsageError
from pipeline.model import Sayer
from pipeline.protocol.refusals import http_error

# The statuses that say who may read the listing.
FORBIDDEN = (401, 403)
# What the service's ids look like, and what an id may look like anywhere: a name with spaces or accents is none.
CLOUD_ID = re.compile(r"[A-Za-z0-9]{20}")
_ID = re.compile(r"[A-Za-z0-9_.:+~-]+")
MOST_NAMED = 3


def _unsaid(_remark: str) -> None:
    """Say nothing: nobody listens."""


async def resolve_voice(access: Access, name: str, say: Sayer = _unsaid) -> str:
    """Find the id of a voice by its name in the account's listing; an id stays what it is, and is not looked up.

    A name matches whole, or before a dash (`Rachel - calm`), upper and lower case alike. One that the listing does not
    know is taken for an id where it may be one, and so is any name without a key to look it up with, or where the
    listing cannot be had; `say` hears of it. On this machine, whose servers have ids of every kind, any name may be one,
    and a listing that is refused is no reason to stop where it is not the service that refuses.

    Raises UsageError for a base URL or a key that may not be used, a key that may not list voices, or a name that no
    voice has; RefusedError, in the service's words, where the listing is refused for another reason.
    """
    if looks_like_an_id(name) or (not access.key and not is_loopback(urlsplit(base_of(access)).hostname or "")):
        return name
    address = address_of(access)
    found: list[tuple[str, str]] | _Forbidden | None = None
    with contextlib.suppress(*FAILURES):
        found = await unawaited(lambda: _listed_or_forbidden(address), voice_pages.LISTING_SECONDS)
    if isinstance(found, _Forbidden) and CLOUD_ID.fullmatch(name):
        return name
    if isinstance(found, _Forbidden) and urlsplit(address.base).hostname in HOSTS:
        raise found.told_of(name)
    if not isinstance(found, list):
        say(f"the voices cannot be listed, so {name!r} is taken for a voice's id")
        return name
    return _match(found, name) or (name if address.is_loopback else _unlisted(found, name, say))


def looks_like_an_id(name: str) -> bool:
    """Whether a name is as good as surely one of the service's ids: twenty letters and digits, and not a long word."""
    return CLOUD_ID.fullmatch(name) is not None and not name.isalpha()


@dataclass(frozen=True, slots=True)
class _Forbidden:
    """The listing may not be read: the status that says so, and the service's answer, typed."""

    status: int
    reason: EngineError

    def told_of(self, name: str) -> UsageError | EngineError:
        """Tell what it means for a voice's name: the id would do, unless the key itself is refused."""
        is_explained = str(self.reason) != str(http_error(self.status))
        if is_explained and "permission" not in f"{self.reason.code} {self.reason}".lower():
            return self.reason
        return UsageError(
            f"the key may not list voices (HTTP {self.status}), so the voice {name!r} cannot be looked up: write the "
            "voice's id instead of its name, or give the key the permission voices_read"
        )


def _match(voices: list[tuple[str, str]], name: str) -> str | None:
    wanted = name.strip().casefold()
    if any(name == identifier for identifier, _ in voices):
        return name
    for shorten in (str.strip, _short):
        for identifier, listed in voices:
            if shorten(listed).casefold() == wanted:
                return identifier
    return None


def _short(listed: str) -> str:
    return listed.partition(" - ")[0].strip()


def _unlisted(voices: list[tuple[str, str]], name: str, say: Sayer) -> str:
    """Take a name that the listing does not have for an id, aloud. Raises UsageError where it can be none."""
    if CLOUD_ID.fullmatch(name):  # a voice need not be listed to be spoken with
        return name
    near = _nearest(name, (shown for _, listed in voices for shown in (listed.strip(), _short(listed))))
    if _ID.fullmatch(name):
        say(f"the account lists no voice {name!r}{f' (did you mean {near}?)' if near else ''}: it is taken for an id")
        return name
    raise UsageError(
        f"the account lists no voice {name!r}; {f'did you mean {near}?' if near else 'cueline voices lists them'}"
    )


def _nearest(name: str, listed: Iterable[str]) -> str:
    """Return the listed names nearest to one, `'A' or 'B'`; "" where none is near."""
    known = {shown.casefold(): shown for shown in listed if shown}
    found = difflib.get_close_matches(name.casefold(), list(known), n=MOST_NAMED)
    return " or ".join(repr(known[each]) for each in found)


def _listed_or_forbidden(address: Address) -> list[tuple[str, str]] | _Forbidden:
    """Read pairs of id and name, or why they may not be read; what is raised here would have the key's frames on it."""
    try:
        voices, _ = listed_voices(address)
        return [(str(voice["voice_id"]), str(voice.get("name") or "")) for voice in voices]
    except urllib.error.HTTPError as error:
        if error.code not in FORBIDDEN:
            raise
        return _Forbidden(error.code, refusal(error, address))
