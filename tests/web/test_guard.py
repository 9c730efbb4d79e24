"""Which requests the guard passes on."""

import asyncio

import pytest

from llmexam.errors import SettingsError
from llmexam.web.access import Access, check_names, given_token
from llmexam.web.guard import Limits, guarded

TOKEN = "a-token-of-the-tests-only"
HOST = "127.0.0.1:8000"
COOKIE = f'llmexam-8000="{TOKEN}"'
POST = {"origin": f"http://{HOST}", "cookie": COOKIE}


class App:
    """Answers 200 with the path and the body, after an optional pause."""

    def __init__(self, pause=0.0):
        self.pause = pause
        self.seen = []

    async def __call__(self, scope, receive, send):
        body = b""
        if scope["method"] == "POST":
            body = (await receive())["body"]
        await asyncio.sleep(self.pause)
        self.seen.append((scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


async def request(app, method="GET", path="/", *, query="", parts=(b"",), pause=0.0, **headers):
    given = {"host": HOST, **{k.replace("_", "-"): v for k, v in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "scheme": "http",
        "headers": [(k.encode(), v.encode()) for k, v in given.items() if v is not None],
    }
    left = list(parts)
    sent = []

    async def receive():
        await asyncio.sleep(pause)
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    found = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(one.get("body", b"") for one in sent[1:])


def guard(app=None, limits=None, **access):
    return guarded(app or App(), Access(port=8000, token=TOKEN, **access), limits)


def ask(app, *args, **values):
    return asyncio.run(request(app, *args, **values))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"cookie": COOKIE}, 200),
        ({"cookie": "llmexam-8000=wrong"}, 403),
        ({"cookie": "llmexam-9000=" + TOKEN}, 403),
        ({"cookie": "\x00=;;"}, 403),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": "Bearer wrong"}, 403),
        ({"authorization": TOKEN}, 403),
        ({"cookie": COOKIE, "host": "localhost:8000"}, 200),
        ({"cookie": COOKIE, "host": "[::1]:8000"}, 200),
        # A page on the web whose name leads to this machine (DNS rebinding).
        ({"cookie": COOKIE, "host": "evil.example:8000"}, 421),
        ({"cookie": COOKIE, "host": "127.0.0.1"}, 421),
        ({"cookie": COOKIE, "host": "127.0.0.1:8001"}, 421),
        ({"cookie": COOKIE, "host": "192.168.0.7:8000"}, 421),
        ({"cookie": COOKIE, "host": None}, 421),
    ],
)
def test_host_and_token(headers, status):
    found, sent, _ = ask(guard(), **headers)
    assert found == status
    assert "default-src 'none'" in sent["content-security-policy"]
    assert TOKEN not in str(sent)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (POST, 200),
        ({**POST, "origin": "http://evil.example"}, 403),
        ({**POST, "origin": "null"}, 403),
        ({**POST, "origin": "http://localhost:8000"}, 403),
        ({"cookie": COOKIE}, 403),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"Bearer {TOKEN}", "origin": "http://evil.example"}, 403),
        ({**POST, "content-length": "300000"}, 413),
        ({**POST, "content-length": "-1"}, 413),
        ({**POST, "content-length": "1e3"}, 413),
    ],
)
def test_posts_come_from_a_page_or_from_a_program_with_the_token(headers, status):
    app = App()
    assert ask(guard(app), "POST", parts=[b"a", b"b"], **headers)[0] == status
    assert app.seen == ([("/", b"ab")] if status == 200 else [])


def test_methods_and_web_sockets_are_refused():
    assert ask(guard(), "DELETE", cookie=COOKIE)[:2][0] == 405
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(guard()({"type": "websocket"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_token_moves_from_the_address_to_a_cookie():
    status, sent, _ = ask(guard(), path="/try", query=f"solver=a%26b&token={TOKEN}")
    assert (status, sent["location"]) == (303, "/try?solver=a%26b")
    assert sent["set-cookie"].startswith(COOKIE + "; HttpOnly; SameSite=Strict")
    assert ask(guard(), query="token=wrong")[0] == 403
    # Not to another host, and no other header.
    for path in ("//evil.example/x", "/\\evil.example", "/a\r\nSet-Cookie: b=c"):
        location = ask(guard(), path=path, query=f"token={TOKEN}")[1]["location"]
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))
        assert "\r" not in location


def test_a_body_that_is_too_large_or_too_slow_does_not_arrive():
    app = App()
    small = Limits(body=10, body_seconds=0.05)
    assert ask(guard(app, small), "POST", parts=[b"123456", b"123456"], **POST)[0] == 413
    assert ask(guard(app, small), "POST", parts=[b"1", b"2"], pause=5, **POST)[0] == 408
    assert app.seen == []


def test_time_and_number_of_requests_are_limited():
    slow = guard(App(pause=5), Limits(seconds=0.05))
    assert ask(slow, cookie=COOKIE)[0] == 504
    full = guard(App(pause=0.05), Limits(requests=2))

    async def at_once():
        return await asyncio.gather(*(request(full, cookie=COOKIE) for _ in range(3)))

    found = asyncio.run(at_once())
    assert sorted(one[0] for one in found) == [200, 200, 503]
    assert [one[1]["retry-after"] for one in found if one[0] == 503] == ["1"]
    assert ask(full, cookie=COOKIE)[0] == 200


def test_other_addresses_are_permitted_where_the_server_listens_on_them():
    outside = guard(host="0.0.0.0", names=("exams.example.org",))
    for host, status in (
        ("192.168.0.7:8000", 200),
        ("exams.example.org", 200),
        ("exams.example.org:443", 200),
        ("evil.example:8000", 421),
    ):
        assert ask(outside, cookie=COOKIE, host=host)[0] == status
    # Behind a proxy with TLS, the origin has another scheme.
    headers = {"cookie": COOKIE, "host": "exams.example.org", "origin": "https://exams.example.org"}
    assert ask(outside, "POST", **headers)[0] == 200


def test_a_token_of_the_user_is_checked_and_never_shown(tmp_path, monkeypatch):
    monkeypatch.delenv("LLMEXAM_SERVE_TOKEN", raising=False)
    assert given_token() is None
    monkeypatch.setenv("LLMEXAM_SERVE_TOKEN", "short")
    with pytest.raises(SettingsError, match="at least 16") as error:
        given_token()
    assert "short" not in str(error.value)
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    assert given_token(path) == TOKEN
    with pytest.raises(SettingsError, match="cannot read the token"):
        given_token(tmp_path / "none")
    assert TOKEN not in repr(Access(port=1, token=TOKEN))
    with pytest.raises(SettingsError, match="host name"):
        check_names(["http://a.org"])


@pytest.mark.parametrize("other", ["a[1]=x", "b", "=", "c=\x01", 'd="open', "\u00e9=1", "e f=1"])
def test_a_malformed_cookie_of_another_program_locks_nobody_out(other):
    # Cookies are shared by all ports of a host.
    assert ask(guard(), cookie=f"{other}; {COOKIE}")[0] == 200
    assert ask(guard(), cookie=f"{COOKIE}; {other}")[0] == 200
    assert ask(guard(), cookie=other)[0] == 403
