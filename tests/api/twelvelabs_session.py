"""A session with the Twelve Labs SDK as one would type it, printed with what it answers: docs/twelvelabs.md.

    momentseek serve --port 8765 &
    PYTHONPATH=.venv/sdk/twelvelabs-1.3.6 python tests/api/twelvelabs_session.py kitchen.mp4 cup.jpg
"""

from __future__ import annotations

import sys
from code import InteractiveConsole
from pathlib import Path

TYPED = """
from twelvelabs import TwelveLabs
from twelvelabs.indexes import IndexesCreateRequestModelsItem as Model
client = TwelveLabs(api_key="any", base_url="http://127.0.0.1:8765/v1.3")

seeing = Model(model_name="marengo3.0", model_options=["visual"])
index = client.indexes.create(index_name="holidays", models=[seeing])
task = client.tasks.create(index_id=index.id, video_file=open(FILM, "rb"), user_metadata='{"camera": "left"}')
client.tasks.wait_for_done(task.id, callback=lambda task: print(task.status)).status
client.indexes.videos.retrieve(index.id, task.video_id).system_metadata.duration

ask = dict(index_id=index.id, search_options=["visual"], query_media_type="image")
for clip in client.search.query(query_media_file=open(PICTURE, "rb"), **ask):
    print(clip.rank, clip.start, clip.end, clip.score, clip.confidence, clip.filename)

list(client.search.query(query_media_file=open(PICTURE, "rb"), filter='{"camera": "right"}', **ask))
client.search.query(query_media_file=PICTURE, **ask)
client.search.query(index_id=index.id, search_options=["audio"], query_text="applause")
client.search.retrieve("an-old-token")

client.indexes.delete(index.id)
client.indexes.retrieve(index.id)
"""


def main(film: str, picture: str) -> None:
    shown = TYPED.replace("FILM", repr(Path(film).name)).replace("PICTURE", repr(Path(picture).name))
    console = InteractiveConsole()
    # As Python would, without the traceback and the headers.
    sys.excepthook = lambda kind, error, _: print(f"{kind.__name__}: {error.status_code} {error.body}")
    more = False
    for line in shown.strip().splitlines():
        print(f"{'...' if more else '>>>'} {line}" if line else ("..." if more else ""))
        more = console.push(line)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
