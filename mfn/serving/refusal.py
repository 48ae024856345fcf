"""Answers that are none, each with its status and one sentence."""

import json
from collections.abc import Mapping


class RefusalError(Exception):
    """A request is not answered.

    Args:
        status: Of HTTP.
        sentence: Why, and what to do.
        headers: More of them.
    """

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, dict(headers or {})

    def body(self) -> bytes:
        """What goes over the wire."""
        return json.dumps({"error": self.sentence}).encode()
