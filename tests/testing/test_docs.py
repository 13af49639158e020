"""docs/testing.md says what the code does."""

import inspect
from pathlib import Path

import pytest

from trio_wa import testing
from trio_wa.simulator.magic_numbers import MAGIC_NUMBERS
from trio_wa.testing.harness import TrioWa
from trio_wa.testing.sync_trio_wa import SyncTrioWa
from trio_wa.testing.sync_waha import SyncWaha
from trio_wa.testing.waha import Waha

DOCS = (Path(__file__).parents[2] / "docs/testing.md").read_text(encoding="utf-8")
INNER = {"lives", "witnesses", "account", "check_ledger"}  # how the fixtures are made


def test_the_table_of_magic_numbers_is_that_of_the_code():
    shown = [line for line in DOCS.splitlines() if line.startswith("| +44 7700 900")]
    assert shown == [f"| {each.shown} | {each.what} | {each.ends} |" for each in MAGIC_NUMBERS]


@pytest.mark.parametrize("kind", [TrioWa, Waha])
def test_each_method_is_documented(kind):
    names = {name for name in vars(kind) if not name.startswith("_")} - INNER
    assert [name for name in names if f"`{name}" not in DOCS and f"await {name}" not in DOCS] == []


@pytest.mark.parametrize(("kind", "sync"), [(TrioWa, SyncTrioWa), (Waha, SyncWaha)])
def test_the_synchronous_variant_has_the_same_methods(kind, sync):
    names = {name for name in vars(kind) if not name.startswith("_")} - INNER
    assert names == {name for name in vars(sync) if not name.startswith("_")}
    for name in names:
        if inspect.isfunction(vars(kind)[name]):
            ours = inspect.signature(vars(kind)[name]).parameters
            assert ours == inspect.signature(vars(sync)[name]).parameters


def test_every_public_name_loads():
    assert [name for name in testing.__all__ if not hasattr(testing, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        testing.Nothing  # noqa: B018 - the access is the test
