"""The table of settings: types, places, nearest names, layers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ScriptError, SettingError
from pipeline.settings import BY_NAME, TABLE, VoiceName, Written, merged, typed, typed_one, unheeded


def test_every_row_is_whole() -> None:
    """Names are unique, every default is what its own type would give, every row has a help text and a place."""
    assert len(BY_NAME) == len(TABLE)
    for row in TABLE:
        assert row.help.endswith("."), row.name
        assert row.places
        if isinstance(row.default, str | float | int | bool) and row.built != ():
            written = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
            place = "option" if "option" in row.places else "script"
            assert typed_one(row.name, Written(written), place) == row.default  # type: ignore[arg-type]


def test_later_layers_win() -> None:
    """Defaults, then each layer in turn."""
    settings = merged({"title": "a", "fps": 25}, {"title": "b"}, {})
    assert (settings.text("title"), settings.fps, settings.text("language")) == ("b", 25, "en")
    assert settings.given == {"title", "fps"}


@pytest.mark.parametrize(
    ("name", "written", "sentence"),
    [
        ("vioce", "x", "did you mean 'voice'"),
        ("fps", "fast", "whole number"),
        ("size", "1921x1080", "even"),
        ("captions.mode", "loud", "soft, burned, both, none"),
        ("voice_settings.stability", "2", "from 0 to 1"),
        ("voice_settings.speed", "nan", "number"),
        ("pauses.paragraph", "-1", "seconds"),
        ("language", "english please", "language tag"),
        ("speak_headings", "maybe", "true or false"),
        ("container", "mkv", "a media file is one of mp4, m4a, mp3, wav"),
        ("fit", "loop", "no effect yet"),
        ("fit", "stretch", r"fit can only be freeze \(not 'stretch'\)"),
        ("budget", "5", "no effect yet"),
        ("music", "a.mp3", "did you mean 'sound.music'"),
        ("sound.music", "a.mp3", "no effect yet"),
        ("dictionaries", "abc", "ID:VERSION"),
        ("size", "²x²", "such as 1920x1080"),
        ("language", "12", "language tag"),
    ],
)
def test_what_cannot_be_meant_is_told(name: str, written: str, sentence: str) -> None:
    """A wrong name or value is one sentence that says what would do."""
    with pytest.raises(SettingError, match=sentence):
        typed_one(name, Written(written), "script")


def test_places_are_kept() -> None:
    """The engine is no script's choice, the speakers are no option."""
    with pytest.raises(SettingError, match=r"an option or a line of cueline\.toml"):
        typed_one("engine", Written("offline"), "script")
    with pytest.raises(SettingError, match="may not stand here"):
        typed_one("voices", Written({"A": Written("x")}), "option")


def test_a_file_gives_dotted_names_and_lines() -> None:
    """Groups are opened; an error carries the file and the line."""
    written = {
        "pauses": Written({"chapter": Written("2s", 3)}, 2),
        "voice": Written({"offline": Written("heart", 5)}, 4),
    }
    assert typed(written, "script") == {"pauses.chapter": 2.0, "voice": VoiceName({"offline": "heart"})}
    with pytest.raises(ScriptError, match="did you mean 'chapter'") as caught:
        typed({"pauses": Written({"chaptre": Written("2", 7)}, 6)}, "script", "a.md")
    assert (caught.value.path, caught.value.line) == ("a.md", 7)


def test_settings_that_mean_nothing_to_an_engine() -> None:
    """Offline, a seed and a model mean nothing, and that is known."""
    assert unheeded(merged({"seed": 1, "language": "de", "model": "m"}), "offline") == ["model", "seed"]


@given(st.sampled_from([row.name for row in TABLE]), st.text(max_size=30))
def test_any_text_gives_a_value_or_a_setting_error(name: str, text: str) -> None:
    """No text makes a setting fail in any other way."""
    for place in ("option", "script", "project"):
        with suppress(SettingError):
            typed_one(name, Written(text), place)


def test_a_setting_that_stands_twice_is_refused() -> None:
    """Once by its dotted name and once in its group: neither may win in silence."""
    written = {"pauses.chapter": Written("1", 2), "pauses": Written({"chapter": Written("2", 4)}, 3)}
    with pytest.raises(ScriptError, match=r"pauses\.chapter stands here again") as caught:
        typed(written, "script", "a.md")
    assert caught.value.line == 4


def test_a_setting_without_its_group_is_named_with_it() -> None:
    """In a file too, where `music:` alone is no setting."""
    with pytest.raises(ScriptError, match=r"did you mean 'sound\.music'"):
        typed({"music": Written("a.mp3", 2)}, "script", "a.md")
