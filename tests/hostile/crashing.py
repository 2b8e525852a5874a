"""A pytest plugin under which the suite breaks in the middle of a run, with secrets in what the exceptions say."""

from __future__ import annotations

import pytest

from tests.hostile.leaking import CORES

WHERE = "required-only"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    if WHERE in item.name:
        _break()


def _break() -> None:
    told = f"cannot reach rtsp://u:{CORES['crash']}@h/"
    try:
        raise ConnectionError(told, f"token={CORES['crash']}")
    except ConnectionError as error:
        raise RuntimeError(f"the bridge said: {told}, X-My-Key: {CORES['crash']}") from error
