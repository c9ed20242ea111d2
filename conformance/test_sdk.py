"""How the Python package reaches the server, whatever is asked."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from countersign.http import Connection
from countersign.sso import SSO, OwnSession, TransportError, ValidationError, status_code
from countersign_server import running
from sdk_scenes import APP, ADDRESS, PASSWORD, REGULAR, SUPER, refused


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sdk"), None) as server:
        server.add_user(REGULAR, "frontend", PASSWORD)
        server.add_user(SUPER, "trust", PASSWORD)
        yield server


def test_an_address_is_that_of_the_server_or_of_the_api(server):
    for path in ("", "/", "/sso", "/zato/sso/"):
        with SSO(server.urls["http"] + path) as sso:
            refused(status_code.session.no_such_session, sso.user.session.renew, "cid", "no", APP, ADDRESS)
    for wrong in ("127.0.0.1:8282", "ws://127.0.0.1", "http://"):
        with pytest.raises(ValueError, match="HOST:PORT"):
            SSO(wrong)


def test_nobody_at_the_address_is_an_error_that_says_so():
    with pytest.raises(TransportError, match="no answer"):
        SSO("http://127.0.0.1:9/sso").user.login("cid", "a", "b", APP, ADDRESS)


def test_what_is_no_answer_of_the_api_is_an_error_that_says_so(server):
    with SSO(server.urls["http"] + "/healthz") as sso, pytest.raises(TransportError, match="HTTP 404"):
        sso.user.login("cid", "a", "b", APP, ADDRESS)


def test_threads_share_it(server):
    with SSO(server.urls["http"]) as sso:

        def renewed(_):
            info = sso.user.login("cid", REGULAR, PASSWORD, APP, ADDRESS)
            return sso.user.session.renew("cid", info.ust, APP, ADDRESS)

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(renewed, range(24)))


def test_a_connection_that_the_server_closed_is_not_used_again():
    listener = socket.create_server(("127.0.0.1", 0))
    body = b'{"status": "ok"}'
    closed = threading.Semaphore(0)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def answer_twice():
        for _ in range(2):
            one, _ = listener.accept()
            one.recv(65536)
            one.sendall(answer)
            # Kept, as far as the client knows.
            one.close()
            closed.release()

    threading.Thread(target=answer_twice, daemon=True).start()
    connection = Connection(f"http://127.0.0.1:{listener.getsockname()[1]}")
    for _ in range(2):
        assert connection.request("POST", "/x", {}) == {"status": "ok", "http_status": 200}
        assert closed.acquire(timeout=10)


def test_a_program_without_a_session_of_its_own_is_refused(server):
    with SSO(server.urls["http"]) as sso:
        for call in (
            lambda: sso.user.get_user_by_username("cid", REGULAR),
            lambda: sso.user.set_password("cid", "zusr1", PASSWORD, None, None, APP, ADDRESS),
            lambda: sso.user.reset_totp_key("cid", None, "zusr1", None, None, APP, ADDRESS, skip_sec=True),
            lambda: sso.user.lock_user("cid", "zusr1", require_super_user=False),
            lambda: sso.user.session.get_session_by_ust("csust_1"),
            lambda: sso.user.create_super_user("cid", {"username": "a"}, None, APP, ADDRESS, require_super_user=False),
        ):
            assert refused(status_code.auth.not_allowed, call).return_status


def test_a_programs_own_session_is_opened_again_when_it_ended(server):
    own = OwnSession(username=SUPER, password=PASSWORD)
    with SSO(server.urls["http"], own=own) as sso:
        tokens = []

        def reset(ust):
            tokens.append(ust)
            return sso.user.session.renew("cid", ust, APP, ADDRESS)

        assert sso.caller.as_own(reset)
        sso.user.session.logout(tokens[-1], APP, ADDRESS)
        assert sso.caller.as_own(reset)
        # The first, the first in vain, and the second.
        assert tokens[0] == tokens[1] != tokens[2]
    with SSO(server.urls["http"], own=OwnSession(username=SUPER, password="wrong")) as sso:
        refused(status_code.auth.not_allowed, sso.caller.as_own, lambda ust: ust)


def test_a_token_is_text_that_can_be_decoded(server):
    with SSO(server.urls["http"]) as sso:
        info = sso.user.login("cid", REGULAR, PASSWORD.encode(), APP, ADDRESS)
        assert info.ust.decode("utf8") == info.ust
        assert sso.user.session.renew("cid", info.ust.encode(), APP, ADDRESS)
        assert isinstance(info.to_dict()["creation_time"], str)


def test_who_comes_too_often_is_told_when_to_come_again():
    listener = socket.create_server(("127.0.0.1", 0))
    body = b'{"status": "error", "sub_status": ["E005001"]}'

    def answer():
        one, _ = listener.accept()
        one.recv(65536)
        head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: %d\r\n\r\n" % len(body)
        one.sendall(head + body)
        one.close()

    threading.Thread(target=answer, daemon=True).start()
    with SSO(f"http://127.0.0.1:{listener.getsockname()[1]}") as sso:
        error = refused(status_code.auth.not_allowed, sso.user.login, "cid", REGULAR, PASSWORD, APP, ADDRESS)
    assert error.retry_after_seconds == 7


def test_a_refusal_without_codes_is_still_one(server):
    with SSO(server.urls["http"]) as sso, pytest.raises(ValidationError) as error:
        sso.caller.send("POST", "/user/login", {"current_app": APP})
    assert error.value.sub_status == [status_code.common.missing_input]
