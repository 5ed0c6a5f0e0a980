"""What can be done with an answer over HTTP: pages, groups, order, curves and feedback, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.routes.search import AnswerOut
from search.memory import page_token
from tests.support.library import CUT_SECONDS, LENGTH_SECONDS, Library, run_command, write_query
from tests.support.server import Server, serving

UNKNOWN = "0" * 32


@pytest.fixture(scope="module")
def server(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that leave it as it is."""
    with serving(library.copy(tmp_path_factory.mktemp("served") / "data")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with connect(server) as opened:
        yield opened


def connect(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, timeout=60, trust_env=False)


def search(client: httpx.Client, *pictures: Path, **fields: Any) -> dict[str, Any]:
    files = [("image", picture.read_bytes()) for picture in pictures]
    return answered(client.post("/v1/search", data=fields, files=files))


def answered(reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def refused(reply: httpx.Response, status: int, code: str) -> str:
    """The message of an error in the one shape there is."""
    body = reply.json()
    assert (reply.status_code, body["code"]) == (status, code), body
    message: str = body["message"]
    assert body.keys() == {"code", "message"} and message.endswith(".") and "\n" not in message
    return message


def all_pages(client: httpx.Client, first: dict[str, Any]) -> list[dict[str, Any]]:
    pages = [first]
    while pages[-1]["next_page_token"]:
        pages.append(answered(client.get(f"/v1/search/pages/{pages[-1]['next_page_token']}")))
    return pages


def moment(segment: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A result as feedback names it."""
    return {
        "media_id": segment["media_id"], "at_seconds": segment["best_seconds"],
        "box_xyxy": segment["box_xyxy"], **changes,
    }  # fmt: skip


# Pages, groups, order


def test_pages_are_the_whole_answer_in_parts(client: httpx.Client, cup_picture: Path) -> None:
    whole = search(client, cup_picture)
    assert (len(whole["segments"]), whole["next_page_token"], whole["remaining"]) == (2, None, 0)
    pages = all_pages(client, search(client, cup_picture, limit=1))
    assert [page["remaining"] for page in pages] == [1, 0]
    assert [segment for page in pages for segment in page["segments"]] == whole["segments"]
    assert {(page["query_id"], page["message"]) for page in pages} == {
        (pages[0]["query_id"], whole["message"])
    }
    again = answered(client.get(f"/v1/search/pages/{pages[0]['next_page_token']}"))
    assert again == pages[1]


def test_pages_stay_as_they_were_while_media_arrive(
    own_library: Library, cup_picture: Path, tmp_path: Path
) -> None:
    with serving(own_library) as server, connect(server) as client:
        whole, first = search(client, cup_picture), search(client, cup_picture, limit=1)
        new = write_query(tmp_path / "another_cup.jpg", "coffee")
        done = run_command(own_library.model_dir, "ingest", new, "--data-dir", own_library.data_dir)
        assert done.returncode == 0, done.stderr
        pages = all_pages(client, first)
        assert [segment for page in pages for segment in page["segments"]] == whole["segments"]
        assert "another_cup.jpg" in [one["media"] for one in search(client, cup_picture)["segments"]]


def test_grouped_by_media_and_sorted_by_time(client: httpx.Client, cup_picture: Path) -> None:
    assert search(client, cup_picture)["groups"] is None
    grouped = search(client, cup_picture, group_by="media")
    assert [group["media"] for group in grouped["groups"]] == [one["media"] for one in grouped["segments"]]
    for group, best in zip(grouped["groups"], grouped["segments"], strict=True):
        assert group["segment_count"] == 1
        assert {key: best[key] for key in group if key != "segment_count"} == {
            key: value for key, value in group.items() if key != "segment_count"
        }
    pages = all_pages(client, search(client, cup_picture, group_by="media", limit=1))
    assert [page["groups"] for page in pages] == [[group] for group in grouped["groups"]]
    by_time = search(client, cup_picture, sort="time")["segments"]
    assert [one["media"] for one in by_time] == ["cup.webp", "kitchen.mp4"]


def test_answers_are_as_the_document_says(client: httpx.Client, cup_picture: Path) -> None:
    """They are not written by the models that it is made from."""
    for fields in ({}, {"box": "0.2,0.1,0.8,0.8", "limit": 1}, {"group_by": "media", "limit": 1}):
        answer = search(client, cup_picture, **fields)
        assert AnswerOut.model_validate(answer).model_dump(mode="json") == answer


def test_a_box_comes_with_its_path(client: httpx.Client, cup_picture: Path) -> None:
    answer = search(client, cup_picture, box="0.2,0.1,0.8,0.8", only="video", refine="false")
    [segment] = answer["segments"]
    assert segment["refined"] is False and segment["path"]
    times = [at["seconds"] for at in segment["path"]]
    assert times == sorted(times) and segment["start_seconds"] <= times[0]
    assert times[-1] < segment["end_seconds"]
    for at in segment["path"]:
        x1, y1, x2, y2 = at["box_xyxy"]
        assert 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1


@pytest.mark.parametrize(("fields", "said"), [
    ({"sort": "size"}, "'score' or 'time'"),
    ({"group_by": "label"}, "'media'"),
    ({"refine": "perhaps"}, "boolean"),
])  # fmt: skip
def test_choices_that_are_none(
    client: httpx.Client, cup_picture: Path, fields: dict[str, str], said: str
) -> None:
    reply = client.post("/v1/search", data=fields, files={"image": cup_picture.read_bytes()})
    message = refused(reply, 400, "parameter_invalid")
    assert said in message and next(iter(fields)) in message


# Curves


def test_a_curve_for_a_timeline(client: httpx.Client, cup_picture: Path, library: Library) -> None:
    answer, kitchen = search(client, cup_picture), library.ids["kitchen.mp4"]
    curve = answered(client.get(f"/v1/search/{answer['query_id']}/media/{kitchen}/curve"))
    assert (curve["query_id"], curve["media_id"]) == (answer["query_id"], kitchen)
    [segment] = curve["segments"]
    assert segment in answer["segments"]
    best, levels = curve["best"], curve["thresholds"]
    assert 0 < levels["low"] < levels["medium"] < levels["high"] < 100
    # From the first to the last moment of the file, one stretch after the other.
    assert best["start_seconds"][0] == 0 and best["start_seconds"][1:] == best["end_seconds"][:-1]
    assert best["end_seconds"][-1] == LENGTH_SECONDS["kitchen.mp4"]
    cut = best["start_seconds"].index(CUT_SECONDS["kitchen.mp4"])
    assert max(best["score"][:cut]) == pytest.approx(segment["score"], abs=0.01)
    assert len(best["score"][cut:]) >= 4 and max(best["score"][cut:]) < levels["low"]
    assert curve["parts"].keys() == {"frames", "regions"}
    for line in (best, *curve["parts"].values()):
        assert len(line["start_seconds"]) == len(line["end_seconds"]) == len(line["score"])
    short = answered(client.get(f"/v1/search/{answer['query_id']}/media/{kitchen[:8]}/curve"))
    assert short == curve


def test_a_curve_of_a_file_without_a_match(client: httpx.Client, cup_picture: Path, library: Library) -> None:
    answer, space = search(client, cup_picture), library.ids["space.mp4"]
    curve = answered(client.get(f"/v1/search/{answer['query_id']}/media/{space}/curve"))
    assert curve["segments"] == [] and 0 < max(curve["best"]["score"]) < curve["thresholds"]["low"]


def test_a_curve_for_a_face(client: httpx.Client, face_picture: Path, library: Library) -> None:
    answer, space = search(client, face_picture, mode="face"), library.ids["space.mp4"]
    curve = answered(client.get(f"/v1/search/{answer['query_id']}/media/{space}/curve"))
    assert curve["parts"] == {"faces": curve["best"]}
    assert max(curve["best"]["end_seconds"]) <= CUT_SECONDS["space.mp4"] + 0.5


def test_a_curve_with_few_points_keeps_its_peak(
    client: httpx.Client, cup_picture: Path, library: Library
) -> None:
    answer, kitchen = search(client, cup_picture), library.ids["kitchen.mp4"]
    address = f"/v1/search/{answer['query_id']}/media/{kitchen}/curve"
    whole, few = (answered(client.get(address, params={"max_points": n})) for n in (2000, 4))
    assert max(few["best"]["score"]) == max(whole["best"]["score"])
    assert len(few["best"]["score"]) == 4 < len(whole["best"]["score"])
    assert {len(line["score"]) for line in few["parts"].values()} == {4}
    assert few["best"]["end_seconds"][-1] == LENGTH_SECONDS["kitchen.mp4"]
    assert few["segments"] == whole["segments"]
    for wrong in ("1", "20001", "all"):
        refused(client.get(address, params={"max_points": wrong}), 400, "parameter_invalid")


# Feedback


def test_what_is_liked_comes_up(client: httpx.Client, cup_picture: Path, library: Library) -> None:
    before = search(client, cup_picture)
    liked = {"media_id": library.ids["space.mp4"][:8], "at_seconds": 1.0}
    after = answered(client.post(f"/v1/search/{before['query_id']}/feedback", json={"more": [liked]}))
    assert "space.mp4" not in [one["media"] for one in before["segments"]]
    assert "space.mp4" in [one["media"] for one in after["segments"]]
    assert after["query_id"] != before["query_id"]
    assert after["timings_ms"].keys() >= {"embed", "candidates", "curves"}
    # The answer before is still there, and the new one can be asked on.
    assert answered(client.get(f"/v1/search/pages/{page_token(before['query_id'], 0)}"))["segments"] == (
        before["segments"]
    )
    curve = client.get(f"/v1/search/{after['query_id']}/media/{library.ids['space.mp4']}/curve")
    assert answered(curve)["segments"]


def test_what_is_disliked_goes(client: httpx.Client, cup_picture: Path) -> None:
    before = search(client, cup_picture)
    kitchen = next(one for one in before["segments"] if one["media"] == "kitchen.mp4")
    less = {"less": [moment(kitchen, box_xyxy=None)]}
    after = answered(client.post(f"/v1/search/{before['query_id']}/feedback", json=less))
    assert "kitchen.mp4" not in [one["media"] for one in after["segments"]]


@pytest.mark.parametrize(("body", "code", "said"), [
    ({}, "parameter_invalid", "0 moments"),
    ({"more": [], "less": []}, "parameter_invalid", "1 to 10"),
    ({"more": [{"media_id": "abcd"}] * 6, "less": [{"media_id": "abcd"}] * 5}, "parameter_invalid", "11 mom"),
    ({"more": [{"at_seconds": 1}]}, "parameter_not_provided", "media_id"),
    ({"more": [{"media_id": "abcd", "at": 1}]}, "parameter_invalid", "at: "),
    ({"liked": [{"media_id": "abcd"}]}, "parameter_invalid", "liked: "),
    ({"more": [{"media_id": "abcd", "at_seconds": -1}]}, "parameter_invalid", "at_seconds"),
    ({"more": [{"media_id": "abcd", "box_xyxy": [0, 0, 1]}]}, "parameter_not_provided", "box_xyxy"),
    ({"more": [{"media_id": "abcd", "box_xyxy": [0, 0, 2, 1]}]}, "box_invalid", "outside the picture"),
    ({"less": [{"media_id": "abcd", "box_xyxy": [0.5, 0, 0.5, 1]}]}, "box_invalid", "no area"),
    ([], "parameter_invalid", "body"),
])  # fmt: skip
def test_feedback_that_makes_no_sense(client: httpx.Client, body: Any, code: str, said: str) -> None:
    assert said in refused(client.post(f"/v1/search/{UNKNOWN}/feedback", json=body), 400, code)


def test_feedback_on_media_that_are_none(client: httpx.Client, cup_picture: Path, library: Library) -> None:
    address = f"/v1/search/{search(client, cup_picture)['query_id']}/feedback"
    nowhere = client.post(address, json={"less": [{"media_id": "feedbeef"}]})
    assert "'feedbeef'" in refused(nowhere, 404, "resource_not_exist")
    late = {"more": [{"media_id": library.ids["kitchen.mp4"], "at_seconds": 99}]}
    assert "past the end" in refused(client.post(address, json=late), 400, "time_out_of_range")
    other_site = client.post(address, json=late, headers={"sec-fetch-site": "cross-site"})
    refused(other_site, 403, "origin_not_allowed")
    for body in (b"", b"{", b"more"):
        reply = client.post(address, content=body, headers={"content-type": "application/json"})
        assert reply.status_code == 400, reply.text


# What is not remembered


def test_what_is_not_remembered(client: httpx.Client, library: Library) -> None:
    kitchen = library.ids["kitchen.mp4"]
    for reply in (
        client.get(f"/v1/search/pages/{page_token(UNKNOWN, 50)}"),
        client.get(f"/v1/search/{UNKNOWN}/media/{kitchen}/curve"),
        client.post(f"/v1/search/{UNKNOWN}/feedback", json={"more": [{"media_id": kitchen}]}),
    ):
        assert "ask it again" in refused(reply, 404, "query_forgotten")


@pytest.mark.parametrize("token", ["zz", "%00", "%C3%A9", "bm8gY29sb24", UNKNOWN])
def test_what_is_no_token(client: httpx.Client, token: str) -> None:
    message = refused(client.get(f"/v1/search/pages/{token}"), 400, "parameter_invalid")
    assert "next_page_token" in message


def test_media_without_a_curve(client: httpx.Client, cup_picture: Path) -> None:
    query_id = search(client, cup_picture)["query_id"]
    reply = client.get(f"/v1/search/{query_id}/media/feedbeef/curve")
    assert "'feedbeef'" in refused(reply, 404, "resource_not_exist")


# The document


def test_the_document_says_what_can_be_asked_and_what_can_go_wrong(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for path, method in (
        ("/v1/search/pages/{token}", "get"),
        ("/v1/search/{query_id}/media/{media_id}/curve", "get"),
        ("/v1/search/{query_id}/feedback", "post"),
    ):
        route = document["paths"][path][method]
        assert route["summary"] and route["description"]
        assert route["responses"].keys() >= {"200", "400", "404", "413", "422", "503"}
        assert "query_forgotten" in route["responses"]["404"]["description"]
        for status, described in route["responses"].items():
            if status != "200":
                schema = described["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (path, status)
    [form] = document["paths"]["/v1/search"]["post"]["requestBody"]["content"].values()
    asked = schemas[form["schema"]["$ref"].rpartition("/")[2]]["properties"]
    for field in ("refine", "sort", "group_by", "limit"):
        assert asked[field]["description"], field
    for name in ("AnswerOut", "SegmentOut", "GroupOut", "CurveOut", "FeedbackIn", "MomentIn"):
        assert schemas[name]["properties"], name
    assert schemas["AnswerOut"]["properties"].keys() >= {"next_page_token", "remaining", "groups"}
    assert schemas["SegmentOut"]["properties"].keys() >= {"path", "refined"}
