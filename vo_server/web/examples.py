"""Queries to start from: ``/tap/examples`` for clients, ``/api/recipes`` for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from starlette.routing import Route

from vo_server.model.recipe import Recipe
from vo_server.store.tap_schema import published_name
from vo_server.vo import examples as documents
from vo_server.web.deps import identity, site
from vo_server.web.tagged import tagged

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vo_server.services.recipes import ReadyRecipe

__all__ = ["API_ROUTES", "ROUTES"]


async def examples(request: Request) -> Response:
    """Show the recipes that the caller can run (DALI 1.1, section 2.3)."""
    here = site(request)

    def make() -> bytes:
        ready = here.context.recipes.ready(identity(request))
        return documents.examples([_example(one) for one in ready], title=f"Examples of {here.title}")

    return tagged(request, await to_thread.run_sync(make), documents.MIME)


async def recipes(request: Request) -> Response:
    """Tell of the recipes that the caller can run, with all that is known of each."""
    here = site(request)

    def make() -> bytes:
        told = {"recipes": [_told(one) for one in here.context.recipes.ready(identity(request))]}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    return tagged(request, await to_thread.run_sync(make), "application/json")


def _example(ready: ReadyRecipe) -> documents.Example:
    recipe = ready.recipe
    return documents.Example(
        recipe.name,
        recipe.title,
        tuple(_paragraphs(recipe)),
        recipe.query(),
        tuple(published_name(table) for table in ready.query.tables),
    )


def _paragraphs(recipe: Recipe) -> list[str]:
    return [
        recipe.selects,
        *recipe.quality_words,
        *(one.words for one in recipe.published),
        *(f"{one.name} = {one.default}: {one.description}; {one.expected}." for one in recipe.parameters),
        f"Source: {recipe.source}.",
    ]


def _told(ready: ReadyRecipe) -> dict[str, Any]:
    recipe = ready.recipe
    expected = recipe.expected
    return {
        "name": recipe.name,
        "title": recipe.title,
        "selects": recipe.selects,
        "source": recipe.source,
        "tables": list(ready.tables),
        "parameters": [
            {
                "name": one.name,
                "type": one.kind,
                "default": one.default,
                "unit": one.unit,
                "min": one.least,
                "max": one.most,
                "choices": list(one.choices),
                "description": one.description,
            }
            for one in recipe.parameters
        ],
        "columns": dict(recipe.columns),
        "published": [{"value": one.value, "source": one.source, "note": one.note} for one in recipe.published],
        "expected": None
        if expected is None
        else {"class": expected.class_name, "purity": expected.purity, "completeness": expected.completeness},
        "query": recipe.query(),
        "template": recipe.adql,
    }


ROUTES = [Route("/examples", examples)]
API_ROUTES = [Route("/api/recipes", recipes)]
