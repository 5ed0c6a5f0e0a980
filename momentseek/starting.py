"""The process of the embedded store, started before everything else that takes long.

To start it and to open an index takes as long as all that a server imports, and it has a processor of its
own. So this imports little itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import MomentseekError
from index.stores.edge_link import Link
from index.stores.edge_wire import only_generation

if TYPE_CHECKING:
    from core.settings import Settings


@contextmanager
def starting_store(settings: Settings) -> Iterator[None]:
    """The process of an embedded store starts meanwhile and opens the index, for whoever opens it inside."""
    if settings.store.url is not None:
        yield
        return
    data_dir = settings.data_dir.absolute()
    with closing(Link(data_dir, linger_seconds=1.0, start_timeout_seconds=30.0)) as link:
        # Nobody waits for it: where somebody else holds the index, that takes the whole time out.
        threading.Thread(target=_start, args=(link, data_dir), name="starting-store", daemon=True).start()
        yield


def _start(link: Link, data_dir: Path) -> None:
    # Whatever is wrong, opening says it better.
    with suppress(MomentseekError, OSError, ValueError):
        link.reach()
        generation = only_generation(data_dir)
        if generation is not None:
            link.call("open", generation, None, False)
