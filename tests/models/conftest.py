"""Places to stand in: an environment without settings for HTTP, and a hub that cannot be reached."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import pytest


@pytest.fixture
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the credentials, proxies and certificates of whoever runs the tests, and wait little between tries."""
    for name in ("TIMEOUT", "TOKEN", "USER", "PASSWORD"):
        monkeypatch.delenv(f"SEEWHY_HTTP_{name}", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("seewhy.models.served.http_requests._FIRST_PAUSE", 0.01)
    # What another test keeps alive is no secret here, where it may be a part of ordinary words.
    monkeypatch.setattr("seewhy.core.masking._known", WeakKeyDictionary())


@pytest.fixture
def offline_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Hugging Face's libraries look nowhere but on this machine."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.is_offline_mode", lambda: True, raising=False)
