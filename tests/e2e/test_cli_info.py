"""``seewhy info``: what it tells about an installation, and what it keeps to itself."""

import getpass
import socket
import subprocess
import sys

import numpy as np
import pytest

from support.cli import environment, process, strict

SECRETS = {
    "SEEWHY_HTTP_TOKEN": "abc",  # too short to be masked elsewhere
    "SEEWHY_HTTP_USER": "alice-of-service",
    "SEEWHY_HTTP_PASSWORD": "correct horse",
    "HF_TOKEN": "hf_0123456789abcdef",
    "HTTPS_PROXY": "bob:letmein@proxy.example:3128",
    "http_proxy": "http://carol:opensesame@proxy.example:3128",
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of somebody, which must not be named."""
    monkeypatch.setenv("HOME", str(tmp_path / "owner-of-this"))
    return tmp_path / "owner-of-this"


def test_a_report_is_whole_and_masks_what_is_secret(call, home, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEEWHY_HTTP_TIMEOUT", "7")
    monkeypatch.setenv("SEEWHY_CACHE", str(home / "networks"))

    text, found = call("info").out, strict(call("info", "--json").out)

    for secret in ("abc", "alice-of-service", "correct horse", "hf_012", "letmein", "bob", "opensesame", "carol"):
        assert secret not in "\n".join(text.splitlines()[6:])
        assert all(secret not in value for value in found["environment"].values())
    assert {name: found["environment"][name] for name in list(SECRETS)[:4]} == dict.fromkeys(list(SECRETS)[:4], "***")
    assert found["environment"]["HTTPS_PROXY"] == "***@proxy.example:3128"
    assert found["environment"]["SEEWHY_HTTP_TIMEOUT"] == "7"
    assert found["packages"]["numpy"] == np.__version__
    assert found["cache"] == {"folder": "~/networks", "networks": 0, "bytes": 0}
    assert found["processor"]["cores"] >= found["processor"]["usable_cores"] >= 1
    assert found["runtime"]["capabilities"]
    assert "SEEWHY_HTTP_TOKEN=***" in text
    assert "~/networks" in text


@pytest.mark.parametrize("variable", ["SEEWHY_CACHE", "SSL_CERT_FILE", "SEEWHY_HTTP_HOSTS"])
def test_nobody_is_named(call, home, monkeypatch, variable):
    monkeypatch.setattr(getpass, "getuser", lambda: "jane.doe")
    monkeypatch.setattr(socket, "gethostname", lambda: "janes-box.example.org")
    monkeypatch.setenv(variable, f"{home}/a:/data/jane.doe/b:/mnt{home},janes-box:8000,janes-box.example.org")

    got = call("info")

    assert got.code == 0
    assert not any(name in got.out.lower() for name in ("jane", "owner-of-this"))
    assert f"{variable}=~/a:/data/USER/b:/mnt{home.parent}/USER,HOST:8000,HOST" in got.out


@pytest.mark.parametrize("variable", ["SEEWHY_MAX_MEMORY", "SEEWHY_CACHE"])
def test_a_broken_setting_is_reported_and_stops_nothing(call, monkeypatch, tmp_path, variable):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv(variable, str(tmp_path / "a-file"))

    got = call("info")

    assert got.code == 0
    assert ("SEEWHY_MAX_MEMORY must be" if variable == "SEEWHY_MAX_MEMORY" else "NotADirectoryError") in got.out


@pytest.mark.slow
def test_installed_plugins_are_listed_but_not_loaded(place, modules):
    folder = modules / "brings_method-1.5.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: brings-method\nVersion: 1.5\n")
    (folder / "entry_points.txt").write_text("[seewhy.models]\nmine = not_there:load\n")

    found = strict(process(modules, "info", "--json").out)

    wanted = {"group": "seewhy.models", "name": "mine", "package": "brings-method", "version": "1.5"}
    assert wanted in found["plugins"]


@pytest.mark.slow
def test_versions_are_read_without_importing_anything(modules):
    code = "import sys; from seewhy.cli.info import _packages; _packages(); print('torch' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment(modules)
    )

    assert done.stdout.strip() == "False"
