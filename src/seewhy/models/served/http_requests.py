"""Asking a server over HTTP: a few requests at a time, answers in order, tried again where that can help."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from random import SystemRandom
from typing import Any, Self, TypeVar

from seewhy._version import __version__
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.masking import hide, masked_answer
from seewhy.core.memory import LIMIT, size
from seewhy.core.text import shortened
from seewhy.models.extras import need
from seewhy.models.served.http_bodies import (
    ERROR_BODY,
    BodyError,
    asked_to_wait,
    excerpt,
    largest_json,
    mask_logs,
    place_of,
    start_of,
    whole_of,
)
from seewhy.models.served.http_environment import HOSTS, TIMEOUT, WHERE, checked_address, credentials, timeout
from seewhy.models.served.http_proxies import proxy_for

IN_FLIGHT = 4
"""Requests on their way at once."""
TRIES = 3
"""Times a request is made at most: what a model answers depends on nothing but the pictures, so it may be repeated."""
TRIES_OF_KNOWN = 11
"""The same where the address has answered before and the server may be starting again: about half a minute."""

_CONNECT = 5.0
_FIRST_PAUSE, _DOUBLED, _LONGEST_PAUSE = 0.25, 4, 30.0
_PATIENCE = 30.0
"""Seconds after the first failure from which on there are ``TRIES`` alone, however often that server answered."""
_GLANCE = 0.5
"""Seconds between looks at whether an answer is there: not every system can interrupt a wait without an end."""
_LONGEST = 300
"""Characters of an address, or of what an answer is and should be, in a message."""
_WHOLE = 10
"""Timeouts that a whole exchange may last: a server that sends a byte now and then never breaks a timeout."""
_PASSING = {429, 502, 503, 504}
_LASTING = {429, 502, 503}

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One request; its body is a copy of what it was made of."""

    method: str
    url: str
    body: bytes = field(default=b"", repr=False)
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


@dataclass(frozen=True)
class ServerAnswer:
    """What came back with status 200."""

    request: Request
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)


