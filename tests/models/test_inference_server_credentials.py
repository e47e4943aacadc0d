"""Credentials for a server, sent and never seen; proxies and certificates."""

import shutil
import ssl
import subprocess
import sys
import traceback
from urllib.parse import quote

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import load_model
from seewhy.models.served.http_proxies import proxy_for
from support import servers
from support.inference import PHOTO, PICTURES, ask, fails, load
from support.refusing import refuses
from support.served_planted import planted
from support.servers import Inference

pytestmark = pytest.mark.usefixtures("plain_http")

SECRET = "s3cret-T0ken.of/mine"


# --- credentials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["token", "password"])
def test_credentials_are_sent_and_never_seen(monkeypatch, tmp_path, capfd, caplog, way):
    caplog.set_level("DEBUG")
    if way == "token":
        monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
        header, hidden = f"Bearer {SECRET}", [SECRET]
    else:
        monkeypatch.setenv("SEEWHY_HTTP_USER", "somebody")
        monkeypatch.setenv("SEEWHY_HTTP_PASSWORD", SECRET)
        header, hidden = "Basic c29tZWJvZHk6czNjcmV0LVQwa2VuLm9mL21pbmU=", [SECRET, "c29tZWJvZHk6czNj", "somebody"]
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="gray", n_samples=32)
    with Inference() as server:
        model = load(server)
        got = seewhy.explain(PHOTO, model=model, method=method, targets=[0])
        saved = got.save(tmp_path / "result").read_bytes()
        server.plan = [servers.repeats_headers]
        text = fails(model)

    assert {one[2].get("Authorization") for one in server.asked} == {header}
    assert "***" in text
    said = "".join([text, repr(model), str(vars(model)), model.fingerprint, str(got.warnings), *capfd.readouterr()])
    for secret in hidden:
        assert secret not in said + caplog.text
        assert secret.encode() not in saved
    assert b"127.0.0.1" in saved  # what is asked stands there


@pytest.mark.slow
def test_a_program_that_fails_does_not_print_them(monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
    code = "import seewhy.models, sys; seewhy.models.load_model(sys.argv[1], preprocessing='0..1')"
    with Inference(always=servers.repeats_headers) as server:
        done = subprocess.run([sys.executable, "-c", code, f"kserve:{server.url}"], capture_output=True, check=False)

    assert done.returncode == 1
    assert b"was answered with status 400" in done.stderr
    assert SECRET.encode() not in done.stderr + done.stdout


@pytest.mark.parametrize("host", ["models.test", "10.0.0.1", "0.0.0.0", "localhost.test"])
def test_credentials_do_not_travel_in_the_clear(monkeypatch, host):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
    with refuses(InvalidInput, "url", rule="be https or localhost where credentials are") as error:
        load_model(f"kserve:http://{host}/v2/models/planted")
    assert SECRET not in str(error.value)
    assert (error.value.setting, error.value.value) == ("url", f"http://{host}/v2/models/planted")


@pytest.mark.parametrize("url", ["http://me:pa55@127.0.0.1/v2/models/a", "http:/me:pa55@x", "me:pa55@127.0.0.1"])
def test_a_password_in_the_address_is_refused_and_not_repeated(url):
    with refuses(InvalidInput, "url", rule="contain no user or password") as error:
        load_model(f"kserve:{url}")
    assert "pa55" not in str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        {"TOKEN": SECRET, "USER": "a"},
        {"USER": SECRET},
        {"PASSWORD": SECRET},
        {"USER": "a:b", "PASSWORD": SECRET},
        {"TOKEN": SECRET + "\n"},
        {"TOKEN": SECRET + "é"},
    ],
)
def test_credentials_that_cannot_be_sent_are_refused(monkeypatch, given):
    for name, value in given.items():
        monkeypatch.setenv(f"SEEWHY_HTTP_{name}", value)
    with pytest.raises(InvalidInput, match=r"SEEWHY_HTTP_.* must") as error:
        load_model("kserve:http://127.0.0.1:9/v2/models/planted")
    assert SECRET not in str(error.value)


