"""Who speaks: names, ids and defaults, no two speakers alike offline, a clear error where a speaker has no voice."""

from __future__ import annotations

import pytest

from pipeline.errors import ScriptError
from pipeline.model import Script, Segment, Token, VoiceSettings
from pipeline.production.casting import DEFAULT_VOICE, OfflineVoices, cast_cloud, cast_offline, lines_of
from pipeline.settings import Settings, VoiceName

OFFERED = OfflineVoices(
    is_known=lambda voice: voice in ("heart", "heart+low", "heart+male", "espeak:de"),
    variants=("heart", "heart+low", "heart+male"),
    explicit=lambda language, voice: voice if language == "en" else f"espeak:{language}/{voice}",
)


def script(*speakers: str | None, text: str = "Hi") -> Script:
    """Make a script in which these speak, one segment each."""
    return Script("t", tuple(Segment(n, (Token(text, text),), n + 1, who) for n, who in enumerate(speakers)))


def settings(**values: object) -> Settings:
    """Make settings of these values."""
    return Settings(values)


ANNA_AND_BEN = {"Anna": VoiceName({"": "Bella"}), "Ben": VoiceName({"": "Adam"})}


def test_the_first_speaker_is_heart_when_nobody_narrates() -> None:
    """In a pure dialogue the speakers take the voices in the table's order, from the first."""
    cast = cast_offline(script("Ben", "Anna"), settings(voices=ANNA_AND_BEN), OFFERED)
    assert cast.speakers == {"Anna": "heart", "Ben": "heart+low"}


def test_the_narrator_is_like_no_speaker() -> None:
    """Where something is left to the narrator, the speakers take the variants after it."""
    cast = cast_offline(script(None, "Anna", "Ben"), settings(voices=ANNA_AND_BEN), OFFERED)
    assert cast.narrator == "heart"
    assert cast.speakers == {"Anna": "heart+low", "Ben": "heart+male"}


def test_an_offline_name_wins() -> None:
    """A voice that the offline engine knows is taken, and nobody else gets it."""
    voices = {"Anna": VoiceName({"offline": "heart", "elevenlabs": "Bella"}), "Ben": VoiceName({"": "Adam"})}
    cast = cast_offline(script("Anna", "Ben"), settings(voices=voices), OFFERED)
    assert cast.speakers == {"Anna": "heart", "Ben": "heart+low"}


def test_a_strange_name_is_remarked() -> None:
    """A cloud's voice asked of the offline engine is replaced, and that is said."""
    cast = cast_offline(script(None), settings(voice=VoiceName({"": "Rachel"})), OFFERED)
    assert cast.narrator == "heart"
    assert "Rachel" in cast.remarks[0]


def test_the_socket_carries_the_explicit_id() -> None:
    """In another language the voice's own id there is what is asked for."""
    assert cast_offline(script(None), settings(language="de"), OFFERED).narrator == "espeak:de/heart"


def test_the_cloud_resolves_names() -> None:
    """Names go through the resolver; without one the default voice speaks."""
    cast = cast_cloud(settings(voices=ANNA_AND_BEN), lambda name: f"id of {name}")
    assert (cast.narrator, cast.speakers) == (DEFAULT_VOICE, {"Anna": "id of Bella", "Ben": "id of Adam"})


def test_requests_hold_all_that_shapes_speech() -> None:
    """Voice settings are sent whole; a segment without letter or digit is not sent."""
    made = script(None, text="Hi")
    silent = Segment(1, (Token("—", "—"),), 2)
    both = Script("t", (*made.segments, silent))
    cast = cast_offline(both, settings(), OFFERED)
    lines = lines_of(both, settings(**{"voice_settings.speed": 1.1}), cast, "offline", "t.md")
    assert lines[0].request is not None
    assert lines[0].request.voice.settings == VoiceSettings(speed=1.1)
    assert lines[0].request.output_format == "pcm_24000"
    assert lines[1].request is None


def test_a_speaker_without_a_voice_is_an_error() -> None:
    """A speaker named for another engine only is told with file and line."""
    voices = {"Anna": VoiceName({"offline": "heart"})}
    made = script("Anna")
    cast = cast_cloud(settings(voices=voices), str)
    with pytest.raises(ScriptError, match="Anna has no voice") as caught:
        lines_of(made, settings(voices=voices), cast, "elevenlabs", "t.md")
    assert (caught.value.path, caught.value.line) == ("t.md", 1)


def test_what_means_nothing_to_the_offline_voice_shapes_no_request() -> None:
    """A setting that is remarked to mean nothing may not make everything be spoken anew."""
    made = script(None)
    cast = cast_offline(made, settings(), OFFERED)
    plain = lines_of(made, settings(), cast, "offline", "t.md")
    unheeded = {"voice_settings.stability": 0.1, "normalization": "off", "ssml": True, "seed": 3}
    assert lines_of(made, settings(**unheeded), cast, "offline", "t.md") == plain
    assert lines_of(made, settings(**unheeded), cast, "elevenlabs", "t.md") != plain


KANJI = "東京は大きい。"


@pytest.mark.parametrize(
    ("text", "language", "count"), [(KANJI, "ja", 1), (KANJI, "ja-JP", 1), ("とうきょう", "ja", 0), (KANJI, "zh", 0)]
)
def test_kanji_that_espeak_is_to_read_are_remarked_once(text: str, language: str, count: int) -> None:
    """Espeak-ng knows few readings of Han characters in Japanese, and a script that has them is told what to write."""
    cast = cast_offline(script(None, None, text=text), settings(language=language), OFFERED)
    assert sum("kanji" in remark for remark in cast.remarks) == count


def test_kanji_whose_reading_is_written_are_not_remarked() -> None:
    """What counts is what is said, not what is shown."""
    token = Token("東京", "とうきょう")
    cast = cast_offline(Script("t", (Segment(0, (token,), 1),)), settings(language="ja"), OFFERED)
    assert cast.remarks == ()
