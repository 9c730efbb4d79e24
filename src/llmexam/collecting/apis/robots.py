"""robots.txt of the host of an API, and when it does not apply."""

from __future__ import annotations

import threading
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from llmexam.collecting.apis.addresses import published_policy
from llmexam.collecting.apis.requests import Request
from llmexam.errors import EndpointError


class Robots:
    """What robots.txt allows.

    A robots.txt is written for crawlers that follow links. Operators of APIs publish other rules
    for programs that use these, and often disallow the API to crawlers, as Wikimedia does. Where
    robots.txt disallows an API, requests are sent only if the user names the published policy.

    Args:
        api: Address of the API.
        user_agent: The User-Agent of the requests.
        policy: Address of the published policy that the user follows.
    """

    def __init__(self, api: str, user_agent: str, policy: str | None) -> None:
        self.url = urljoin(api, "/robots.txt")
        self.lock = threading.Lock()
        self.is_known = False
        self._user_agent = user_agent
        self._policy = policy
        self._parser = RobotFileParser()

    @property
    def crawl_delay(self) -> float:
        """Seconds between requests that robots.txt asks for."""
        return float(self._parser.crawl_delay(self._user_agent) or 0)

    def learn(self, content: bytes) -> None:
        """Read the file; empty where the host has none (a status of 4xx)."""
        text = content.decode("utf-8-sig", "replace")
        self._parser.parse(text.splitlines())
        self.is_known = True

    def require_allowed(self, request: Request) -> None:
        """Raise an error if a request is disallowed and no policy was named.

        Raises:
            EndpointError: It is disallowed.
        """
        query = urlencode(request.params)
        if self._policy or self._parser.can_fetch(self._user_agent, f"{request.url}?{query}"):
            return
        known = published_policy(request.url)
        host = urlsplit(request.url).hostname
        raise EndpointError(
            f"{self.url} disallows {urlsplit(request.url).path} to programs such as llmexam",
            hint=f"The operator publishes a policy for users of its API: {known}. Read it, and if "
            f"you follow it: --api-policy {known}"
            if known
            else f"If the operator of {host} publishes a policy that allows the use of its API, "
            "name its address: --api-policy ADDRESS",
        )