def test_a_redirect_takes_no_credentials_along(monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
    with Inference() as other, Inference() as server:
        model = load(server)
        server.plan = [servers.says(307, b"", Location=f"{other.url}/infer")]
        text = fails(model)

    assert f"a redirect to {other.url}/infer, which is not followed" in text
    assert other.asked == []


# --- proxies and certificates ------------------------------------------------------------------------------------


ELSEWHERE = "http://models.test/v2/models/planted"
QUOTED = quote(SECRET, safe="")


def shows_secret(text):
    return SECRET.partition("/")[0] in text


def test_a_proxy_is_used_and_named_but_not_for_this_machine(monkeypatch):
    port = servers.free_port()
    with Inference() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:{QUOTED}@{server.host}")
        with refuses(ModelError, ELSEWHERE, rule="404"):
            load_model(f"kserve:{ELSEWHERE}", preprocessing="0..1")
        server.always = servers.says(200, b"<html>log in</html>")
        with refuses(ModelError, ELSEWHERE, rule="JSON"):
            load_model(f"kserve:{ELSEWHERE}", preprocessing="0..1")
        monkeypatch.setenv("HTTP_PROXY", f"http://me:{QUOTED}@127.0.0.1:{port}")
        with pytest.raises(ModelError) as failure:
            load_model(f"kserve:{ELSEWHERE}", preprocessing="0..1")
        server.always = None
        load(server)

    assert server.asked[0][1] == ELSEWHERE
    assert str(failure.value).startswith(f"GET {ELSEWHERE} through the proxy 127.0.0.1:{port} could not connect: ")
    assert not shows_secret(str(failure.value))
    assert "me:" not in str(failure.value)


def test_a_proxy_that_repeats_its_password_does_not_show_it(monkeypatch):
    with Inference(always=servers.repeats_headers) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://somebody:{QUOTED}@{server.host}")
        with pytest.raises(ModelError) as failure:
            load_model(f"kserve:{ELSEWHERE}", preprocessing="0..1")

    sent = server.asked[0][2]["Proxy-Authorization"].removeprefix("Basic ")
    assert sent not in str(failure.value)
    assert "***" in str(failure.value)


BAD = {
    "HTTP_PROXY": f"ftp://me:{QUOTED}@proxy.test:3128",
    "http_proxy": f"http://me:{QUOTED}@proxy.test:port",
    "ALL_PROXY": f"me:{QUOTED}@proxy.test:99999",
    "all_proxy": f"http://me:{SECRET}@proxy.test:3128",
}


@pytest.mark.parametrize("name", BAD)
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(monkeypatch, name):
    monkeypatch.setenv(name, BAD[name])
    with refuses(InvalidInput, name, rule="be a proxy, http://HOST:PORT") as error:
        load_model(f"kserve:{ELSEWHERE}", preprocessing="0..1")
    assert not shows_secret("".join(traceback.format_exception(error.value)))
    assert "me:" not in str(error.value)

    with Inference() as server:
        load(server)  # this machine needs none


def test_a_proxy_of_another_kind_needs_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", f"socks5://me:{QUOTED}@proxy.test:1080")
    with refuses(InvalidInput, "ALL_PROXY", rule="be usable") as error:
        load_model(f"kserve:{ELSEWHERE}", preprocessing="0..1")
    assert not shows_secret(str(error.value))

    with Inference() as server:
        load(server)


@pytest.mark.parametrize(
    ("hosts", "used"),
    [
        ("models.test", False),
        (".test", False),
        ("*", False),
        ("models.test:80", True),
        ("localhost, models.test:8080", False),
        ("localhost,[::1]", True),
        ("[::1,10.0.0.0/8,*.x", True),
        ("other.test", True),
    ],
)
def test_hosts_that_need_no_proxy(monkeypatch, hosts, used):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", hosts)
    found = proxy_for("http://models.test:8080/v2/models/planted", pytest.importorskip("httpx"))

    assert (found is not None) == used
    assert proxy_for("http://[::1]:8080/v2/models/planted", pytest.importorskip("httpx")) is None
    assert proxy_for("https://models.test/v2/models/planted", pytest.importorskip("httpx")) is None


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=here"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "own.pem"]
    subprocess.run([*command.split(), *more], cwd=folder, check=True, capture_output=True)
    return folder


def test_certificates_are_verified(monkeypatch, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "own.pem", certificate / "key.pem")
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
    with Inference() as server:
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
        server.url = server.url.replace("http:", "https:")
        with refuses(ModelError, "planted", rule="certificate is not trusted") as error:
            load(server)
        assert server.asked == []
        assert "tried" not in str(error.value)

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "own.pem"))
        (scores,) = ask(load(server))

    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)


def test_a_missing_file_of_certificates_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with refuses(InvalidInput, "SSL_CERT_FILE", rule="name a file of certificates"):
        load_model("kserve:http://127.0.0.1:9/v2/models/planted")
