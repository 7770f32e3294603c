"""The server of the view answers its own page, and nobody else; it reads no file outside the folders it was given."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from filelock import FileLock

from i2a.trees.json import dump
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance
from i2a.view.follow import Follower
from i2a.view.server import ViewServer
from i2a.view.shelf import Shelf
from tests.i2a.report.folders import run

TOKEN = "a-token"


def tree(number: int) -> str:
    made = Tree(f"t{number}", "aloe", Persona("p", "Bees.", "Blunt.", "p", "t"), number)
    made.add(
        made.add(None, Utterance("user", f"message {number}", None, None)), Utterance("candidate", "x", None, None)
    )
    return dump(made) + "\n"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a run, and beside it a secret to which links lead."""
    root = tmp_path / "runs"
    root.mkdir()
    run(root / "first", {"personas": {"conversations": 9}}, trees_jsonl="".join(map(tree, range(5))))
    secret = run(tmp_path / "secret", {"a": "b"}, trees_jsonl=tree(99))
    (root / "linked").symlink_to(secret)
    (run(root / "half", {"a": "b"}) / "trees.jsonl").symlink_to(secret / "trees.jsonl")
    return root


@pytest.fixture
async def client(runs: Path) -> AsyncIterator[TestClient[Any, Any]]:
    shelf = Shelf([runs])
    async with TestClient(TestServer(ViewServer(shelf).app(TOKEN))) as client:
        yield client
    shelf.close()


async def status(client: TestClient[Any, Any], path: str, **headers: str) -> int:
    async with client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()}) as answer:
        return answer.status


async def asked(client: TestClient[Any, Any], path: str) -> Any:
    async with client.get(f"/{TOKEN}/api/{path}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.mark.parametrize("path", ["/", "/api/runs", "/wrong/", "/wrong/api/runs", "//", f"/{TOKEN[:-1]}/api/runs"])
async def test_without_the_token_there_is_nothing(client: TestClient[Any, Any], path: str) -> None:
    assert await status(client, path) == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
async def test_another_page_is_refused_even_with_the_token(
    client: TestClient[Any, Any], headers: dict[str, str]
) -> None:
    assert await status(client, f"/{TOKEN}/api/runs", **headers) == 403
    assert await status(client, f"/{TOKEN}/api/runs") == 200


async def test_a_form_of_another_page_cannot_send_anything(client: TestClient[Any, Any]) -> None:
    async with client.post(f"/{TOKEN}/api/rate?run=runs/first", data={"item": "x"}) as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    "name", ["../secret", "runs/../secret", "runs/linked", "/etc", "..%2f..", "runs/first/", "", "runs/first\0"]
)
async def test_a_name_is_looked_up_and_never_a_path(client: TestClient[Any, Any], name: str) -> None:
    for what in ("run", "trees", "tree", "curves", "progress", "differences"):
        async with client.get(f"/{TOKEN}/api/{what}", params={"run": name}) as answer:
            assert answer.status == 404


@pytest.mark.parametrize("name", ["..%2fserver.py", "../server.py", "%2e%2e/guard.py", "__init__.py", "page.html"])
async def test_only_the_files_of_the_page_are_served(client: TestClient[Any, Any], name: str) -> None:
    assert await status(client, f"/{TOKEN}/web/{name}") == 404


async def test_what_leads_out_of_the_folder_is_not_there(client: TestClient[Any, Any]) -> None:
    assert {one["run"] for one in (await asked(client, "runs"))["runs"]} == {"runs/first", "runs/half"}
    assert (await asked(client, "trees?run=runs/half"))["total"] == 0


async def test_every_answer_forbids_foreign_scripts_and_frames(client: TestClient[Any, Any]) -> None:
    for path in (f"/{TOKEN}/", f"/{TOKEN}/api/runs", f"/{TOKEN}/web/app.js", "/nothing"):
        async with client.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_trees_are_filtered_and_paged(client: TestClient[Any, Any]) -> None:
    found = await asked(client, "trees?run=runs/first&order=newest&limit=2&offset=1")
    assert ([one["id"] for one in found["entries"]], found["total"], found["left"]) == (["t3", "t2"], 5, 0)
    assert [one["id"] for one in (await asked(client, "trees?run=runs/first&words=4"))["entries"]] == ["t4"]
    assert (await asked(client, "tree?run=runs/first&id=t2"))["tree"]["nodes"][0]["content"] == "message 2"


