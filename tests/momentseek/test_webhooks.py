"""Webhooks that are really sent, to a web server of this test: signed, tried again, kept across a restart."""

from __future__ import annotations

import doctest
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import momentseek.posting
from api.redact import redact
from core.addresses import is_public_or_own
from core.errors import InvalidRequest, NotFound
from core.outbound import Door
from index.follow_up import EndedJob, FollowUps
from index.webhooks import EVENTS, MOST_WEBHOOKS, add_deliveries
from index.webhooks import Webhooks as WebhookRows
from momentseek.posting import Poster, signed_headers
from momentseek.webhooks import Webhooks
from tests.support.library import until
from tests.support.receiver import Receiver, documented_check, receiving


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[WebhookRows]:
    with WebhookRows.open(tmp_path / "catalogue.db") as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def sender(rows: WebhookRows, waits: Sequence[float] = (0.05, 0.05), seconds: float = 5.0) -> Webhooks:
    return Webhooks(rows, lambda: Poster(Door(is_public_or_own), seconds), waits)


def tell(rows: WebhookRows, text: str = "a.mp4", event: str = "job.ready") -> int:
    with rows._write() as session:
        return add_deliveries(session, event, {"media": text})  # type: ignore[arg-type]


def states(rows: WebhookRows, webhook_id: str) -> list[tuple[str, int, int | None]]:
    return [(one.state, one.attempts, one.status) for one in rows.deliveries(webhook_id, 100, 0)]


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the reference implementation (standardwebhooks), whose own answer this is.
    headers = dict(signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
        '{"test": 2432232314}',
    ))  # fmt: skip
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip


def test_examples() -> None:
    done = doctest.testmod(momentseek.posting)
    assert done.attempted and not done.failed


def test_a_secret_is_no_word_for_logs() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw+/=="
    assert redact(f"the secret {secret}, it is") == "the secret whsec_..., it is"


def test_delivered_and_genuine(rows: WebhookRows, receiver: Receiver) -> None:
    sends = sender(rows)
    made = sends.add(receiver.url, ["job.ready"])
    assert made.secret.startswith("whsec_") and made.secret not in repr(made)
    assert tell(rows, "ünïcode.mp4") == 1 and tell(rows, "b.mp4", "job.failed") == 0
    sends.start()
    try:
        until(lambda: states(rows, made.row.id) == [("delivered", 1, 204)])
    finally:
        sends.stop()
    (one,) = receiver.received
    is_genuine = documented_check()
    assert one.path == "/hook" and one.headers["content-type"] == "application/json"
    assert is_genuine(made.secret, one.headers, one.body)
    assert not is_genuine(made.secret, one.headers, one.body + b" ")
    assert not is_genuine("whsec_" + "AAAA" * 8, one.headers, one.body)
    assert not is_genuine(made.secret, {**one.headers, "webhook-timestamp": "1614265330"}, one.body)
    assert not is_genuine(made.secret, {**one.headers, "webhook-id": "msg_other"}, one.body)
    assert one.event["type"] == "job.ready" and one.event["data"] == {"media": "ünïcode.mp4"}
    assert one.event["timestamp"].endswith("Z")


def test_tried_again_with_the_same_id_and_a_signature_of_its_own(
    rows: WebhookRows, receiver: Receiver
) -> None:
    receiver.answers = [500, 302]
    receiver.location = receiver.url.replace("/hook", "/elsewhere")
    sends = sender(rows)
    made = sends.add(receiver.url, EVENTS)
    tell(rows)
    sends.start()
    try:
        until(lambda: states(rows, made.row.id) == [("delivered", 3, 204)])
    finally:
        sends.stop()
    assert [one.path for one in receiver.received] == ["/hook"] * 3, "redirects are not followed"
    assert len({one.id for one in receiver.received}) == 1
    assert len({one.body for one in receiver.received}) == 1
    is_genuine = documented_check()
    assert all(is_genuine(made.secret, one.headers, one.body) for one in receiver.received)


