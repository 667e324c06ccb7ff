"""The plots of the documentation are made by a command, the same for the same sky."""

from __future__ import annotations

from pathlib import Path

from ingest.mock.plots import PLOTS
from tests.support.process import run_command


def test_the_command_draws_every_plot_of_the_page(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "mock.md"
    told = run_command("mock", "plots", "-o", str(tmp_path / "new"), "--rows", "20000", timeout_s=200).stdout.split()
    assert told == [str(tmp_path / "new" / f"{name}.png") for name in PLOTS]
    for name, path in zip(PLOTS, told, strict=True):
        assert Path(path).read_bytes().startswith(b"\x89PNG")
        assert f"mock/{name}.png" in page.read_text(encoding="utf-8")
