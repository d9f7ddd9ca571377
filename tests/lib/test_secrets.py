"""Secrets at rest: unreadable where they lie, readable with any of the studio's keys, and never repeated in errors."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings

from rftstudio.engine.errors import SystemFault
from rftstudio.lib.secrets import decrypt, encrypt, renew

OLD, NEW = "old-" + "o" * 40, "new-" + "n" * 40
SECRET = "sk-very-secret-0123456789 ünïcode"


def test_what_is_stored_says_nothing_and_is_read_back():
    token = encrypt(SECRET)
    assert token.isascii()
    assert "secret" not in token
    assert decrypt(token) == SECRET
    assert encrypt(SECRET) != token


def test_keys_are_changed_without_losing_anything(settings):
    settings.SECRETS_KEYS = [OLD]
    token = encrypt(SECRET)
    settings.SECRETS_KEYS = [NEW, OLD]
    assert decrypt(token) == SECRET
    renewed = renew(token)
    settings.SECRETS_KEYS = [NEW]
    assert decrypt(renewed) == SECRET
    with pytest.raises(SystemFault, match="another SECRETS_KEY"):
        decrypt(token)


@pytest.mark.parametrize("do", [decrypt, renew])
@pytest.mark.parametrize("token", ["", "not a token", encrypt(SECRET)[:-3]])
def test_an_error_does_not_repeat_what_it_was_given(do, token):
    with pytest.raises(SystemFault) as caught:
        do(token)
    assert caught.value.__suppress_context__
    if token:
        assert token not in str(caught.value)


def start(data, **env: str) -> subprocess.CompletedProcess[str]:
    """The keys that settings have in a fresh process."""
    code = "from rftstudio import settings; print(settings.SECRETS_KEYS)"
    given = {"PATH": os.environ["PATH"], "DATA_DIR": str(data), "BROKER_URL": "memory://", **env}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=django_settings.BASE_DIR, env=given, capture_output=True, text=True
    )


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    assert first.stdout == second.stdout
    assert len(first.stdout) > 50
    file = tmp_path / "secrets_key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() not in (tmp_path / "secret_key").read_text()
    assert sorted(path.name for path in tmp_path.iterdir() if "key" in path.name) == ["secret_key", "secrets_key"]


def test_keys_from_the_environment_win_and_a_short_one_stops_the_start(tmp_path):
    assert start(tmp_path, SECRETS_KEY=f"{NEW}, {OLD}").stdout.strip() == str([NEW, OLD])
    short = start(tmp_path, SECRETS_KEY=f"{NEW},short-key")
    assert short.returncode
    assert "SECRETS_KEY is shorter than 32 characters" in short.stderr
    assert "short-key" not in short.stderr
