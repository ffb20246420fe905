"""Inlines styles with premailer, which no other module imports.

It takes finished documents, not template source: premailer damages `{{ }}` in links.
"""

from __future__ import annotations

import logging

from premailer import Premailer


def inlined(document: str) -> str:
    """`document` (whole HTML) with its styles on the elements.

    A `<style data-premailer="ignore">` stays in the head, for dark mode and narrow screens, which need
    a style sheet. `!important` stays in it: without it the inlined colours would override those of dark mode.
    """
    return str(
        Premailer(
            document,
            strip_important=False,
            allow_network=False,
            allow_loading_external_files=False,
            disable_validation=True,
            cssutils_logging_level=logging.CRITICAL,
            disable_leftover_css=False,
            align_floating_images=False,
            preserve_internal_links=True,
        ).transform(pretty_print=False)
    )
