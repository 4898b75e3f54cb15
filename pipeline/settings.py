"""The one table of settings → typed settings from front matter, `cueline.toml` and options.

A setting is a row of `TABLE`: its dotted name, its type, its default, where it may stand, and whether it shapes
speech (and so belongs to the key under which speech is stored). Help texts, the starter project and the
documentation are made from the table. Later wins: defaults < `cueline.toml` < front matter < option.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from pipeline.errors import ScriptError, SettingError
from pipeline.model import CaptionMode, VoiceSettings

Place = Literal["option", "script", "project"]
EVERYWHERE: frozenset[Place] = frozenset({"option", "script", "project"})
FILES: frozenset[Place] = frozenset({"script", "project"})
OUTSIDE: frozenset[Place] = frozenset({"option", "project"})


@dataclass(frozen=True, slots=True)
class Written:
    """What a person wrote in a settings file, untouched, and the line where it stands (from 1)."""

    value: str | tuple[Written, ...] | Mapping[str, Written]
    line: int = 0


@dataclass(frozen=True, slots=True)
class VoiceName:
    """A voice as a person names it: the same for every engine, or one for each."""

    names: Mapping[str, str]

    def for_engine(self, engine: str) -> str | None:
        """Return the name that this engine is to use; None when it is left to the engine."""
        return self.names.get(engine, self.names.get(""))


# ── types of settings: what was written → its value, or a ValueError that says what would do ───────────────────────


def _text(written: Written) -> str:
    if not isinstance(written.value, str):
        raise ValueError("takes one value, not a list or a mapping")  # noqa: TRY004  # one kind of error for all types
    return written.value


def _nonempty(written: Written) -> str:
    if not (text := _text(written).strip()):
        raise ValueError("is empty")
    return text


def _boolean(written: Written) -> bool:
    text = _text(written).strip().lower()
    if text in {"true", "yes", "on"}:
        return True
    if text in {"false", "no", "off"}:
        return False
    raise ValueError("is true or false")


def _number(lowest: float, highest: float) -> Callable[[Written], float]:
    def parse(written: Written) -> float:
        try:
            number = float(_text(written))
        except ValueError:
            raise ValueError(f"is a number from {lowest:g} to {highest:g}") from None
        if not lowest <= number <= highest:
            raise ValueError(f"is a number from {lowest:g} to {highest:g}")
        return number

    return parse


def _whole(lowest: int, highest: int) -> Callable[[Written], int]:
    def parse(written: Written) -> int:
        text = _text(written).strip()
        if not (text.isascii() and text.isdigit()) or not lowest <= int(text) <= highest:
            raise ValueError(f"is a whole number from {lowest} to {highest}")
        return int(text)

    return parse


def _seconds(written: Written) -> float:
    text = _text(written).strip().removesuffix("s").strip()
    try:
        number = float(text)
    except ValueError:
        raise ValueError("is a number of seconds, such as 0.4") from None
    if not 0 <= number <= 600:
        raise ValueError("is a number of seconds from 0 to 600")
    return number


def _choice(*choices: str, later: tuple[str, ...] = ()) -> Callable[[Written], str]:
    """Take one of the choices. Those that come `later` are known, so that they can be told from a slip, but not offered."""

    def parse(written: Written) -> str:
        text = _text(written).strip().lower()
        if text not in (*choices, *later):
            raise ValueError(f"is one of {', '.join(choices)}" if len(choices) > 1 else f"can only be {choices[0]}")
        return text

    return parse


def _media_kind(written: Written) -> str:
    text = _text(written).strip().lower()
    if text not in MEDIA_KINDS:
        raise SettingError(f"container: {wrong_media_kind(text)}")
    return text


def _language(written: Written) -> str:
    text = _text(written).strip().replace("_", "-")
    parts = text.split("-")
    if not (
        2 <= len(parts[0]) <= 3
        and parts[0].isalpha()
        and all(p.isascii() and p.isalnum() and 1 <= len(p) <= 8 for p in parts)
    ):
        raise ValueError("is a language tag such as en, de or pt-BR")
    return "-".join([parts[0].lower(), *parts[1:]])


def _size(written: Written) -> tuple[int, int]:
    width, _, height = _text(written).strip().lower().partition("x")
    if not (f"{width}{height}".isascii() and width.isdigit() and height.isdigit()):
        raise ValueError("is a width and a height such as 1920x1080")
    pair = int(width), int(height)
    if any(side % 2 or not 64 <= side <= 7680 for side in pair):
        raise ValueError("has even sides from 64 to 7680, such as 1920x1080")
    return pair


def _list(written: Written) -> tuple[str, ...]:
    if isinstance(written.value, str):
        return tuple(part.strip() for part in written.value.split(",") if part.strip())
    if isinstance(written.value, tuple):
        return tuple(_nonempty(item) for item in written.value)
    raise ValueError("is a list")


def _voice(written: Written) -> VoiceName:
    if isinstance(written.value, str):
        return VoiceName({"": _nonempty(written)})
    if not isinstance(written.value, Mapping) or not written.value:
        raise ValueError("is a name, an id, or a mapping such as {elevenlabs: Rachel, offline: heart}")
    for engine in written.value:
        if engine not in ENGINE_NAMES:
            raise ValueError(f"names an engine {engine!r} that is not there: {', '.join(ENGINE_NAMES)}")
    return VoiceName({engine: _nonempty(name) for engine, name in written.value.items()})


def _voices(written: Written) -> Mapping[str, VoiceName]:
    if not isinstance(written.value, Mapping):
        raise ValueError("is a mapping from speaker to voice such as {Anna: Bella}")  # noqa: TRY004
    return {speaker: _voice(voice) for speaker, voice in written.value.items()}


def _say(written: Written) -> Mapping[str, str]:
    if not isinstance(written.value, Mapping):
        raise ValueError("is a mapping from what is written to what is spoken, such as {SQL: sequel}")  # noqa: TRY004
    return {shown: _nonempty(said) for shown, said in written.value.items()}


def _dictionaries(written: Written) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in _list(written):
        identifier, _, version = item.partition(":")
        if not (identifier and version):
            raise ValueError("is a list of dictionaries, each ID:VERSION")
        pairs.append((identifier, version))
    if len(pairs) > 3:
        raise ValueError("takes at most three dictionaries")
    return tuple(pairs)


ENGINE_NAMES = ("offline", "elevenlabs")
CAPTION_MODES = ("soft", "burned", "both", "none")
# The kinds of media files that are made: endings of their names, too.
MEDIA_KINDS = ("mp4", "m4a", "mp3", "wav")


def wrong_media_kind(name: str) -> str:
    """Say that no media file of this kind is made, and which ones are."""
    return f"a media file is one of {', '.join(MEDIA_KINDS)} (not {name!r})"


# ── the table ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: `parse` takes what was written and gives the value, or raises ValueError with what would do.

    `built` holds the values that have an effect today; None means all. `engines` holds those that heed it. `form`
    tells in a help text what is written.
    """

    name: str
    default: object
    parse: Callable[[Written], object]
    help: str
    places: frozenset[Place] = EVERYWHERE
    shapes_speech: bool = False
    built: tuple[object, ...] | None = None
    engines: tuple[str, ...] = ENGINE_NAMES
    form: str = "TEXT"


