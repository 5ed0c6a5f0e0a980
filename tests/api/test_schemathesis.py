"""The OpenAPI document held against the server: requests made from it, valid and not, and what they get.

    SCHEMATHESIS_EXAMPLES=200 make test-long WORKERS=0 ARGS='tests/api/test_schemathesis.py -s'

looks for longer: also at the limits of every field, one by one, and along chains of requests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.support.library import Library, environment
from tests.support.media_factory import textured, write_video
from tests.support.server import serving

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "0"))
"""Of each route; 0: as many as go into a test run."""
ENDLESS = {("get", "/v1/jobs/events")}
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.long
def test_what_the_document_says_is_so(own_library: Library, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    write_video(films / "holiday.mp4", [textured(1)] * 10, fps=10)
    key = own_library.add_key("schemathesis", "admin")
    with serving(own_library, server__media_roots=f'["{films}"]', server__max_media_mb=1) as server:
        said: list[str] = []
        # Read as it comes: a full pipe would stop the server.
        listening = Thread(target=said.extend, args=[server.process.stdout])
        listening.start()
        document = httpx.get(f"{server.url}/openapi.json", timeout=60, trust_env=False).json()
        routes = {(method, path) for path, methods in document["paths"].items() for method in methods}
        done = subprocess.run(
            [
                sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run",
                f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {key}",
                "--phases", "examples,coverage,fuzzing,stateful" if EXAMPLES else "examples,fuzzing",
                "--max-examples", str(EXAMPLES or 5), "--continue-on-failure", "--warnings", "off",
                "--no-color",
            ],
            env=environment(own_library.model_dir), cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        print(done.stdout)
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr + "".join(said)[-5_000:]
        tested = re.search(r"Tested: (\d+)", done.stdout)
        assert tested is not None and int(tested.group(1)) == len(routes - ENDLESS)
        cases = re.search(r"(\d+) generated", done.stdout)
        assert cases is not None and int(cases.group(1)) > 5 * len(routes)
        server.process.terminate()
        listening.join()
    whole = "".join(said)
    assert "Traceback" not in whole and key not in whole, whole
