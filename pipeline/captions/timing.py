"""Cues' first and last words → when each cue is seen.

Rules of the Netflix Timed Text Style Guide, Timing Guidelines: in on the first sound, give or take two frames, out up
to half a second after the last, at least 5/6 s and at most 7 s, and between two cues two frames or at least half a second.
Ours: no caption goes before what it shows was said, though that take more than 7 s, as an address that is read out may.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.captions.profiles import Profile
from pipeline.model import Word


def steady_times(words: Sequence[Word]) -> tuple[list[int], list[int]]:
    """Starts and ends of words, each start at or after the one before, each end at or after its start."""
    starts: list[int] = []
    ends: list[int] = []
    latest = 0
    for word in words:
        latest = max(latest, word.start_ms)
        starts.append(latest)
        ends.append(max(latest, word.end_ms))
    return starts, ends


def out_time(start_ms: int, spoken_ms: int, next_ms: int | None, needed_ms: int, profile: Profile) -> int:
    """When a cue goes, whose words sound from `start_ms` to `spoken_ms`, before a cue that comes at `next_ms`.

    `needed_ms` is how long it takes to read. The gap after it is two frames or half a second and more wherever the
    limits on its length allow; it is over before its last sound only by the two frames that part it from a near cue.
    """
    longest = max(start_ms + profile.max_duration_ms, spoken_ms)
    hold = min(max(spoken_ms + profile.linger_ms, start_ms + profile.min_duration_ms), longest)
    if next_ms is None:
        return hold
    chained, open_ = next_ms - profile.gap_ms, next_ms - profile.chain_ms
    if hold <= open_:
        return hold
    if chained <= hold:
        return chained
    # Here the cue would leave a gap that is neither: shorter if it is still read and heard whole, else closed.
    if open_ >= spoken_ms and open_ - start_ms >= needed_ms:
        return open_
    if chained <= longest or open_ < spoken_ms:
        return chained
    return open_ if open_ - start_ms >= profile.min_duration_ms else hold


def cue_times(
    bounds: Sequence[tuple[int, int]],
    starts: Sequence[int],
    ends: Sequence[int],
    reading_ms: Sequence[int],
    profile: Profile,
    end_ms: int | None,
) -> list[tuple[int, int]]:
    """When each cue of words `bounds` (half open) comes and goes: milliseconds, in order, none over another.

    `reading_ms` is how long each takes to read; nothing is seen after `end_ms`, the end of the medium.
    """
    needed = [max(profile.min_duration_ms, reading) for reading in reading_ms]
    times: list[tuple[int, int]] = []
    for n, (first, end) in enumerate(bounds):
        next_ms = starts[bounds[n + 1][0]] if n + 1 < len(bounds) else None
        times.append((starts[first], out_time(starts[first], max(ends[first:end]), next_ms, needed[n], profile)))
    if end_ms is not None and times:
        times[-1] = times[-1][0], min(times[-1][1], end_ms)
    _begin_short_cues_earlier(times, needed, profile)
    _end_short_cues_later(times, needed, profile)
    return _parted(times)


def _begin_short_cues_earlier(times: list[tuple[int, int]], needed: Sequence[int], profile: Profile) -> None:
    """Give a cue that is too short up to two frames before its first sound, the cue before it permitting."""
    for n, (start, end) in enumerate(times):
        lead = min(profile.min_duration_ms - (end - start), profile.lead_ms, start)
        if lead <= 0:
            continue
        if n:
            before_start, before_end = times[n - 1]
            gap = start - before_end
            least = profile.chain_ms if gap >= profile.chain_ms else profile.gap_ms
            # The cue before gives what lies in the gap beyond its least, and what it does not need to be read.
            lead = min(lead, start - least - min(before_end, before_start + needed[n - 1]))
            if gap < least or lead <= 0:
                continue
            times[n - 1] = before_start, min(before_end, start - lead - least)
        times[n] = start - lead, end


def _end_short_cues_later(times: list[tuple[int, int]], needed: Sequence[int], profile: Profile) -> None:
    """Let the cue after one that is still too short come up to two frames late, if it is then still read whole.

    The guide takes an in-time within two frames of the first sound for right; a cue that flashes by is never right.
    """
    for n, (start, end) in enumerate(times[:-1]):
        lack = profile.min_duration_ms - (end - start)
        after_start, after_end = times[n + 1]
        if not 0 < lack <= profile.lag_ms or after_start - end != profile.gap_ms:
            continue
        if after_end - after_start - lack >= needed[n + 1]:
            times[n] = start, end + lack
            times[n + 1] = after_start + lack, after_end


def _parted(times: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Part cues whose words are too near each other for any rule: each is seen for at least a millisecond."""
    parted: list[tuple[int, int]] = []
    free = 0
    for start, end in times:
        begin = max(start, free)
        free = max(end, begin + 1)
        parted.append((begin, free))
    return parted
