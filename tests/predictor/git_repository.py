"""A git repository of networks, made for one test."""

import json
import os
import subprocess

from tests.predictor import device

WIDTHS = (64, 128, 64, 10)


class GitRepository:
    """Files, and commits of them; git knows no settings but its own defaults."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "A Tester")
        self.git("config", "user.email", "tester@example.org")

    def git(self, *arguments):
        isolated = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
            "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=os.environ | isolated,
            check=True,
            capture_output=True,
        )
        return os.fsdecode(done.stdout).strip()

    def write(self, path, content):
        """Write a network, or text as it is."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        file.write_text(text, encoding="utf-8")

    def mlp(self, path, *widths):
        """Write a stack of dense layers."""
        self.write(path, device.mlp(*(widths or WIDTHS)))

    def commit(self, message="change"):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")