async def test_the_first_paint_of_ten_thousand_trees_takes_less_than_a_second_of_work(
    client: TestClient[Any, Any], runs: Path
) -> None:
    """Of this process, whatever else the machine does. What is asked is what the page asks for, of a run never seen."""
    run(runs / "large", {"a": "b"}, trees_jsonl="".join(map(tree, range(10_000))))
    before = process_time()
    await asked(client, "runs")
    await asked(client, "run?run=runs/large")
    found = await asked(client, "trees?run=runs/large&limit=100")
    await asked(client, f"tree?run=runs/large&id={found['entries'][0]['id']}")
    assert process_time() - before < 1
    assert (len(found["entries"]), found["left"] > 0) == (100, found["count"] < 10_000)
    while found["left"]:
        found = await asked(client, "trees?run=runs/large&limit=100")
    found = await asked(client, "trees?run=runs/large&limit=100&offset=9900")
    assert (found["total"], [one["id"] for one in found["entries"]][-1]) == (10_000, "t9999")


@pytest.mark.parametrize("query", ["order=evil", "limit=100000", "offset=-1", "least_score=x", "unknown=1", "label=x"])
async def test_a_query_that_makes_no_sense_is_told_in_a_line(client: TestClient[Any, Any], query: str) -> None:
    async with client.get(f"/{TOKEN}/api/trees?run=runs/first&{query}") as answer:
        assert answer.status == 400
        assert "\n" not in (await answer.json())["error"]


async def test_a_run_that_is_begun_later_appears_and_a_bad_line_costs_only_what_follows(
    client: TestClient[Any, Any], runs: Path
) -> None:
    run(runs / "later", {"a": "b"}, trees_jsonl=tree(1) + "no tree\n" + tree(2))
    assert "runs/later" in {one["run"] for one in (await asked(client, "runs"))["runs"]}
    found = await asked(client, "trees?run=runs/later")
    assert (found["total"], found["left"]) == (1, 0)
    assert "trees.jsonl:2: not a tree" in found["trouble"]


async def test_a_link_to_a_run_that_is_begun_later_is_followed(client: TestClient[Any, Any], runs: Path) -> None:
    assert await status(client, f"/{TOKEN}/api/run?run=runs/soon") == 404
    run(runs / "soon", {"a": "b"}, trees_jsonl=tree(1))
    assert (await asked(client, "trees?run=runs/soon"))["total"] == 1


async def test_progress_is_followed_while_the_folder_grows(client: TestClient[Any, Any], runs: Path) -> None:
    async with client.get(f"/{TOKEN}/api/progress?run=runs/first") as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")

        async def told() -> Any:
            while True:
                line = await events.content.readline()
                if line.startswith(b"data: "):
                    return json.loads(line[6:])

        first = await told()
        assert (first["done"], first["total"], first["state"]) == (5, 9, "going")
        with (runs / "first/trees.jsonl").open("a") as lines:
            lines.writelines(map(tree, range(5, 8)))
        (runs / "first/failures.jsonl").write_text('{"id": "t8", "reason": "<b>gone</b>"}\n')
        later = await told()
        while later["done"] < 9:
            later = await told()
        assert (later["failed"], later["reasons"], later["state"]) == (1, [["<b>gone</b>", 1]], "complete")


def test_a_run_is_going_while_a_process_holds_it_and_quiet_once_none_does(runs: Path) -> None:
    folder = runs / "first"
    shelf = Shelf([runs])
    found = shelf.run("runs/first")
    assert found is not None
    with FileLock(folder / "lock"):
        for file in folder.iterdir():
            os.utime(file, (1, 1))
        assert Follower(found).state()["state"] == "going", "it waits for a slow model"
    assert Follower(found).state()["state"] == "quiet"
    shelf.close()
