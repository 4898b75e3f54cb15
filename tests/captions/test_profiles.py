"""The limits of a profile by language and frame rate."""

import pytest

from pipeline.captions.profiles import PROFILES, profile
from pipeline.errors import SettingError


@pytest.mark.parametrize(
    ("language", "line_width", "reading_speed"),
    [
        ("en", 42, 20),
        ("en-GB", 42, 20),
        ("de", 42, 17),
        ("pt_BR", 42, 17),
        ("ja", 13, 7),
        ("zh-Hans", 16, 9),
        ("ko", 16, 12),
        ("th", 35, 17),
        ("ar", 42, 20),
        ("hi", 42, 22),
        ("xx", 42, 17),
    ],
)
def test_the_language_decides_width_and_reading_speed(language: str, line_width: float, reading_speed: float) -> None:
    """Lines are as wide and speech as fast as the language's own guide allows."""
    limits = profile("netflix", language, 25)
    assert (limits.line_width, limits.reading_speed, limits.lines) == (line_width, reading_speed, 2)


@pytest.mark.parametrize(("fps", "gap_ms"), [(24, 83), (25, 80), (30, 67), (30000 / 1001, 67), (50, 40), (60, 33)])
def test_the_gap_is_two_frames(fps: float, gap_ms: int) -> None:
    """Two frames, to the nearest millisecond, whatever the frame rate; half a second stays half a second."""
    limits = profile("netflix", "en", fps)
    assert (limits.gap_ms, limits.chain_ms) == (gap_ms, 500)


def test_durations_are_at_least_five_sixths_of_a_second() -> None:
    """The minimum is never rounded below 5/6 s; Japanese has half a second."""
    assert profile("netflix", "en").min_duration_ms * 6 >= 5000
    assert profile("netflix", "en").min_duration_ms == 834
    assert profile("netflix", "ja").min_duration_ms == 500
    assert profile("netflix", "en").max_duration_ms == 7000


def test_reading_time_is_rounded_up() -> None:
    """A text of 21 characters at 20 a second takes 1,050 ms; one character never takes less than its share."""
    limits = profile("netflix", "en")
    assert limits.reading_ms(21) == 1050
    assert profile("netflix", "de").reading_ms(1) == 59


def test_an_unknown_profile_is_named() -> None:
    """The error says what was asked for and what there is."""
    with pytest.raises(SettingError, match=r"'bbc'.*netflix"):
        profile("bbc")
    assert "netflix" in PROFILES


@pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf")])
def test_an_impossible_frame_rate_is_refused(fps: float) -> None:
    """A frame rate that cannot be is an error, not a division by zero."""
    with pytest.raises(SettingError, match="frame rate"):
        profile("netflix", "en", fps)


@pytest.mark.parametrize("fps", [1, 2, 5])
def test_slow_pictures_have_captions_of_the_usual_rhythm(fps: float) -> None:
    """At a frame a second two frames would be 2 s, more than the half second that is an open gap."""
    limits = profile("netflix", "en", fps)
    assert limits.gap_ms < limits.chain_ms // 2
    assert limits.gap_ms == limits.lead_ms == limits.lag_ms
