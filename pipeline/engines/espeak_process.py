# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests on stdin → speech of espeak-ng on stdout: a program of its own, the only one here that loads espeak-ng.

    python -m pipeline.engines.espeak_process LIBRARY DATA [once]

A request is a line of JSON: `{"text", "voice", "rate"}`, or `{"voices": true}`. An answer is a line of JSON, then as
many bytes as it says: `{"sample_rate", "bytes", "events"}` with 16-bit mono samples, an event being
`[kind, milliseconds, character, length, phoneme]` (kind 1 a word, 2 a sentence, 7 a phoneme; characters from 1);
`{"voices"}`, a list of `[[[priority, language], …], file]`, low priorities first; or `{"error"}`. It ends with its input.

Spoken twice in one process the same text differs, so every request is answered by a fork of this process, in which
nothing has been spoken; where there is no fork, or with `once`, one request is answered and the process ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

# espeak-ng's speak_lib.h: synchronous output to a callback, phoneme events, no exit() of the process on bad data.
RETRIEVAL = 2
PHONEME_EVENTS = 0x0001
DONT_EXIT = 0x8000
UTF8 = 1
RATE = 1
END_OF_LIST = 0
KINDS = (1, 2, 7)
MOST_SECONDS = 3600


class Name(ctypes.Union):
    """What an event is about: a number, a pointer, or the letters of a phoneme."""

    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8))


class Event(ctypes.Structure):
    """`espeak_EVENT`."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", Name),
    )


class Voice(ctypes.Structure):
    """`espeak_VOICE`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


class Library:
    """espeak-ng, initialised once."""

    def __init__(self, path: str, data: str) -> None:
        self.calls = ctypes.CDLL(path)
        self.calls.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(Voice))
        flags = PHONEME_EVENTS | DONT_EXIT
        self.sample_rate = int(self.calls.espeak_Initialize(RETRIEVAL, 0, os.fsencode(data), flags))
        if self.sample_rate <= 0:
            raise OSError(f"espeak-ng cannot read its data at {data}")

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, object], bytes]:
        """Do what a request asks: the answer's line and its bytes."""
        if "voices" in request:
            return {"voices": self.voices()}, b""
        return self.speak(str(request["text"]), str(request["voice"]), int(request["rate"]))

    def voices(self) -> list[tuple[list[tuple[int, str]], str]]:
        """Every voice of the data: its languages with a priority, the one it is best at first, and its file."""
        listed, found = self.calls.espeak_ListVoices(None), []
        for item in iter_until_null(listed):
            file = (item.contents.identifier or b"").decode("utf-8", "replace")
            found.append((languages(item.contents.languages), file))
        return found

    def speak(self, text: str, voice: str, rate: int) -> tuple[dict[str, object], bytes]:
        """Speak a text with a voice (`de`, `de+m3`) at so many words a minute."""
        if self.calls.espeak_SetVoiceByName(voice.encode()):
            return {"error": f"espeak-ng has no voice {voice!r}"}, b""
        self.calls.espeak_SetParameter(RATE, rate, 0)
        sound, events, most = bytearray(), [], MOST_SECONDS * self.sample_rate * 2

        def collect(samples: ctypes._Pointer[ctypes.c_short], count: int, listed: ctypes._Pointer[Event]) -> int:
            if samples and count > 0:
                sound.extend(ctypes.string_at(samples, count * 2))
            at = 0
            while listed[at].type != END_OF_LIST:
                event = listed[at]
                if event.type in KINDS:
                    phoneme = event.id.string.decode("utf-8", "replace") if event.type == 7 else ""
                    events.append((event.type, event.audio_position, event.text_position, event.length, phoneme))
                at += 1
            return int(len(sound) > most)

        kept = Callback(collect)
        self.calls.espeak_SetSynthCallback(kept)
        data = text.encode("utf-8", "replace") + b"\0"
        failed = self.calls.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, UTF8, None, None)
        if failed or self.calls.espeak_Synchronize():
            return {"error": "espeak-ng could not speak the text"}, b""
        if len(sound) > most:
            return {"error": f"espeak-ng was given a text that takes longer than {MOST_SECONDS} s: cut it up"}, b""
        return {"sample_rate": self.sample_rate, "bytes": len(sound), "events": events}, bytes(sound)


def iter_until_null(pointers: ctypes._Pointer[ctypes._Pointer[Voice]]) -> Iterator[ctypes._Pointer[Voice]]:
    """Yield the pointers of a C array that ends with a null pointer."""
    at = 0
    while pointers[at]:
        yield pointers[at]
        at += 1


def languages(address: int | None) -> list[tuple[int, str]]:
    """Languages of a voice: in C, a byte of priority and a string, over and over, until a priority of 0."""
    found: list[tuple[int, str]] = []
    while address and (priority := ctypes.string_at(address, 1)[0]):
        name = ctypes.string_at(address + 1)
        found.append((priority, name.decode("ascii", "replace")))
        address += len(name) + 2
    return sorted(found, key=lambda pair: pair[0])


def answered(library: Library, line: bytes) -> bytes:
    """The whole answer to a request, as bytes."""
    head, body = library.answer(json.loads(line))
    return json.dumps(head).encode("ascii") + b"\n" + body


def answered_by_fork(library: Library, line: bytes) -> bytes:
    """The same, by a child in which nothing has been spoken; a child that dies is an answer too."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with os.fdopen(theirs, "wb") as out:
                out.write(answered(library, line))
            status = 0
        finally:
            os._exit(status)
    os.close(theirs)
    with os.fdopen(ours, "rb") as received:
        answer = received.read()
    _, status = os.waitpid(child, 0)
    return answer if status == 0 else json.dumps({"error": f"espeak-ng crashed (status {status})"}).encode() + b"\n"


def main(arguments: list[str], requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    try:
        library = Library(*arguments[:2])
    except OSError as error:
        answers.write(json.dumps({"error": str(error)}).encode("ascii") + b"\n")
        return
    forks = hasattr(os, "fork") and "once" not in arguments
    for line in requests:
        answers.write(answered_by_fork(library, line) if forks else answered(library, line))
        answers.flush()
        if not forks:
            return


if __name__ == "__main__":
    # Whatever the library prints must not get between the answers.
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        main(sys.argv[1:], sys.stdin.buffer, output)