_VOICE = VoiceSettings()
_CLOUD = ("elevenlabs",)

TABLE: tuple[Setting, ...] = (
    Setting("title", None, _nonempty, "The video's title; else the first heading, else the file's name."),
    Setting("language", "en", _language, "The language that is spoken and captioned.", shapes_speech=True, form="TAG"),
    Setting("voice", None, _voice, "Who speaks what nobody else does.", shapes_speech=True, form="NAME"),
    Setting("voices", {}, _voices, "The speakers of a dialogue and their voices.", FILES, shapes_speech=True),
    Setting("model", None, _nonempty, "The service's speech model.", shapes_speech=True, engines=_CLOUD, form="NAME"),
    Setting(
        "output_format", "auto", _nonempty, "The sound that is asked of the service.", shapes_speech=True, form="FORMAT"
    ),
    Setting(
        "voice_settings.stability",
        _VOICE.stability,
        _number(0, 1),
        "Steady (1) or lively (0).",
        shapes_speech=True,
        engines=_CLOUD,
        form="0-1",
    ),
    Setting(
        "voice_settings.similarity_boost",
        _VOICE.similarity_boost,
        _number(0, 1),
        "How near to the original voice.",
        shapes_speech=True,
        engines=_CLOUD,
        form="0-1",
    ),
    Setting(
        "voice_settings.style",
        _VOICE.style,
        _number(0, 1),
        "How much style is exaggerated.",
        shapes_speech=True,
        engines=_CLOUD,
        form="0-1",
    ),
    Setting(
        "voice_settings.use_speaker_boost",
        _VOICE.use_speaker_boost,
        _boolean,
        "Closer to the speaker, slower.",
        shapes_speech=True,
        engines=_CLOUD,
        form="true|false",
    ),
    Setting(
        "voice_settings.speed",
        _VOICE.speed,
        _number(0.25, 4),
        "Speed of speech; 1 is the voice's own.",
        shapes_speech=True,
        form="FACTOR",
    ),
    Setting(
        "dictionaries",
        (),
        _dictionaries,
        "Pronunciation dictionaries, each ID:VERSION.",
        shapes_speech=True,
        engines=_CLOUD,
        form="ID:VERSION,…",
    ),
    Setting(
        "seed",
        None,
        _whole(0, 4294967295),
        "Asks for the same speech again, as far as the service can.",
        shapes_speech=True,
        engines=_CLOUD,
        form="NUMBER",
    ),
    Setting(
        "normalization",
        "auto",
        _choice("auto", "on", "off"),
        "Whether the service writes out numbers.",
        shapes_speech=True,
        engines=_CLOUD,
        form="auto|on|off",
    ),
    Setting(
        "ssml",
        False,
        _boolean,
        "Whether the service reads SSML tags in the text.",
        shapes_speech=True,
        engines=_CLOUD,
        form="true|false",
    ),
    Setting("say", {}, _say, "What is spoken for words as they are written.", FILES, shapes_speech=True),
    Setting(
        "pauses.paragraph",
        0.4,
        _seconds,
        "Silence between paragraphs and between speakers, in seconds.",
        form="SECONDS",
    ),
    Setting("pauses.chapter", 1.0, _seconds, "Silence before a chapter, in seconds.", form="SECONDS"),
    Setting("speak_headings", False, _boolean, "Whether headings are spoken.", form="true|false"),
    Setting("video", None, _nonempty, "The video that is narrated.", form="FILE"),
    Setting("picture", None, _nonempty, "The still picture that is seen.", form="FILE"),
    Setting("sound.original", None, _text, "What becomes of the footage's own sound.", built=()),
    Setting("sound.music", None, _text, "Music under the voice.", built=()),
    Setting("sound.music_gain", None, _text, "How loud the music is.", built=()),
    Setting("sound.duck", None, _text, "How far music goes down under the voice.", built=()),
    Setting("sound.loudness", None, _text, "The loudness of the finished sound.", built=()),
    Setting(
        "fit",
        "freeze",
        _choice("freeze", later=("loop", "match", "trim", "pad")),
        "What is done when voice and footage differ in length.",
        built=("freeze",),
        form="freeze",
    ),
    Setting("stretch_limit", None, _text, "How far speech may be hurried to fit.", built=()),
    Setting("captions.profile", "netflix", _choice("netflix"), "The rules that captions follow.", form="netflix"),
    Setting("captions.style", None, _text, "How burned-in captions look.", built=()),
    Setting(
        "captions.mode",
        None,
        _choice(*CAPTION_MODES),
        "Captions as a soft track, burned into the picture, both, or none.",
        form="soft|burned|both|none",
    ),
    Setting("captions.languages", None, _text, "Further languages to caption in.", built=()),
    Setting(
        "container",
        "mp4",
        _media_kind,
        "The kind of media file.",
        form="mp4|m4a|mp3|wav",
    ),
    Setting("size", (1920, 1080), _size, "Width and height of pictures that are drawn.", form="WIDTHxHEIGHT"),
    Setting("fps", 30, _whole(1, 120), "Frames a second of pictures that are drawn.", form="NUMBER"),
    Setting("chapters", True, _boolean, "Whether headings become chapters of the video.", form="true|false"),
    Setting("template", None, _text, "The template of the title card.", built=()),
    Setting("budget", None, _text, "The most credits that a run may spend.", OUTSIDE, built=()),
    Setting("jobs", None, _text, "How many scripts are made at once.", OUTSIDE, built=()),
    Setting(
        "engine",
        None,
        _choice(*ENGINE_NAMES),
        "Who speaks: the offline voice, or the service.",
        OUTSIDE,
        form="offline|elevenlabs",
    ),
)
BY_NAME: Mapping[str, Setting] = {setting.name: setting for setting in TABLE}
GROUPS = frozenset(name.partition(".")[0] for name in BY_NAME if "." in name)
# What an option is called where its row's last word would say too little.
OPTION_NAMES: Mapping[str, str] = {
    "captions.mode": "captions",
    "captions.profile": "profile",
    "captions.style": "style",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one job: values by dotted name, defaults where nobody said. `given` are those somebody said."""

    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def given(self) -> frozenset[str]:
        """The names that were written somewhere."""
        return frozenset(self.values)

    def __getitem__(self, name: str) -> object:
        return self.values[name] if name in self.values else BY_NAME[name].default

    def text(self, name: str) -> str:
        """Return a setting that is always text."""
        return cast("str", self[name])

    def optional_text(self, name: str) -> str | None:
        """Return a setting that is text or nothing."""
        return cast("str | None", self[name])

    def number(self, name: str) -> float:
        """Return a setting that is a number."""
        return cast("float", self[name])

    def flag(self, name: str) -> bool:
        """Return a setting that is true or false."""
        return cast("bool", self[name])

    @property
    def seed(self) -> int | None:
        """The seed, where one was given."""
        return cast("int | None", self["seed"])

    @property
    def normalization(self) -> Literal["auto", "on", "off"]:
        """Whether the service writes out numbers."""
        return cast('Literal["auto", "on", "off"]', self["normalization"])

    @property
    def dictionaries(self) -> tuple[tuple[str, str], ...]:
        """Pronunciation dictionaries as pairs of id and version."""
        return cast("tuple[tuple[str, str], ...]", self["dictionaries"])

    @property
    def voice(self) -> VoiceName | None:
        """The voice of what nobody else speaks."""
        return cast("VoiceName | None", self["voice"])

    @property
    def voices(self) -> Mapping[str, VoiceName]:
        """The speakers, in the order of the table that names them."""
        return cast("Mapping[str, VoiceName]", self["voices"])

    @property
    def say(self) -> Mapping[str, str]:
        """What is spoken for words as they are written."""
        return cast("Mapping[str, str]", self["say"])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of pictures that are drawn."""
        return cast("tuple[int, int]", self["size"])

    @property
    def fps(self) -> int:
        """Frames a second of pictures that are drawn."""
        return cast("int", self["fps"])

    @property
    def caption_mode(self) -> CaptionMode | None:
        """How captions are given; None where the picture decides."""
        return cast("CaptionMode | None", self["captions.mode"])

    @property
    def voice_settings(self) -> VoiceSettings:
        """The five voice settings, whole."""
        return VoiceSettings(
            stability=self.number("voice_settings.stability"),
            similarity_boost=self.number("voice_settings.similarity_boost"),
            style=self.number("voice_settings.style"),
            use_speaker_boost=self.flag("voice_settings.use_speaker_boost"),
            speed=self.number("voice_settings.speed"),
        )


def merged(*layers: Mapping[str, object]) -> Settings:
    """Settings of several layers of typed values, a later one winning name by name."""
    values: dict[str, object] = {}
    for layer in layers:
        values.update(layer)
    return Settings(values)


# ── what was written → typed values ────────────────────────────────────────────────────────────────────────────────


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the known name nearest to a wrong one, or nothing when none is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def _nearest_setting(name: str, known: Iterable[str]) -> str:
    """Name the setting that is meant: the one of a group that was written without its group (`music`), or the nearest."""
    of_group = [row for row in BY_NAME if "." in row and row.rpartition(".")[2] == name]
    return f"; did you mean {of_group[0]!r}?" if of_group else nearest(name, known)


def typed(written: Mapping[str, Written], place: Place, path: str = "") -> dict[str, object]:
    """Type a whole settings file: dotted names → values. Raises ScriptError with the file and the line."""
    values: dict[str, object] = {}
    for name, entry in _flat(written, path):
        if name in values:
            raise ScriptError(
                f"{name} stands here again, once by itself and once in its group; keep one", path, entry.line
            )
        try:
            values[name] = typed_one(name, entry, place)
        except SettingError as error:
            raise ScriptError(error.message, path, entry.line) from None
    return values


def typed_one(name: str, written: Written, place: Place) -> object:
    """Type one setting by its dotted name. Raises SettingError when there is no such name, place or value."""
    setting = BY_NAME.get(name)
    if setting is None:
        raise SettingError(f"there is no setting {name!r}{_nearest_setting(name, BY_NAME)}")
    # First, for where it may stand is no way out.
    if setting.built == ():
        raise SettingError(f"{name!r} has no effect yet in this version: leave it out")
    if place not in setting.places:
        raise SettingError(f"{name!r} may not stand here, only as {_places(setting)}")
    try:
        value = setting.parse(written)
    except ValueError as error:
        shown = f" (not {written.value!r})" if isinstance(written.value, str) else ""
        raise SettingError(f"{name} {error}{shown}") from None
    if setting.built is not None and value not in setting.built:
        built = ", ".join(str(choice) for choice in setting.built)
        raise SettingError(f"{name}: {value} has no effect yet in this version; what works is {built}")
    return value


def unheeded(settings: Settings, engine: str) -> list[str]:
    """Names of the given settings that mean nothing to this engine, in the table's order."""
    return [row.name for row in TABLE if row.name in settings.given and engine not in row.engines]


def _flat(written: Mapping[str, Written], path: str) -> Iterable[tuple[str, Written]]:
    """Walk the entries with dotted names; a group (`pauses: {…}`) is opened, an unknown name is refused here."""
    top = {name.partition(".")[0] for name in BY_NAME}
    for name, entry in written.items():
        if name in GROUPS and name not in BY_NAME and isinstance(entry.value, Mapping):
            known = [row.partition(".")[2] for row in BY_NAME if row.startswith(f"{name}.")]
            for inner, value in entry.value.items():
                if inner not in known:
                    message = f"there is no setting {name}.{inner}{nearest(inner, known)}"
                    raise ScriptError(message, path, value.line)
                yield f"{name}.{inner}", value
        elif name in GROUPS and name not in BY_NAME:
            raise ScriptError(f"{name} is a group of settings, such as {name}: {{…}}", path, entry.line)
        elif name not in BY_NAME:
            raise ScriptError(f"there is no setting {name!r}{_nearest_setting(name, top)}", path, entry.line)
        else:
            yield name, entry


def _places(setting: Setting) -> str:
    words = {"option": "an option", "script": "front matter of a script", "project": "a line of cueline.toml"}
    return " or ".join(words[place] for place in ("option", "script", "project") if place in setting.places)
