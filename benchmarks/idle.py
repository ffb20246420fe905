"""Measures `newsletter run` while nothing is due: its share of a core and its memory.

python benchmarks/idle.py [--readers 100000] [--seconds 120] [--intakes]

--intakes turns on every way by which bounces come in: Maildir, IMAP each minute, LMTP, and all webhooks.
The readers live in 40 time zones and have every hour; all slots up to now are closed. It prints one line of
JSON: cpu (share of one core), rss_mib (highest).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from newsletter import samples  # noqa: E402
from newsletter.db.engine import default_url, open_engine, writing  # noqa: E402
from tests.imap_servers.scripted import Script, ScriptedImapServer  # noqa: E402
from tests.inbound.intakes.provider_signatures import TOPIC, sendgrid_public_key  # noqa: E402

ZONES = """
    UTC Europe/Berlin Europe/London America/New_York America/Chicago America/Denver America/Los_Angeles
    America/Sao_Paulo America/Bogota America/Halifax Africa/Cairo Africa/Lagos Africa/Nairobi Asia/Tokyo
    Asia/Seoul Asia/Shanghai Asia/Kolkata Asia/Dubai Asia/Karachi Asia/Kathmandu Asia/Tehran Asia/Jakarta
    Asia/Manila Asia/Singapore Asia/Bangkok Australia/Sydney Australia/Adelaide Australia/Perth
    Pacific/Auckland Pacific/Honolulu Pacific/Chatham America/St_Johns America/Anchorage Europe/Moscow
    Europe/Athens Europe/Lisbon Asia/Jerusalem America/Mexico_City Asia/Yangon Atlantic/Azores
""".split()  # noqa: SIM905  (forty lines otherwise)
PERSON = """
INSERT INTO subscribers (ref, leave_id, address, address_key, name, state, cadence, weekday, hour, timezone,
    text_only, minimum, slots_done_to, cadence_since, created_at, confirmed_at, version)
VALUES (:ref, :leave, :address, :address, '', 'confirmed', :cadence, :weekday, :hour, :timezone, 0, 1,
    :done, :since, :since, :since, 1)
"""
FOLLOWS = """
INSERT INTO subscriptions (subscriber_id, topic, since)
SELECT id, 'circuits', confirmed_at FROM subscribers
"""


def command(state: Path, *arguments: str) -> list[str]:
    """The call of one command."""
    return [sys.executable, "-m", "newsletter", "--state-dir", str(state), *arguments]


def prepare(state: Path, readers: int) -> None:
    """Set up a newsletter without anything due until the next full hour."""
    subprocess.run(command(state, "init"), check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    engine = open_engine(default_url(state))
    now = datetime.now(UTC).replace(tzinfo=None)
    since = now - timedelta(days=30)
    kinds = (("daily", None), ("daily", None), ("weekdays", None), ("weekly", "monday"), ("weekly", "friday"))
    with writing(engine) as connection:
        rows = [
            {
                "ref": f"r{n}",
                "leave": f"l{n}",
                "address": f"r{n}@readers.example",
                "cadence": kinds[n % 5][0],
                "weekday": kinds[n % 5][1],
                "hour": (n // 5) % 24,
                "timezone": ZONES[(n // 120) % len(ZONES)],
                "done": (now - timedelta(seconds=1)).isoformat(sep=" "),
                "since": since.isoformat(sep=" "),
            }
            for n in range(readers)
        ]
        connection.execute(text(PERSON), rows)
        connection.execute(text(FOLLOWS))
    engine.dispose()
    for dump in samples.dumps():
        subprocess.run(command(state, "ingest", str(dump)), check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    subprocess.run(command(state, "editions", "publish"), check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def ticks(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, int]:
    """Resident memory in MiB: the peak and the present value."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return {"peak": int(found["VmHWM"]) // 1024, "now": int(found["VmRSS"]) // 1024}


def turn_on_intakes(state: Path, imap_port: int) -> None:
    """Write settings with all ways in."""
    (state / "newsletter.toml").write_text(
        f"""
[inbound.maildir]
path = "Maildir"
[inbound.lmtp]
address = "{state.parent}/lmtp"
[inbound.imap]
host = "127.0.0.1"
port = {imap_port}
security = "none"
username = "me"
password = "a password"
[inbound.webhooks]
ses_topic = "{TOPIC}"
postmark_secret = "a long secret"
mailgun_key = "a long secret"
sendgrid_key = "{sendgrid_public_key()}"
brevo_secret = "a long secret"
""",
        "utf-8",
    )


def measure(
    readers: int, seconds: float, settle: float = 30.0, *, intakes: bool = False
) -> dict[str, object]:
    """Measure for `seconds` after `settle` seconds."""
    with (
        tempfile.TemporaryDirectory(prefix="newsletter-idle-") as folder,
        ScriptedImapServer(Script()) as imap,
    ):
        state = Path(folder) / "state"
        prepare(state, readers)
        if intakes:
            turn_on_intakes(state, imap.port)
        process = subprocess.Popen(command(state, "run", "--port", "0"), cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            time.sleep(settle)
            before, begun = ticks(process.pid), time.monotonic()
            time.sleep(seconds)
            used, passed = ticks(process.pid) - before, time.monotonic() - begun
            kept = memory(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        return {
            "readers": readers,
            "intakes": intakes,
            "seconds": round(passed),
            "cpu": round(used / passed, 5),
            "rss_mib": kept["peak"],
            "rss_now_mib": kept["now"],
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--intakes", action="store_true")
    chosen = parser.parse_args()
    print(json.dumps(measure(chosen.readers, chosen.seconds, intakes=chosen.intakes)))
