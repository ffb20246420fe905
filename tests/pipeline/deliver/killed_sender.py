"""A process that delivers and may be killed: started by the kill tests, one fork for each run.

Reads "run POINT" lines: POINT 0 runs to the end, N dies by SIGKILL at the N-th point passed. Answers
"pid P", then "done STATUS".
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from newsletter.db.engine import default_url, open_engine
from newsletter.delivery.message.builder import MessageBuilder
from newsletter.delivery.outbox.recovery import Uncertain
from newsletter.delivery.smtp.relay import Relay, Security
from newsletter.pipeline.deliver.options import DeliveryOptions
from newsletter.pipeline.deliver.run import deliver
from tests.delivery.outbox.scenario import BUILDER, NOW


def options_for(
    port: int, locks: Path, mode: Uncertain = Uncertain.MEND, *, connections: int = 4, **columns: object
) -> DeliveryOptions:
    """A DeliveryOptions for a server on this machine."""
    builder: MessageBuilder = BUILDER
    relay = Relay(
        host="127.0.0.1", port=port, security=Security.NONE, connections=connections, retry_delays=(0.01,)
    )
    return DeliveryOptions(
        relays=[relay],
        builder=builder,
        links=lambda mail: {"greeting": f"reader {mail.subscriber_id}"},
        locks_dir=locks,
        suppression_key=b"suppression key of the tests",
        wall=lambda: datetime.now(UTC),
        uncertain=mode,
        jitter=lambda: 0.0,
        **columns,  # type: ignore[arg-type]
    )


def run(folder: Path, port: int, mode: Uncertain, point: int) -> None:
    """Deliver; die at the given point."""
    left = point

    def passed(_name: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    counts = deliver(
        open_engine(default_url(folder)), options_for(port, folder / "locks", mode), now=NOW, passed=passed
    )
    if counts.stopped is not None:
        raise counts.stopped


def main() -> None:
    folder, port, mode = Path(sys.argv[1]), int(sys.argv[2]), Uncertain(sys.argv[3])
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                run(folder, port, mode, int(line.split()[1]))
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        _tell(f"pid {child}")
        _tell(f"done {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
