"""Finds the link to a paper's code in its abstract.

It fetches nothing and does not check that the page exists.
"""

from __future__ import annotations

import re

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.\-]*"
# The path must follow the host directly ("github.com@evil.example/x" is no GitHub link), and the host must
# not be part of another address ("evil.example/github.com/x/y").
_LINK = re.compile(
    rf"""(?<![\w/.@:\-])(?:https?://)?(?:www\.)?
    (?P<host>github\.com|gitlab\.com|codeberg\.org|bitbucket\.org|gitee\.com|git\.sr\.ht|gist\.github\.com
      |anonymous\.4open\.science|huggingface\.co|hf\.co)
    /(?P<path>(?:(?:spaces|datasets|models)/)?~?{_NAME}/{_NAME}(?:/[A-Za-z0-9_.\-~/%\#?=&+@:]*)?)""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_LEAD = re.compile(r"(?i)(?:code|github|repo|url|page|link|at|see|demo):(?=(?:https?://|www\.|\w+\.\w+/))")
_HOSTS = (
    "github.",
    "gitlab.",
    "codeberg.",
    "bitbucket.",
    "gitee.",
    ".sr.ht",
    "4open.",
    "huggingface.",
    "hf.co",
)
# Paths of these sites that are no repositories.
_NO_REPOSITORY = {
    "github.com": frozenset({"orgs", "topics", "features", "search", "sponsors", "settings", "marketplace"}),
    "huggingface.co": frozenset({"papers", "docs", "blog", "collections", "posts", "learn", "tasks", "join"}),
}
_NO_REPOSITORY["hf.co"] = _NO_REPOSITORY["huggingface.co"]
_MODEL_HOSTS = frozenset({"huggingface.co", "hf.co"})  # models and data: used only without a link to code


def code_link(text: str) -> str | None:
    """Return the first link in `text` to a repository at a code host, with https; None when there is none.

    A link to Hugging Face (models, data sets, spaces) counts only when there is no other.
    """
    lowered = text.lower()
    if not any(host in lowered for host in _HOSTS):  # 4 µs; the expression over a whole abstract takes 100
        return None
    second_best: str | None = None
    for word in text.split():
        if "/" not in word:
            continue
        for match in _LINK.finditer(_LEAD.sub("", word)):
            host = match["host"].lower()
            path = match["path"].rstrip(".,:;!?-&=/")
            if path.split("/")[0].lower() in _NO_REPOSITORY.get(host, ()):
                continue
            if host not in _MODEL_HOSTS:
                return f"https://{host}/{path}"
            second_best = second_best or f"https://{host}/{path}"
    return second_best
