"""One job: a script → finished files, measured."""

from __future__ import annotations

from pipeline.production.jobs import Job, named_output
from pipeline.production.narrating import narrate
from pipeline.production.subtitling import subtitle
from pipeline.production.verifying import verify

__all__ = ["Job", "named_output", "narrate", "subtitle", "verify"]
