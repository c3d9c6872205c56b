"""A server that answers as GitHub's API does about comments of a pull request."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "ghs_secret"
COMMENTS = re.compile(r"/repos/some-one/a\.repo/issues/7/comments")
COMMENT = re.compile(r"/repos/some-one/a\.repo/issues/comments/(\d+)")
BOT = {"user": {"login": "github-actions[bot]", "type": "Bot"}}


class GitHub:
    """Comments of pull request 7 of ``some-one/a.repo``, and what was asked."""

    def __init__(self):
        self.comments = []
        self.calls = []
        self.refusal = None  # status with which writing is refused
        self.answer = None  # text instead of every answer
        self.url = ""

    def add(self, body, **given):
        """Add a comment as somebody without rights would write it."""
        user = {"user": {"login": "stranger", "type": "User"}}
        comment = user | {"author_association": "NONE", "body": body} | given
        comment["id"] = len(self.comments) + 1
        comment["html_url"] = f"https://github.example/7#{comment['id']}"
        self.comments.append(comment)
        return comment

    def bodies(self, marker):
        return [one["body"] for one in self.comments if one["body"].startswith(marker)]


@contextmanager
def running():
    """Run a server on this machine until the end of the block."""
    github = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def reply(self, status, content, **headers):
            text = json.dumps(content) if github.answer is None else github.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def handle_call(self):
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(size)) if size else None
            github.calls.append((self.command, self.path))
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self.reply(401, {"message": "Bad credentials"})
            if self.command != "GET" and github.refusal:
                where = {"Location": f"{github.url}/elsewhere"}
                return self.reply(github.refusal, {"message": "no"}, **where)
            found = COMMENT.fullmatch(parts.path)
            if self.command == "PATCH" and found:
                comment = github.comments[int(found[1]) - 1]
                comment["body"] = content["body"]
                return self.reply(200, comment)
            if not COMMENTS.fullmatch(parts.path):
                return self.reply(404, {"message": "Not Found"})
            if self.command == "POST":
                return self.reply(201, github.add(content["body"], **BOT))
            query = parse_qs(parts.query)
            page, size = int(query["page"][0]), int(query["per_page"][0])
            shown = github.comments[(page - 1) * size : page * size]
            more = page * size < len(github.comments)
            link = {"Link": '<https://x.example>; rel="next"'} if more else {}
            return self.reply(200, shown, **link)

        do_GET = do_POST = do_PATCH = handle_call  # noqa: N815 (http.server's names)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    github.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