def test_attempts_are_bounded_and_gone_is_gone(rows: WebhookRows, receiver: Receiver) -> None:
    receiver.answers = [500, 503, 404, 410]
    sends = sender(rows)
    made = sends.add(receiver.url, EVENTS)
    tell(rows)
    sends.start()
    try:
        until(lambda: states(rows, made.row.id) == [("failed", 3, 404)])
        tell(rows)
        sends.wake()
        until(lambda: ("failed", 1, 410) in states(rows, made.row.id))
    finally:
        sends.stop()
    failed = rows.deliveries(made.row.id, 1, 0)[0]
    assert failed.message == "It answered 410." and failed.next_at is None and failed.ended_at is not None


def test_what_waits_outlives_the_process(rows: WebhookRows, receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [500]
    first = sender(rows, waits=(0.2,))
    made = first.add(receiver.url, EVENTS)
    tell(rows)
    first.start()
    until(lambda: states(rows, made.row.id) == [("waiting", 1, 500)])
    first.stop()
    rows.close()
    with WebhookRows.open(tmp_path / "catalogue.db") as opened:
        second = sender(opened, waits=(0.2,))
        second.start()
        try:
            until(lambda: states(opened, made.row.id) == [("delivered", 2, 204)])
        finally:
            second.stop()
    assert len({one.id for one in receiver.received}) == 1 and len(receiver.received) == 2


def test_one_that_is_down_takes_nobody_elses_time(rows: WebhookRows, receiver: Receiver) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can
        down = f"http://127.0.0.1:{held.getsockname()[1]}/"
        sends = sender(rows, waits=(300.0,))
        lost, good = sends.add(down, EVENTS).row, sends.add(receiver.url, EVENTS).row
        for number in range(10):
            tell(rows, f"{number}.mp4")
        sends.start()
        try:
            until(lambda: [state for state, _, _ in states(rows, good.id)] == ["delivered"] * 10)
        finally:
            sends.stop()
    # One attempt, and then it rests.
    assert sorted(states(rows, lost.id)) == [("waiting", 0, None)] * 9 + [("waiting", 1, None)]
    tried = next(one for one in rows.deliveries(lost.id, 100, 0) if one.attempts)
    assert "could not be sent" in str(tried.message)
    media = {one.event["data"]["media"] for one in receiver.received}
    assert media == {f"{number}.mp4" for number in range(10)}


def test_a_slow_one_is_given_up(rows: WebhookRows, receiver: Receiver) -> None:
    receiver.hold = threading.Event()
    sends = sender(rows, seconds=0.3)
    made = sends.add(receiver.url, EVENTS)
    one = sends.ping(made.row.id)
    assert (one.state, one.status) == ("failed", None) and "within 0.3 s" in str(one.message)


def test_a_ping_is_sent_once_and_at_once(rows: WebhookRows, receiver: Receiver) -> None:
    sends = sender(rows)
    made = sends.add(receiver.url, ["job.failed"])
    receiver.answers = [500]
    assert (sends.ping(made.row.id).state, sends.ping(made.row.id).state) == ("failed", "delivered")
    assert receiver.events("ping") == [{"webhook_id": made.row.id}] * 2
    assert rows.due(()) == [] and rows.next_time() is None
    with pytest.raises(NotFound):
        sends.ping("nothing")


PRIVATE = (
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://10.0.0.1/",
    "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://0.0.0.0:{port}/",
    "http://2130706433:{port}/", "http://0x7f.1:{port}/", "http://127.1:{port}/", "http://[::ffff:127.0.0.1]/",
    "http://me:secret@example.com/", "ftp://example.com/", "http://100.64.0.1/", "file:///etc/passwd",
)  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_places_that_are_nobodys_business(rows: WebhookRows, receiver: Receiver, url: str) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    with pytest.raises(InvalidRequest) as refused:
        Webhooks(rows, lambda: Poster(Door(), 2.0)).add(url.replace("{port}", port), EVENTS)
    assert "secret" not in str(refused.value)
    assert rows.list_all() == [] and receiver.received == []


def test_a_name_that_moves_inside_afterwards(rows: WebhookRows, receiver: Receiver) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    answers = [["93.184.215.14"], ["127.0.0.1"]]
    door = Door(resolve=lambda host, port: answers.pop(0))
    sends = Webhooks(rows, lambda: Poster(door, 2.0), waits_seconds=())
    made = sends.add(f"http://moves.test:{port}/", EVENTS)
    one = sends.ping(made.row.id)
    assert one.state == "failed" and "no place on the public Internet" in str(one.message)
    assert receiver.received == []


def test_metadata_of_clouds_stays_shut_even_inside(rows: WebhookRows) -> None:
    for url in ("http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0/", "http://224.0.0.1/"):
        with pytest.raises(InvalidRequest, match="can be found"):
            sender(rows).add(url, EVENTS)


def test_events_and_bounds(rows: WebhookRows) -> None:
    with pytest.raises(InvalidRequest, match=r"no event 'job\.lost'; they are job\.ready"):
        rows.add("http://a.test/", ["job.lost"])
    with pytest.raises(InvalidRequest, match="No event"):
        rows.add("http://a.test/", [])
    for _ in range(MOST_WEBHOOKS):
        rows.add("http://a.test/", EVENTS)
    with pytest.raises(InvalidRequest, match="50 webhooks already"):
        rows.add("http://a.test/", EVENTS)
    first = rows.list_all()[0]
    tell(rows)
    rows.remove(first.id)
    assert len(rows.list_all()) == MOST_WEBHOOKS - 1
    for gone in (rows.get, rows.remove, lambda one: rows.deliveries(one, 1, 0)):
        with pytest.raises(NotFound):
            gone(first.id)


def test_what_waits_and_what_has_ended_is_bounded(
    rows: WebhookRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.webhooks.MOST_WAITING", 3)
    monkeypatch.setattr("index.webhooks.KEPT_DELIVERIES", 2)
    webhook_id = rows.add("http://a.test/", EVENTS).row.id
    for number in range(5):
        tell(rows, f"{number}.mp4")
        time.sleep(0.001)
    assert sorted(state for state, _, _ in states(rows, webhook_id)) == ["failed"] * 2 + ["waiting"] * 3
    for due in (rows.due(())[0], rows.due(())[0]):
        rows.note_attempt(due.id, True, 200, None)
    kept = [state for state, _, _ in states(rows, webhook_id)]
    assert len(kept) <= 4 and kept.count("waiting") == 2


def test_the_end_of_a_job_is_told_once(rows: WebhookRows, tmp_path: Path) -> None:
    from index.catalogue import Catalogue

    webhook_id = rows.add("http://a.test/", EVENTS).row.id
    path = tmp_path / "catalogue.db"
    with Catalogue.open(path) as catalogue, FollowUps.open(path) as follow_ups:
        catalogue.record_file(tmp_path / "a.mp4", 1, 1, "m1")
        assert catalogue.claim_media("m1", "me", 60)
        assert follow_ups.ended_jobs(10) == []
        catalogue.finish_media("m1", "me", "failed", "It is broken.")
        (ended,) = follow_ups.ended_jobs(10)
        assert (ended.state, ended.message, ended.first_done_at) == ("failed", "It is broken.", None)
        before = catalogue.get_job(ended.id)
        assert follow_ups.followed_up(ended, {"n": 1}) and not follow_ups.followed_up(ended, {"n": 2})
        assert catalogue.get_job(ended.id) == before, "or who listens to jobs would hear of it once more"
        assert follow_ups.ended_jobs(10) == []

        def run_again(state: str) -> EndedJob:
            assert catalogue.claim_media("m1", "me", 60)
            catalogue.finish_media("m1", "me", state)  # type: ignore[arg-type]
            (found,) = follow_ups.ended_jobs(10)
            return found

        done = run_again("done")
        assert done.first_done_at == done.ended_at
        again = run_again("done")
        assert not follow_ups.followed_up(done, {}), "that end is no longer the last"
        assert follow_ups.followed_up(again, {})
        third = run_again("done")
        assert third.first_done_at == again.ended_at, "it was not new any more"
        assert catalogue.claim_media("m1", "me", 60)
        catalogue.finish_media("m1", "me", "cancelled")
        assert follow_ups.ended_jobs(10) == []
    events = [one.event for one in rows.deliveries(webhook_id, 10, 0)]
    assert sorted(events) == ["job.failed", "job.ready"]
