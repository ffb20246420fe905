"""Checks everything that a newsletter needs: `newsletter doctor`. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli import output
from newsletter.cli.options import At, Json, now
from newsletter.cli.printable import one_line
from newsletter.cli.wiring import Wiring
from newsletter.cli.workspace import Workspace, workspace
from newsletter.core.errors import NewsletterError
from subscribers.errors import SubscriberError

if TYPE_CHECKING:
    from newsletter.ops.doctor.finding import Finding

app = typer.Typer(add_completion=False)

Check = tuple[str, Callable[[], "Finding | Sequence[Finding]"]]


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError as error:
        raise typer.BadParameter(f"{value!r} is no IP address") from error


@app.command()
def doctor(
    ctx: typer.Context,
    *,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="Ask neither the mail server, nor DNS, nor the web pages, and mail no test."
        ),
    ] = False,
    resolver: Annotated[
        str | None,
        typer.Option(
            "--resolver", metavar="ADDRESS", help="Ask this DNS server: 9.9.9.9, or 127.0.0.1:5353."
        ),
    ] = None,
    addresses: Annotated[
        list[str] | None,
        typer.Option(
            "--address",
            metavar="IP",
            parser=_address,
            help="An address that the mail leaves from, for SPF and its name. Default: this machine's own, "
            "when its mail server sends and the address is one of the Internet.",
        ),
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Look at everything that has to be right; say what is wrong and how to mend it.

    Settings, database, disk, clock, templates, keys, mail server, DNS, web pages, and what waits for too
    long. Where bounces are taken in, it mails itself a signed test bounce. Changes nothing. Exit code 1 when
    something failed; warnings do not fail.
    """
    work = workspace(ctx)
    from newsletter.ops.doctor.finding import Finding, Status, ok

    found: list[Finding] = [ok("settings", f"read; state directory {work.state_dir}")]
    if not json:
        _print(found[0])
    for name, check in _checks(
        work, offline=offline, resolver=resolver, addresses=addresses or [], now=now(at)
    ):
        try:
            answer = check()
        except (NewsletterError, SubscriberError, OSError) as error:
            words = getattr(error, "message", None) or str(error)
            answer = Finding(
                check=name, status=Status.FAILED, words=words, hint=getattr(error, "hint", "") or ""
            )
        for finding in [answer] if isinstance(answer, Finding) else answer:
            found.append(finding)
            if not json:
                _print(finding)
    failures, warnings = (
        sum(finding.status is status for finding in found) for status in (Status.FAILED, Status.WARNING)
    )
    if json:
        output.print_json({"checks": found, "failed": failures, "warnings": warnings})
    else:
        output.note(f"{len(found)} checks: {failures} failed, {warnings} warnings.")
    if failures:
        raise typer.Exit(output.FAILED)


def _checks(
    work: Workspace, *, offline: bool, resolver: str | None, addresses: list[str], now: datetime
) -> Iterator[Check]:
    """The checks in their order. Each runs only after the ones before it."""
    wiring = Wiring(work)
    yield from _machine(wiring, now=now)
    yield "templates", lambda: _templates(wiring)
    yield from _records(work, now=now)
    yield "held", lambda: _waiting(work, now=now)
    if offline:
        from newsletter.ops.doctor.finding import skipped

        yield from (
            (name, partial(skipped, name, "--offline"))
            for name in ("mail server", "return path", "DNS", "web pages")
        )
        return
    yield "mail server", lambda: _mail_servers(wiring)
    yield "return path", lambda: _return_path(wiring, now=now)
    yield "DNS", lambda: _dns(wiring, resolver=resolver, addresses=addresses)
    yield "web pages", lambda: _pages(work, now=now)
    yield "webhooks", lambda: _webhooks(work)


def _machine(wiring: Wiring, *, now: datetime) -> Iterator[Check]:
    from newsletter.ops.doctor import machine, records

    work = wiring.work
    files = (
        [wiring.dkim_key_file(entry.selector).file for entry in work.settings.dkim] if _has_keys(work) else []
    )
    yield "database", lambda: records.database(work.engine, url=work.database_url)
    yield (
        "disk",
        lambda: machine.disk(work.state_dir, database_size=records.size(work.engine, url=work.database_url)),
    )
    yield "inbox", lambda: _inbox(work, now=now)
    words = f"{now:%Y-%m-%d %H:%M} UTC"
    yield "clock", lambda: machine.clock(kept=machine.synchronised(), zone_words=words)
    yield "keys", lambda: _keys(wiring)
    yield "secrets", lambda: machine.privacy(work.state_dir, keys=files)
    yield "key age", lambda: machine.key_age(files, now=now)


def _inbox(work: Workspace, *, now: datetime) -> list[Finding]:
    from newsletter.core.alarms import AlarmPolicy, inbox_alarms
    from newsletter.ops.alarms.stuck_files import find_stuck_files
    from newsletter.ops.doctor.finding import ok, warning
    from newsletter.ops.state_dir import INBOX

    stuck = find_stuck_files(work.state_dir / INBOX)
    alarms = inbox_alarms(stuck, now=now, max_age=AlarmPolicy().max_inbox_age)
    found = [warning("inbox", alarm.words, hint=alarm.hint) for alarm in alarms]
    return found or [ok("inbox", "nothing lies there that was not taken")]


def _waiting(work: Workspace, *, now: datetime) -> list[Finding]:
    """What waits for an admin, in the words of `newsletter.core.notices`."""
    from newsletter.cli.notices import gather
    from newsletter.ops.doctor.finding import Finding, Status, ok

    wrong = ("held dump", "held edition")
    notices = [each for each in gather(work, now=now) if each.what != "inbox"]
    found = [
        Finding(
            check=each.what,
            status=Status.WARNING if each.what in wrong else Status.OK,
            words=each.words if each.what in wrong else each.line,
            hint=f"{each.to}: `{each.command}`" if each.what in wrong else "",
        )
        for each in notices
    ]
    if any(each.what in wrong for each in notices):
        return found
    return [ok("held", "no dump and no edition"), *found]


