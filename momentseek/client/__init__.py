"""A client for Python programs: typed, quick to import, nothing of the models in it.

    from momentseek.client import Client

    with Client(key="ms_...") as client:
        client.media.wait(client.media.upload("holiday.mp4"))
        for segment in client.search("cup.jpg", only="video"):
            print(segment.media, segment.start_seconds, segment.end_seconds, segment.score)

docs/api.md has an example of everything.
"""

from core.answer import BoxAt, Group, Segment
from momentseek.client.client import Client
from momentseek.client.errors import (
    JobFailed,
    NotAllowed,
    ServerBusy,
    ServerUnreachable,
    StillRunning,
    UploadInterrupted,
)
from momentseek.client.people import Appearance, Person
from momentseek.client.records import (
    Added,
    Answer,
    Curve,
    Duplicates,
    Job,
    Line,
    Media,
    Moment,
    Similar,
    Stretch,
)
from momentseek.client.saved_queries import Match, SavedQuery
from momentseek.client.webhooks import Delivery, Webhook

__all__ = [
    "Added", "Answer", "Appearance", "BoxAt", "Client", "Curve", "Delivery", "Duplicates", "Group", "Job",
    "JobFailed", "Line", "Match", "Media", "Moment", "NotAllowed", "Person", "SavedQuery", "Segment",
    "ServerBusy", "ServerUnreachable", "Similar", "StillRunning", "Stretch", "UploadInterrupted", "Webhook",
]
