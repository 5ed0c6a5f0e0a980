"""Which server of a library commands talk to, when there are two."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from core.errors import SettingsError
from index.copying import copy_catalogue
from momentseek.remote import first_server, running_server
from tests.support.library import REPOSITORY, Library
from tests.support.postgresql import available
from tests.support.server import serving

_HOLDING = """
import sys, time
from pathlib import Path
from momentseek.remote import first_server
with first_server(Path(sys.argv[1])) as first:
    print(first, flush=True)
    time.sleep(600)
"""


def test_one_is_the_first_until_it_is_gone(tmp_path: Path) -> None:
    data_dir = tmp_path / "not there yet"
    with first_server(data_dir) as one, first_server(data_dir) as other:
        assert (one, other) == (True, False)
    held = subprocess.Popen(
        [sys.executable, "-c", _HOLDING, data_dir], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert held.stdout is not None and held.stdout.readline() == "True\n"
    with first_server(data_dir) as first:
        assert first is False
    held.kill()
    held.communicate()
    with first_server(data_dir) as first:
        assert first is True, "a killed one leaves nothing behind"
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used"), first_server(tmp_path / "file"):
        pass


@pytest.mark.long
def test_the_second_server_leaves_the_address_of_the_first(own_library: Library, tmp_path: Path) -> None:
    """They share a database and the folder: commands go to the first, whoever comes and goes beside it."""
    data_dir = own_library.data_dir
    with available() as database:
        shared = {"catalogue__url": database.new_database()}
        copy_catalogue(data_dir / "catalogue.sqlite", shared["catalogue__url"])
        come_and_go(own_library, **shared)


def come_and_go(own_library: Library, **shared: str) -> None:
    data_dir = own_library.data_dir
    with serving(own_library, **shared) as first:
        left = (data_dir / "server.json").read_text()
        assert json.loads(left)["url"] == first.url
        with serving(own_library, **shared) as second:
            assert second.url != first.url
            assert httpx.get(f"{second.url}/v1/health/live", timeout=30, trust_env=False).is_success
            assert second.stop()[0] == 0
        assert (data_dir / "server.json").read_text() == left
        known = running_server(data_dir)
        assert known is not None and known.url == first.url
        assert first.stop()[0] == 0
    assert not (data_dir / "server.json").exists()
