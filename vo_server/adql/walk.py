"""Walking trees without recursion, so that no query can exhaust the interpreter's stack."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, TypeAlias, TypeVar

from vo_server.adql.tree import Node, QueryNode, Subscript, children

__all__ = ["Task", "postorder", "preorder", "run"]

T = TypeVar("T")

Task: TypeAlias = Generator["Task[Any]", Any, T]
"""A function in steps: it yields the tasks whose results it needs and gets each result back."""


def run(task: Task[T]) -> T:
    """Run a task and the tasks it asks for, keeping them on a list instead of the stack."""
    waiting: list[Task[Any]] = [task]
    result: Any = None
    while waiting:
        try:
            asked = waiting[-1].send(result)
        except StopIteration as stop:
            waiting.pop()
            result = stop.value
        else:
            waiting.append(asked)
            result = None
    final: T = result
    return final


def preorder(root: Node) -> Iterator[Node]:
    """Yield a node and all nodes inside it, each before what is inside it, in the order of the text."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(children(node))))


def postorder(root: Node) -> Iterator[Node]:
    """Yield all nodes inside a node and the node itself, each after what is inside it.

    Subqueries are left out, and the index of a subscript, whose name is no column.
    """
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, is_open = stack.pop()
        if is_open:
            yield node
            continue
        stack.append((node, True))
        inside = [node.array] if isinstance(node, Subscript) else children(node)
        stack.extend((child, False) for child in reversed(list(inside)) if not isinstance(child, QueryNode))
