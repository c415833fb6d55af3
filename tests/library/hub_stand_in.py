"""A small stand-in for the Hugging Face Hub's HTTP API on loopback: repositories, commits of regular files, downloads."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

TOKEN = "hf_standin"


class Hub:
    """The contents of a hub: for each repository its commits, each a hash with all files."""

    def __init__(self):
        self.commits: dict[str, list[tuple[str, dict[str, bytes]]]] = {}
        self.address = ""

    def at(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return a repository's files at a revision, a commit's hash or main."""
        commits = self.commits.get(repo, [])
        if revision == "main":
            return commits[-1] if commits else None
        return next((commit for commit in commits if commit[0] == revision), None)

    def commit(self, repo: str, lines: list[dict]) -> str:
        """Add the files of a commit's lines to the existing ones."""
        files = dict(self.commits[repo][-1][1])
        for line in lines:
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        oid = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[repo].append((oid, files))
        return oid


@contextmanager
def serving() -> Iterator[Hub]:
    """Yield a hub that serves at its `address`."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body, path = self._body(), urlsplit(self.path).path
            if path == "/api/validate-yaml":
                return self._json({"errors": [], "warnings": []})
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._json({"error": "Invalid username or password."}, 401)
            if path == "/api/repos/create":
                request = json.loads(body)
                repo = "/".join(filter(None, (request.get("organization"), request["name"])))
                hub.commits.setdefault(repo, [("0" * 40, {})])
                return self._json({"url": f"{hub.address}/{repo}"})
            if found := re.fullmatch(r"/api/(?:models|spaces)/(.+)/preupload/main", path):
                files = [
                    {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for one in json.loads(body)["files"]
                ]
                return self._json({"files": files})
            if found := re.fullmatch(r"/api/(?:models|spaces)/(.+)/commit/main", path):
                oid = hub.commit(found[1], [json.loads(line) for line in body.splitlines()])
                return self._json({"commitUrl": f"{hub.address}/{found[1]}/commit/{oid}", "commitOid": oid})
            return self._json({"error": f"nothing at {path}"}, 404)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if found := re.fullmatch(r"/api/(?:models|spaces)/(.+)/(revision|tree)/([^/]+)", path):
                there = hub.at(found[1], found[3])
                if there is None:
                    return self._missing(found[1])
                if found[2] == "tree":
                    return self._json(
                        [
                            {
                                "type": "file",
                                "path": name,
                                "size": len(content),
                                "oid": hashlib.sha1(content).hexdigest(),
                            }
                            for name, content in there[1].items()
                        ]
                    )
                about = {"_id": "1", "id": found[1], "private": False, "tags": [], "downloads": 0, "likes": 0}
                return self._json({**about, "sha": there[0], "siblings": [{"rfilename": name} for name in there[1]]})
            if found := re.fullmatch(r"/(.+?/.+?)/resolve/([^/]+)/(.+)", path):
                there = hub.at(found[1], found[2])
                if there is None or found[3] not in there[1]:
                    return self._missing(found[1])
                content = there[1][found[3]]
                headers = {"X-Repo-Commit": there[0], "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
                return self._send(200, content, headers)
            return self._json({"error": f"nothing at {path}"}, 404)

        def _missing(self, repo: str) -> None:
            known = "RevisionNotFound" if repo in hub.commits else "RepoNotFound"
            self._send(404, b"{}", {"X-Error-Code": known})

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _json(self, content: object, status: int = 200) -> None:
            self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

        def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
