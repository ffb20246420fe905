"""The one wrapper around premailer: moves styles into the elements. Nobody else imports it.

It is run on finished documents only, never on template source: it mangles `{{ }}` in links.
"""

from __future__ import annotations

import logging

from premailer import Premailer


def inlined(document: str) -> str:
    """`document` (whole HTML) with its styles on the elements.

    A `<style data-premailer="ignore">` stays in the head, for what only a style sheet can say: dark mode
    and narrow screens. `!important` survives there, or dark mode would not win over the inlined colours.
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
