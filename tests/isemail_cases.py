"""isemail's cases of address syntax (../shared/addresses): each with what RFC 5321 and 5322 say of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest

from tests.shared_data import SHARED

_PICTURES = {0x2400 + code: code for code in range(0x20)}  # XML cannot hold controls: they are drawn instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An address, or what looks like one."""

    id: int
    address: str  # with its control characters
    category: str  # such as ISEMAIL_VALID_CATEGORY, ISEMAIL_CFWS, ISEMAIL_ERR
    diagnosis: str  # the fault itself, such as ISEMAIL_ERR_NODOMAIN


def cases() -> list[Case]:
    """All of them, by number; the test is skipped where the samples are not beside this checkout."""
    path = SHARED / "addresses" / "isemail-tests.xml"
    if not path.is_file():
        pytest.skip("isemail's cases (../shared/addresses) are not beside this checkout")
    return [
        Case(
            id=int(case.attrib["id"]),
            address=(case.findtext("address") or "").translate(_PICTURES),
            category=case.findtext("category") or "",
            diagnosis=case.findtext("diagnosis") or "",
        )
        for case in ET.parse(path).getroot().iter("test")
    ]
