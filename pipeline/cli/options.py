"""Command-line options → typed settings, the engine's access, and jobs. The environment is read here only."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.errors import SettingError, UsageError
from pipeline.settings import OPTION_NAMES, TABLE, Setting, Written, typed_one

if TYPE_CHECKING:
    from pipeline.engines import Access

F = TypeVar("F", bound=Callable[..., Any])
KEY_NAME = "ELEVENLABS_API_KEY"
BASE_URL_NAME = "ELEVENLABS_BASE_URL"
# Characters; a list of keys is a page at most.
LARGEST_DOTENV = 2**20
# Settings that hold paths: as an option they are relative to the working folder.
PATHS = ("video", "picture")


def option_name(setting: Setting) -> str:
    """Name a setting's option: `pauses.paragraph` → `--pauses-paragraph`."""
    return "--" + OPTION_NAMES.get(setting.name, setting.name).replace(".", "-").replace("_", "-")


def _option(setting: Setting) -> Callable[[F], F]:
    parameter = "setting_" + setting.name.replace(".", "__")
    default = "" if setting.default in (None, (), {}) else f"  [default: {_shown(setting.default)}]"
    return click.option(
        option_name(setting), parameter, metavar=setting.form, expose_value=True, help=f"{setting.help}{default}"
    )


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return "x".join(map(str, default)) if isinstance(default, tuple) else str(default)


def setting_options(command: F) -> F:
    """Give a command an option for every setting that is one value and has an effect."""
    for setting in reversed(TABLE):
        if "option" in setting.places and setting.built != ():
            command = _option(setting)(command)
    return command


def chosen_setting_options(*names: str) -> Callable[[F], F]:
    """Give a command the options of some settings only, by their dotted names."""

    def decorate(command: F) -> F:
        for setting in reversed([setting for setting in TABLE if setting.name in names]):
            command = _option(setting)(command)
        return command

    return decorate


def common_options(command: F) -> F:
    """Give a command the options that all of them share."""
    options = (
        click.option(
            "--store",
            type=click.Path(path_type=Path),
            help="Where speech is kept (default: nearest .cueline, else your data folder).",
        ),
        click.option("--base-url", metavar="URL", help="Another address of the service."),
        click.option(
            "--record", type=click.Path(path_type=Path), help="Keep the messages of every connection in this file."
        ),
        click.option("--allow-outside", is_flag=True, help="Let a script name files outside its project."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("--quiet", is_flag=True, help="No progress and no remarks."),
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def given_settings(parameters: Mapping[str, object]) -> dict[str, object]:
    """Take the settings out of a command's parameters, typed. Raises SettingError with the option's name."""
    values: dict[str, object] = {}
    for setting in TABLE:
        written = parameters.get("setting_" + setting.name.replace(".", "__"))
        if isinstance(written, str):
            try:
                value = typed_one(setting.name, Written(written), "option")
            except SettingError as error:
                raise SettingError(
                    f"{option_name(setting)}: {error.message.removeprefix(f'{setting.name}: ')}"
                ) from None
            values[setting.name] = str(Path(written).absolute()) if setting.name in PATHS else value
    return values


def environment_access(options: Mapping[str, object]) -> Access:
    """Read the key and the address from the environment, or the key alone from a `.env` file upward.

    Raises UsageError where there is a `.env` file that cannot be read.
    """
    from pipeline.engines import Access

    key = os.environ.get(KEY_NAME)
    if not key:
        key = _key_of_dotenv()
    record = options.get("record")
    return Access(
        key=(key or "").strip() or None,
        base_url=str(options["base_url"]) if options.get("base_url") else os.environ.get(BASE_URL_NAME) or None,
        record=str(record) if record else None,
    )


def _key_of_dotenv() -> str | None:
    import io

    from dotenv import dotenv_values, find_dotenv

    found = find_dotenv(usecwd=True)
    if not found:
        return None
    if not Path(found).is_file():  # a pipe would be read for ever
        raise UsageError(f"{found} is no regular file: take it away, or set {KEY_NAME} in the environment")
    try:
        with Path(found).open("rb") as file:
            text = file.read(LARGEST_DOTENV + 1).decode("utf-8")
        if len(text) > LARGEST_DOTENV:
            raise UsageError(f"{found} is no list of settings: it is too large; set {KEY_NAME} in the environment")
        return dotenv_values(stream=io.StringIO(text), interpolate=False).get(KEY_NAME)
    except UnicodeDecodeError:
        # Not chained: a decoding error holds the file's bytes, and so the key.
        raise UsageError(f"{found} is not UTF-8 text: save it as UTF-8, or set {KEY_NAME} in the environment") from None
    except OSError as error:
        raise UsageError(f"{found} cannot be read: {error.strerror}; set {KEY_NAME} in the environment") from None


def schedule_of(written: str, instead: str = "") -> tuple[float, ...]:
    """Read `--schedule 50,120`. Raises UsageError, which also names what may stand there `instead`."""
    from pipeline.protocol.buffering import is_schedule

    try:
        schedule = tuple(float(part) for part in written.split(","))
    except ValueError:
        schedule = ()
    if not is_schedule(schedule):
        raise UsageError(
            f"--schedule: is {instead}numbers of characters from 50 to 500, such as 50,120 (not {written!r})"
        )
    return schedule


def refuse_standard_input(source: Path, command: str) -> None:
    """Raise UsageError where a command that reads files is to read `-`."""
    if str(source) == "-":
        raise UsageError(f"standard input is not read by {command}: save the text as a .md or .txt file and name that")


def store_of(options: Mapping[str, object], script: Path) -> Path:
    """Find the store: where `--store` says, else the nearest `.cueline` upward of the script, else the user's own.

    Raises UsageError where `--store` names a file, or something under one.
    """
    from pipeline.store import nearest_folder

    chosen = options.get("store")
    if not isinstance(chosen, Path):
        return nearest_folder(script.absolute().parent)
    from pipeline.production.collisions import file_on_the_way

    place = chosen.absolute()
    if (file := file_on_the_way(place)) is not None:
        raise UsageError(f"--store {chosen}: {file} is a file, so no folder for speech; name a folder")
    return place