def _has_keys(work: Workspace) -> bool:
    return work.settings.secret_key is not None


def _keys(wiring: Wiring) -> Finding:
    from newsletter.ops.doctor.finding import ok

    _ = (wiring.work.secret_key, wiring.work.suppression_key)
    return ok("keys", f"secret_key, suppression_key and {len(wiring.dkim_keys)} DKIM keys can be read")


def _templates(wiring: Wiring) -> Finding:
    from newsletter.ops.doctor.finding import failed, ok
    from newsletter.render.check.templates import check

    environment = wiring.mail_templates
    problems = check(environment, brand=wiring.brand, topics=wiring.topic_views)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return failed("templates", f"{problems[0]}{more}", hint="`newsletter templates check` lists them.")
    return ok("templates", f"{len(environment.used)} of mails, {len(environment.own())} of them your own")


def _records(work: Workspace, *, now: datetime) -> Iterator[Check]:
    from newsletter.db.engine import reading
    from newsletter.ops.doctor import records
    from newsletter.scheduler.leader_lock import LOCK

    lock = work.state_dir / "locks" / LOCK

    def ask() -> list[Finding]:
        with reading(work.engine) as connection:
            return [
                records.instants(connection, now=now),
                records.scheduler(connection, leader_lock=lock, now=now),
                records.outbox(connection, now=now),
                records.sign_ups(connection, now=now),
                *records.canaries(connection, work.settings.review.canaries),
                records.uncertain(connection),
            ]

    yield "records", ask

    yield "history", lambda: _packed(work, now=now)


def _packed(work: Workspace, *, now: datetime) -> Finding:
    """Whether the packed months are those that were sealed."""
    from newsletter.ops.doctor.finding import failed, ok
    from newsletter.pipeline.history.seal_watch import check_seals

    checks = check_seals(work.engine, now=now)
    broken = [check for check in checks if not check.matches]
    if broken:
        named = ", ".join(f"{check.name}{check.what_is_wrong}" for check in broken)
        return failed(
            "history",
            f"packed mail does not match its seal: {named}",
            hint="Something else changed the database. Look at the disk, and restore the newest backup of "
            "which `newsletter history verify` says that it matches.",
        )
    return ok("history", f"{len(checks)} packed months match their seals" if checks else "no month is packed")


def _mail_servers(wiring: Wiring) -> list[Finding]:
    from newsletter.cli.relays import trial_envelope
    from newsletter.delivery.smtp.probe import probe
    from newsletter.delivery.smtp.relay import RelayError
    from newsletter.ops.doctor.finding import failed, ok

    found = []
    for relay in wiring.relays:
        try:
            facts = probe(relay, trial_envelope(wiring.work.settings))
        except RelayError as error:
            found.append(failed("mail server", error.message, hint=error.hint))
        else:
            details = [facts.encrypted or "not encrypted", "logged in" if facts.logged_in else "no login"]
            found.append(ok("mail server", f"{facts.host}:{facts.port} answers, {', '.join(details)}"))
    return found


def _return_path(wiring: Wiring, *, now: datetime) -> Finding:
    from newsletter.cli.inbound import intake_names, make_return_path_test
    from newsletter.delivery.smtp.transport import send_batch
    from newsletter.ops.doctor.inbound import check_return_path
    from newsletter.scheduler.leader_lock import LOCK

    work = wiring.work
    imap = work.settings.inbound.imap
    return check_return_path(
        work.engine,
        make_return_path_test(wiring, now=now),
        intakes=intake_names(wiring),
        leader_lock=work.state_dir / "locks" / LOCK,
        send=lambda envelope: next(iter(send_batch(wiring.relays, [envelope]))),
        patience=30.0 + (imap.interval if imap.host else 0),
    )


def _dns(wiring: Wiring, *, resolver: str | None, addresses: list[str]) -> list[Finding]:
    from newsletter.delivery.smtp.relay import is_loopback
    from newsletter.ops.doctor import dns
    from newsletter.ops.doctor.names import Resolver

    domain = wiring.unsigned_builder.domain.lower()
    settings = wiring.work.settings
    sends_itself = any(is_loopback(smtp.host) for smtp in (settings.smtp, *settings.relays))
    own = dns.own_address() if sends_itself and not addresses else None
    return dns.check_dns(
        Resolver(resolver),
        domain=domain,
        keys=wiring.dkim_keys,
        addresses=addresses or ([own] if own else []),
        sends_itself=sends_itself,
    )


def _pages(work: Workspace, *, now: datetime) -> list[Finding]:
    from newsletter.ops.doctor import pages

    settings = work.settings
    sends_away = "sender" in settings.model_fields_set
    return pages.check_pages(settings.base_url, name=settings.brand.name, sends_away=sends_away, now=now)


def _webhooks(work: Workspace) -> list[Finding]:
    from newsletter.cli.inbound import webhook_secrets
    from newsletter.ops.doctor.webhooks import check_webhooks

    signing = webhook_secrets(work.settings.inbound.webhooks)
    # The pages compare the signature's time with the real one, whatever --at says.
    return list(check_webhooks(work.engine, work.settings.base_url, signing, now=datetime.now(UTC)))


def _print(finding: Finding) -> None:
    mend = f" -> {finding.hint}" if finding.hint else ""
    output.say_hanging(f"{finding.status.value:8} ", one_line(f"{finding.check}: {finding.words}{mend}"))
