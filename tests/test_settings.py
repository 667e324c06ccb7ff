from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from vo_server.errors import ConfigurationError
from vo_server.settings import Settings, load_settings


def _fields(model: type[BaseModel], prefix: str = "") -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += _fields(kind, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", field.description))
    return found


def test_every_setting_is_described() -> None:
    assert [name for name, description in _fields(Settings) if not description] == []


def test_the_environment_is_read_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VO_TAP__DEFAULT_MAXREC", "5")
    monkeypatch.setenv("VO_SERVER__HOST", "0.0.0.0")
    monkeypatch.setenv("VO_SERVER__PORT", "1234")
    settings = load_settings(database=None, server={"port": 99})
    assert settings.tap.default_maxrec == 5
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 99)
    assert settings.database == "duckdb:///vo-data"


def test_a_wrong_setting_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VO_TAP__DEFAULT_MAXREC", "many")
    with pytest.raises(ConfigurationError, match="VO_TAP__DEFAULT_MAXREC"):
        load_settings()
    with pytest.raises(ConfigurationError, match="VO_SERVER__PROT"):
        load_settings(server={"prot": 1}, tap={"default_maxrec": 1})


def test_a_setting_that_is_not_there_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(
        ConfigurationError, match="VO_SERVER__IVOOD: there is no such setting; did you mean VO_SERVER__IVOID"
    ):
        load_settings(server={"ivood": "ivo://example.org/tap"})
    with pytest.raises(ConfigurationError, match="VO_DATABAS: there is no such setting; did you mean VO_DATABASE"):
        load_settings(databas="duckdb:///x")


def test_a_setting_of_another_form_is_told_with_an_example() -> None:
    with pytest.raises(ConfigurationError, match=r"VO_SERVER__IVOID: not of the expected form .*ivo://example.org/tap"):
        load_settings(server={"ivoid": "example.org"})


def test_results_have_one_place(tmp_path: Path) -> None:
    assert load_settings(uws={"results_url": "s3://bucket/results"}).uws.results_url == "s3://bucket/results"
    with pytest.raises(ConfigurationError, match="results_dir and results_url cannot both be set"):
        load_settings(uws={"results_url": "s3://bucket/results", "results_dir": tmp_path})
    with pytest.raises(ConfigurationError, match="VO_UWS__RESULTS_URL"):
        load_settings(uws={"results_url": "bucket/results"})