class Server:
    """Where requests go: timeouts, credentials, proxy and certificates.

    Parameters
    ----------
    url
        Any address on it, ``http`` or ``https``, without user, password and query.

    Raises
    ------
    InvalidInput
        The address breaks that rule; or the environment asks for credentials that must not or cannot be sent there, or
        for a timeout that is none, or a proxy that cannot be used.
    MissingExtra
        httpx is not installed.
    """

    def __init__(self, url: str) -> None:
        host, secure = checked_address(url)
        self._httpx = need("httpx", "http")
        self._credentials = credentials(url, host, secure=secure)
        self.timeout = timeout()
        self._proxy = proxy_for(url, self._httpx)
        hide(self, *self._credentials.secrets, *(() if self._proxy is None else self._proxy.secrets))
        mask_logs()
        self._answered: set[str] = set()

    def ask(self, request: Request) -> ServerAnswer:
        """Return the answer to one request; raises as :meth:`in_order` does."""
        with closing(self.in_order([(request, None)])) as answers:
            return next(answers)[0]

    def in_order(self, requests: Iterable[tuple[Request, T]]) -> Generator[tuple[ServerAnswer, T], None, None]:
        """Yield the answer to each request with what came with it, in order; ``IN_FLIGHT`` are on their way at once.

        However the iteration ends, what is on its way is canceled, and no thread or connection is left.

        Raises
        ------
        ModelError
            There is no answer of status 200, after as many tries as make sense. One line, which says what was asked.
        """
        held: deque[tuple[Future[ServerAnswer], T]] = deque()
        source = iter(requests)
        with _Connections(self) as connections:
            while True:
                while len(held) < IN_FLIGHT and (item := next(source, None)) is not None:
                    held.append((connections.start(item[0]), item[1]))
                if not held:
                    return
                answer, tag = held.popleft()
                while not wait([answer], timeout=_GLANCE).done:
                    pass
                yield answer.result(), tag

    def read_json(self, answer: ServerAnswer, body: bytes | None = None) -> Any:
        """Return an answer, or a part of it, as plain values; NaN and Infinity count as numbers.

        Raises
        ------
        ModelError
            It is not JSON.
        """
        text = answer.body if body is None else body
        if len(text) > (limit := largest_json()):
            rule = f"JSON of at most {size(limit)} ({LIMIT} raises it), got {size(len(text))}"
            raise self.malformed(answer.request, rule)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self.malformed(answer.request, f"JSON, got: {self.excerpt(text)}") from None  # it repeats all of it

    def malformed(self, request: Request, rule_and_value: str) -> ModelError:
        """Return the error of an answer that breaks a rule of its protocol."""
        rule = shortened(masked_answer(rule_and_value), _LONGEST)
        return ModelError(f"{self._way(request)} must be answered with {rule}", setting=request.url, rule=rule)

    def _way(self, request: Request) -> str:
        way = shortened(str(request), _LONGEST)
        return way if self._proxy is None else f"{way} through the proxy {self._proxy.place}"

    def excerpt(self, body: bytes) -> str:
        """Return the first characters of a body as one line, without credentials that a server may have repeated."""
        return excerpt(masked_answer(body[: 2 * ERROR_BODY].decode("utf-8", "replace"))[:ERROR_BODY])

    def client(self) -> Any:
        """Return a new client, to be closed by its user."""
        headers = {"User-Agent": f"seewhy/{__version__}", "Accept-Encoding": "identity"}
        if self._credentials.header:
            headers["Authorization"] = self._credentials.header
        limits = self._httpx.Timeout(self.timeout, connect=min(_CONNECT, self.timeout), pool=None)
        return self._httpx.AsyncClient(
            headers=headers,
            timeout=limits,
            verify=self._certificates,
            limits=self._httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT),
            proxy=None if self._proxy is None else self._proxy.url,
            trust_env=False,  # which proxy applies has been found out already
        )

    @cached_property
    def _certificates(self) -> Any:
        try:
            return self._httpx.create_ssl_context()
        except OSError as error:
            file = os.environ.get("SSL_CERT_FILE")
            raise InvalidInput(
                f"SSL_CERT_FILE must name a file of certificates, got {file!r}: {error}",
                setting="SSL_CERT_FILE",
                rule="name a file of certificates",
                value=file,
            ) from error

    async def fetch(self, client: Any, request: Request) -> ServerAnswer:
        """Make a request until it is answered, or until another try is of no use."""
        loop, begun, tries = asyncio.get_running_loop(), 0.0, 0
        while True:
            try:
                answer = await self._try(client, request)
            except _Failure as failure:
                tries += 1
                begun = begun or loop.time()
                patient = failure.lasting and request.url in self._answered and loop.time() - begun < _PATIENCE
                if not failure.passing or tries >= (TRIES_OF_KNOWN if patient else TRIES):
                    tried = f" (tried {tries} times)" if tries > 1 else ""
                    raise ModelError(
                        f"{self._way(request)} {failure}{tried}", setting=str(request.url), rule=str(failure)
                    ) from failure.__cause__
                pause = _FIRST_PAUSE * 2 ** min(tries - 1, _DOUBLED) * SystemRandom().uniform(0.5, 1.5)
                await asyncio.sleep(max(pause, failure.wait or 0.0))
            else:
                self._answered.add(request.url)
                return answer

    async def _try(self, client: Any, request: Request) -> ServerAnswer:
        whole = _WHOLE * self.timeout
        try:
            async with (
                asyncio.timeout(whole),
                client.stream(request.method, request.url, content=request.body, headers=request.headers) as response,
            ):
                if response.status_code != 200:
                    raise self._refused(response, await start_of(response))
                return ServerAnswer(request, await whole_of(response), dict(response.headers))
        except BodyError as error:
            raise _Failure(str(error)) from None
        except TimeoutError as error:
            raise _Failure(f"was not answered in full within {whole:g} s ({TIMEOUT})") from error
        except (self._httpx.HTTPError, self._httpx.InvalidURL) as error:
            cause = error if masked_answer(str(error)) == str(error) else None  # a traceback would show what it repeats
            raise self._broken(error) from cause

    def _refused(self, response: Any, body: str) -> _Failure:
        status = response.status_code
        said = f"was answered with status {status}: {excerpt(body) or excerpt(response.reason_phrase)}"
        if 300 <= status < 400:
            to = place_of(str(response.headers.get("location", "nowhere")))
            return _Failure(
                f"was answered with status {status}, a redirect to {to}, which is not followed; use that URL"
            )
        if status in {401, 403}:
            withheld = f", and {HOSTS} does not list this host" if self._credentials.withheld else ""
            return _Failure(f"{said}; {WHERE}{withheld}")
        wait = asked_to_wait(response.headers.get("retry-after")) if status in {429, 503} else None
        if wait is not None and wait > _LONGEST_PAUSE:
            return _Failure(f"{said}; it asks to wait {wait:.0f} s, and {_LONGEST_PAUSE:.0f} s is the limit")
        return _Failure(said, passing=status in _PASSING, lasting=status in _LASTING, wait=wait)

    def _broken(self, error: Exception) -> _Failure:
        """Say what an exception of httpx means, and whether it may pass."""
        why = excerpt(str(error)) or type(error).__name__
        if isinstance(error, self._httpx.ConnectTimeout):
            return _Failure(f"could not connect within {min(_CONNECT, self.timeout):g} s", passing=True, lasting=True)
        if isinstance(error, self._httpx.TimeoutException):
            more = f"set {TIMEOUT} for more, or a smaller batch_size"
            return _Failure(f"was not answered within {self.timeout:g} s; {more}", passing=True)
        if "CERTIFICATE_VERIFY_FAILED" in why:
            return _Failure(f"reached a server whose certificate is not trusted, see SSL_CERT_FILE: {why}")
        if isinstance(error, self._httpx.ConnectError):
            return _Failure(f"could not connect: {why}", passing=True, lasting=True)
        passing = isinstance(error, self._httpx.NetworkError | self._httpx.RemoteProtocolError)
        return _Failure(f"failed on the way: {why}", passing=passing, lasting=passing)


class _Failure(Exception):
    """One try that failed; its text goes on after the request.

    ``passing``: another try may help; ``lasting``: it may take a while to pass, as where a server starts again;
    ``wait``: the seconds that the server asked for.
    """

    def __init__(self, text: str, *, passing: bool = False, lasting: bool = False, wait: float | None = None) -> None:
        super().__init__(text)
        self.passing = passing
        self.lasting = lasting
        self.wait = wait


class _Connections:
    """Connections to a server, and the thread that serves them while the caller does other things."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = server.client()
        self._loop = asyncio.new_event_loop()
        self._enough = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="seewhy-http", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._enough.set)
        self._thread.join()

    def start(self, request: Request) -> Future[ServerAnswer]:
        return asyncio.run_coroutine_threadsafe(self._server.fetch(self._client, request), self._loop)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        async with self._client:
            await self._enough.wait()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
