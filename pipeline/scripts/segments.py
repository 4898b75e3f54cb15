"""Blocks of marks → a Script: segments with their pauses, chapters, and what is to be remarked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.errors import ScriptError
from pipeline.model import Chapter, Remark, Script, Segment
from pipeline.scripts.letters import judge_letters
from pipeline.scripts.marks import Anchor, Block, Break, Heading, Mark, Picture, Speaker, Text
from pipeline.scripts.source import is_spoken, stem
from pipeline.scripts.words import ends_with_space, make_tokens, starts_with_space
from pipeline.settings import Settings


def make_script(
    blocks: Sequence[Block],
    settings: Settings,
    written: Mapping[str, object],
    remarks: Sequence[Remark],
    path: str,
) -> Script:
    """Cut blocks into segments. `settings` are those in force, `written` those that the script itself holds.

    Raises ScriptError where nothing is left to speak, where a mark has nothing to stand before, and where letters
    are not those of the language.
    """
    headings = [block for block in blocks if isinstance(block, Heading)]
    first = headings[0].title if headings else None
    title = settings.optional_text("title") or first or stem(path)
    assembly = _Assembly(settings, title if headings else None, path)
    for block in blocks:
        if isinstance(block, Heading):
            assembly.add_heading(block)
        else:
            assembly.add_paragraph(block.marks)
    assembly.end()
    segments = tuple(assembly.segments)
    if not any(is_spoken(segment.text) for segment in segments):
        raise ScriptError("there is nothing to speak; write a paragraph of text", path)
    foreign = judge_letters(segments, settings.text("language"), path)
    return Script(
        title=title,
        segments=segments,
        chapters=tuple(assembly.chapters),
        settings=dict(written),
        remarks=tuple(sorted([*remarks, *foreign], key=lambda remark: remark.line)),
        pause_after_ms=assembly.break_ms,
    )


class _Assembly:
    """Segments as far as they are made, and the marks that wait for the next one.

    `opening` is the title of the chapter before the first heading; None in a script without headings.
    """

    def __init__(self, settings: Settings, opening: str | None, path: str) -> None:
        self.segments: list[Segment] = []
        self.chapters: list[Chapter] = []
        self.break_ms = 0
        self._say = settings.say
        self._speaks_headings = settings.flag("speak_headings")
        self._paragraph_ms = round(settings.number("pauses.paragraph") * 1000)
        self._chapter_ms = round(settings.number("pauses.chapter") * 1000)
        self._opening = opening
        self._path = path
        self._heading: Heading | None = None
        self._texts: list[Text] = []
        self._anchor: Anchor | None = None
        self._last_anchor_ms = -1
        self._picture: Picture | None = None
        self._speaker: Speaker | None = None
        self._label: Speaker | None = None
        self._starts_paragraph = True
        self._after_space = True

    def add_heading(self, heading: Heading) -> None:
        """Begin a chapter, which comes to be with the first segment under it."""
        self._heading = heading
        if self._speaks_headings:
            self.add_paragraph(heading.marks)

    def add_paragraph(self, marks: Sequence[Mark]) -> None:
        """Add the segments of one paragraph; marks after its last word wait for the next one."""
        self._starts_paragraph, self._after_space, self._speaker = True, True, None
        for mark in marks:
            if isinstance(mark, Text):
                self._texts.append(mark)
            else:
                self._flush()
                self._wait(mark)
        self._flush()
        if self._label:
            message = f"**{self._label.name}:** has nothing to say: put the words in the same paragraph"
            raise ScriptError(message, self._path, self._label.line)

    def end(self) -> None:
        """Refuse what was to come with a segment that never came."""
        for mark, name in ((self._anchor, "time"), (self._picture, "picture")):
            if mark:
                raise ScriptError(f"nothing is spoken after this {name}; put text after it", self._path, mark.line)

    def _wait(self, mark: Mark) -> None:
        match mark:
            case Break():
                self.break_ms = max(self.break_ms, mark.milliseconds)
            case Anchor():
                if self._anchor:
                    raise ScriptError(
                        "nothing is spoken between this time and the one before it", self._path, mark.line
                    )
                if mark.milliseconds <= self._last_anchor_ms:
                    raise ScriptError("this time is not later than the one before it", self._path, mark.line)
                self._anchor, self._last_anchor_ms = mark, mark.milliseconds
            case Picture():
                if self._picture:
                    message = "this picture hides the one before it, as nothing is spoken between them"
                    raise ScriptError(message, self._path, mark.line)
                self._picture = mark
            case Speaker():
                if self._label:
                    message = f"**{self._label.name}:** has nothing to say before the next speaker"
                    raise ScriptError(message, self._path, self._label.line)
                self._speaker = self._label = mark

    def _flush(self) -> None:
        """Make a segment of the texts that were gathered, if a word is among them."""
        texts, self._texts = self._texts, []
        after_space = self._after_space or starts_with_space(texts)
        tokens = make_tokens(texts, self._say, after_space=after_space)
        if not tokens:
            self._after_space = self._after_space or any(text.shown for text in texts)
            return
        line = next(_line_of_first_word(text) for text in texts if text.shown.strip())
        asked = self._pause_ms()
        self._open_chapter(line)
        segment = Segment(
            index=len(self.segments),
            tokens=tokens,
            line=line,
            speaker=self._speaker.name if self._speaker else None,
            chapter=len(self.chapters) - 1 if self.chapters else None,
            pause_before_ms=asked,
            starts_paragraph=self._starts_paragraph,
            anchor_ms=self._anchor.milliseconds if self._anchor else None,
            picture=self._picture.path if self._picture else None,
            anchor_line=self._anchor.line if self._anchor else 0,
            picture_line=self._picture.line if self._picture else 0,
        )
        self.segments.append(segment)
        self.break_ms, self._anchor, self._picture, self._label = 0, None, None, None
        self._starts_paragraph, self._after_space = False, ends_with_space(texts)

    def _pause_ms(self) -> int:
        """Of all pauses that meet before the next segment, the longest."""
        if not self.segments:
            return self.break_ms
        if self._heading:
            return max(self.break_ms, self._chapter_ms, self._paragraph_ms)
        if self._starts_paragraph or self._label:
            return max(self.break_ms, self._paragraph_ms)
        return self.break_ms

    def _open_chapter(self, line: int) -> None:
        if self._heading:
            self.chapters.append(Chapter(self._heading.title, len(self.segments), self._heading.line))
            self._heading = None
        elif not self.chapters and self._opening is not None:
            self.chapters.append(Chapter(self._opening, len(self.segments), line))


def _line_of_first_word(text: Text) -> int:
    """The line of a text's first word: spaces before it may hold line ends."""
    return text.line + text.shown[: len(text.shown) - len(text.shown.lstrip())].count("\n")
