"""A dataset is pushed with its card, private unless told, to whatever stands at the endpoint."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from i2a.trees.json import write
from i2a.trees.persona import Persona
from i2a.trees.tree import Tree, Utterance


class StandIn(ThreadingHTTPServer):
    """As much of the Hub as a push of small files needs. `denied`: answers everything with 403."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.private: dict[str, bool] = {}
        self.files: dict[str, bytes] = {}
        self.denied = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.split("?")[0].removeprefix("/api/datasets/").partition("/revision/")[0]
        if name in self.server.private:
            self._answer({"id": name, "private": self.server.private[name], "sha": "0" * 40, "siblings": []})
        else:
            self._answer({"error": "not found"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.denied:
            self._answer({"error": "You don't have the rights"}, 403)
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            if name in self.server.private:
                self._answer({"error": "exists", "url": f"{self.server.url}/datasets/{name}"}, 409)
                return
            self.server.private[name] = asked.get("private") or asked.get("visibility") == "private"
            self._answer({"url": f"{self.server.url}/datasets/{name}"})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            self._answer(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self._answer(
                {
                    "success": True,
                    "commitUrl": f"{self.server.url}/datasets/me/chats/commit/{'1' * 40}",
                    "commitOid": "1" * 40,
                }
            )
        else:
            self._answer({})

    def _answer(self, value: object, status: int = 200) -> None:
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def hub() -> Iterator[StandIn]:
    server = StandIn()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A file of trees."""
    tree = Tree("chat-0", "imported", Persona("ann"), 0)
    tree.keep(tree.add(tree.add(None, Utterance("user", "Hello.")), Utterance("assistant", "Hi.")))
    write(tmp_path / "trees.jsonl", [tree])
    return tmp_path / "trees.jsonl"


def push(hub: StandIn, run: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """`i2a export --push-to-hub`, in a process of its own: tests are offline otherwise."""
    command = [sys.executable, "-m", "i2a.cli", "export", str(run), "--format", "openai", "--out", "chats.jsonl", *args]
    env = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_x"}
    done = subprocess.run(command, cwd=run.parent, env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done


def test_a_dataset_is_pushed_with_its_card_and_is_private(hub: StandIn, run: Path) -> None:
    done = push(hub, run, "--push-to-hub", "me/chats")
    assert done.stdout.endswith(f"pushed to {hub.url}/datasets/me/chats, which is private\n")
    assert hub.private == {"me/chats": True}
    row = {"id": "chat-0", "messages": [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi."}]}
    assert json.loads(hub.files["chats.jsonl"]) == row
    card = hub.files["README.md"].decode()
    assert 'data_files: "chats.jsonl"' in card
    assert card == (run.parent / "chats.jsonl.md").read_text("utf-8")


def test_nothing_is_pushed_to_a_public_dataset_unless_told(hub: StandIn, run: Path) -> None:
    hub.private["me/chats"] = False
    done = push(hub, run, "--push-to-hub", "me/chats")
    assert "me/chats is a public dataset; add --public to push to it" in done.stderr
    assert (done.returncode, hub.files) == (2, {})
    assert push(hub, run, "--push-to-hub", "me/chats", "--public", "--force").returncode == 0
    assert set(hub.files) == {"chats.jsonl", "README.md"}


def test_trouble_is_one_line_and_the_file_is_there_all_the_same(hub: StandIn, run: Path) -> None:
    hub.denied = True
    done = push(hub, run, "--push-to-hub", "me/chats")
    assert re.fullmatch("i2a: cannot push to me/chats: .*; set HF_TOKEN to one that may write there\n", done.stderr)
    assert (run.parent / "chats.jsonl").exists()


def test_nothing_is_pushed_without_the_flag(hub: StandIn, run: Path) -> None:
    assert push(hub, run).returncode == 0
    assert (hub.private, hub.files) == ({}, {})
    assert "add --push-to-hub NAME" in push(hub, run, "--public", "--force").stderr
