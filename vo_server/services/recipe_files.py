"""Reading recipes: ADQL files whose leading comment is their description, in YAML.

::

    -- title: Quasars at two sigma
    -- selects: Objects whose second percentile of the probability to be a quasar ...
    -- parameters:
    --   threshold: {type: double, min: 0, max: 1, default: 0.333, description: ...}
    -- source: BANNJOS paper, appendix D
    SELECT ... WHERE CLASS_QSO_prob_pc02 >= :threshold

A file is ``<catalogue>/<name>.adql``, and its recipe is called so.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vo_server.adql.front import check_open
from vo_server.errors import AdqlError, ConfigurationError
from vo_server.model.recipe import (
    Expected,
    Parameter,
    ParameterKind,
    Published,
    Recipe,
    Targets,
    Value,
    placeholders,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["parse_recipe", "read_recipes"]

_COMMENT: Final = "--"


class _Header(BaseModel):
    """What is written otherwise than it is called here; all else is read as the model has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _ParameterHeader(_Header):
    type: ParameterKind
    default: Value
    description: str
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    choices: tuple[Value, ...] = ()


class _ExpectedHeader(_Header):
    class_name: str = Field(alias="class")
    table: str
    key: dict[str, str] = Field(min_length=1)
    truth: str
    purity: float = Field(ge=0, le=1)
    completeness: float = Field(ge=0, le=1)


class _RecipeHeader(_Header):
    title: str
    selects: str
    source: str
    parameters: dict[str, _ParameterHeader] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)
    published: tuple[Published, ...] = ()
    expected: _ExpectedHeader | None = None
    targets: Targets | None = None
    aliases: tuple[str, ...] = ()


def read_recipes(directory: Path) -> tuple[Recipe, ...]:
    """Read all recipes below a directory, in the order of their names; none when there is no directory.

    Raises
    ------
    ConfigurationError
        If a file cannot be read, or does not hold together.
    """
    return tuple(_read(directory))


def _read(directory: Path) -> Iterator[Recipe]:
    for path in sorted(directory.glob("*/*.adql")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the recipe {path} cannot be read: {error}") from error
        yield parse_recipe(text, name=f"{path.parent.name}/{path.stem}")


def parse_recipe(text: str, *, name: str) -> Recipe:
    """Make a recipe of the text of its file.

    Parameters
    ----------
    text
        A comment with the description, then one query.
    name
        ``<catalogue>/<name>``.

    Raises
    ------
    ConfigurationError
        If the description is not right, does not fit the query, or the query is none.
    """
    header, adql = _split(text)
    try:
        told = _RecipeHeader.model_validate(yaml.safe_load(header))
    except yaml.YAMLError as error:
        raise _fault(name, f"its comment is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise _fault(name, f"{where}: {first['msg']}" if where else str(first["msg"])) from error
    recipe = Recipe(
        name,
        told.title,
        told.selects,
        adql,
        told.source,
        tuple(_parameter(one, header, name) for one, header in told.parameters.items()),
        told.columns,
        told.published,
        None if told.expected is None else Expected(**told.expected.model_dump()),
        told.targets,
        told.aliases,
    )
    _check(recipe)
    return recipe


def _split(text: str) -> tuple[str, str]:
    """Return the leading comment without its marks, and the query behind it."""
    lines = text.splitlines()
    n_header = next((index for index, line in enumerate(lines) if not line.startswith(_COMMENT)), len(lines))
    header = [line.removeprefix(_COMMENT).removeprefix(" ") for line in lines[:n_header]]
    return "\n".join(header), "\n".join(lines[n_header:]).strip()


def _parameter(name: str, told: _ParameterHeader, recipe: str) -> Parameter:
    made = Parameter(
        name,
        told.type,
        told.default,
        told.description,
        unit=told.unit,
        least=told.min,
        most=told.max,
        choices=told.choices,
    )
    is_text = told.type is ParameterKind.TEXT
    if isinstance(told.default, str) is not is_text or not made.allows(told.default):
        raise _fault(recipe, f"the default of {name} is {told.default!r}; expected {made.expected}")
    return made


def _check(recipe: Recipe) -> None:
    """Hold a recipe against its query."""
    wanted, declared = placeholders(recipe.adql), {one.name for one in recipe.parameters}
    if wanted - declared:
        raise _fault(recipe.name, f"its query has places for {', '.join(sorted(wanted - declared))}, not described")
    if declared - wanted:
        raise _fault(recipe.name, f"its query has no place for {', '.join(sorted(declared - wanted))}")
    try:
        check_open(recipe.query())
    except AdqlError as error:
        raise _fault(recipe.name, str(error)) from error


def _fault(name: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"the recipe {name} does not hold together: {reason}")
