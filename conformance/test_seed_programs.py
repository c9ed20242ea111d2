"""The programs of the seed are changed where they must be, and nowhere else."""

from __future__ import annotations

import difflib

import pytest

import seed_programs

URL = "ws://127.0.0.1:1/ws"


def changes(number: int, realm: str = seed_programs.SEED_REALM) -> list[str]:
    before = seed_programs.originals()[number - 1].splitlines()
    after = seed_programs.adapted(number, URL, realm).splitlines()
    return [line for line in difflib.ndiff(before, after) if line[:2] in ("- ", "+ ")]


URL_CHANGE = ['-                 url="wss://nexus.izaber.com/ws",', f'+                 url="{URL}",']
REALM_CHANGE = ['-                 realm="izaber",', '+                 realm="other",']
FORGOTTEN_NAMES = ["+ login = otp['login']", "+ plaintext_key = otp['plaintext_key']", "+ "]


def test_the_document_holds_three_programs():
    programs = seed_programs.originals()
    assert len(programs) == 3
    assert [program.count("wamp.call('my.otp.create')") for program in programs] == [1, 0, 0]
    assert [program.count("wamp.call('system.otp.create', ANOTHER_USER)") for program in programs] == [0, 1, 0]
    assert [program.count("wamp.call('system.otp.create', ANOTHER_USER, data_rec)") for program in programs] == [0, 0, 1]


@pytest.mark.parametrize("number, want", [(1, URL_CHANGE), (2, URL_CHANGE), (3, FORGOTTEN_NAMES + URL_CHANGE)])
def test_only_the_url_and_the_forgotten_names_change(number, want):
    assert changes(number) == want


def test_the_realm_changes_when_it_is_another():
    assert changes(1, realm="other") == URL_CHANGE + REALM_CHANGE


def test_the_minting_half_ends_before_the_login():
    half = seed_programs.minting_half(seed_programs.adapted(3, URL))
    assert half.rstrip().endswith("plaintext_key = otp['plaintext_key']")
    assert "WAMPClientTicket" not in half
    assert "timedelta(seconds=2)" in seed_programs.with_lifetime(half, 2)
