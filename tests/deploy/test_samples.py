"""The programs of the files in deploy/ accept them, where they are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dns.rdatatype
import dns.zone
import pytest
import trustme
import yaml

from newsletter.ops.doctor import dns as doctor
from newsletter.ops.doctor.finding import Status
from newsletter.ops.doctor.names import Resolver
from newsletter.settings import Settings
from tests.name_server import NameServer

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CONTAINER = DEPLOY / "container"


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text("utf-8"))
    return found


def test_compose_file_names_existing_files_volumes_and_networks() -> None:
    compose = _compose()
    services = compose["services"]
    assert set(services) == {"app", "relay", "postgres"}
    for service in services.values():
        if "build" in service:
            assert (CONTAINER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"]
        assert set(service["networks"]) <= set(compose["networks"])
    assert services["postgres"]["profiles"] == ["postgres"]
    assert all(port.startswith("127.0.0.1:") for port in services["app"]["ports"])
    assert "ports" not in services["relay"]
    assert services["app"]["ulimits"]["nofile"] >= 4096  # each visitor takes a descriptor


def test_compose_file_of_workers_is_like_the_other_one() -> None:
    workers = yaml.safe_load((CONTAINER / "compose.workers.yaml").read_text("utf-8"))
    one = _compose()
    services = workers["services"]
    assert set(services) == {"web", "worker-1", "worker-2", "relay", "postgres"}
    assert {key: workers[key] for key in ("networks", "volumes")} == {
        key: one[key] for key in ("networks", "volumes")
    }
    assert services["relay"] == one["services"]["relay"]
    assert {**services["postgres"], "profiles": ["postgres"]} == one["services"]["postgres"]
    own = ("command", "depends_on", "ports")
    app = {key: value for key, value in one["services"]["app"].items() if key not in own}
    for name in ("web", "worker-1", "worker-2"):
        assert {key: value for key, value in services[name].items() if key not in own} == app
    assert services["web"]["ports"] == one["services"]["app"]["ports"]
    assert services["web"]["command"] == ["serve"]
    assert services["worker-1"]["command"] == services["worker-2"]["command"] == ["worker", "--port", "8000"]
    assert not [name for name, service in services.items() if name != "web" and "ports" in service]


def test_compose_file_sets_only_settings_that_exist() -> None:
    example = (CONTAINER / "example.env").read_text("utf-8")
    named = set(re.findall(r"^#?(NEWSLETTER_\w+)=", example, flags=re.MULTILINE))
    named |= {key for key in _compose()["services"]["app"]["environment"] if key.startswith("NEWSLETTER_")}
    unknown = []
    for name in named:
        model: Any = Settings
        for step in name.removeprefix("NEWSLETTER_").lower().split("__"):
            field = getattr(model, "model_fields", {}).get(step)
            if field is None:
                unknown.append(name)
                break
            model = field.annotation
    assert unknown == []


def test_network_of_the_relay_is_that_of_the_compose_file() -> None:
    (network,) = _compose()["networks"]["inside"]["ipam"]["config"]
    assert network["subnet"] in (CONTAINER / "relay.main.cf").read_text("utf-8")
    proxies = _compose()["services"]["app"]["environment"]["NEWSLETTER_WEB__TRUSTED_PROXIES"]
    assert network["subnet"] in proxies


def _compose_program() -> list[str]:
    """The compose command of docker, or the separate program of Debian."""
    version = ["docker", "compose", "version"]
    if shutil.which("docker") and not subprocess.run(version, capture_output=True, check=False).returncode:
        return version[:2]
    return [_program("docker-compose")]


@pytest.mark.parametrize("name", ["compose.yaml", "compose.workers.yaml"])
def test_compose_accepts_the_file(tmp_path: Path, name: str) -> None:
    shutil.copytree(CONTAINER, tmp_path / "deploy/container")
    shutil.copy(CONTAINER / "example.env", tmp_path / "deploy/container/.env")
    _output(*_compose_program(), "-f", str(tmp_path / "deploy/container" / name), "config", "--quiet")


@pytest.mark.parametrize("name", ["Containerfile", "Containerfile.relay"])
def test_container_file_is_well_formed(name: str) -> None:
    text = (CONTAINER / name).read_text("utf-8").replace("\\\n", " ")
    steps = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL"}
    assert {step[0] for step in steps} <= known | {"HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert steps[0][0] == "FROM"
    copied = [step[1].split()[0] for step in steps if step[0] == "COPY" and not step[1].startswith("--from")]
    assert [path for path in copied if not (DEPLOY.parent / path).exists()] == []
    if name == "Containerfile":
        assert [step[1] for step in steps if step[0] == "USER"] == ["newsletter"]


def _postfix(folder: Path, main: Path) -> str:
    """The warnings of Postfix about a main.cf."""
    shutil.copy(main, folder / "main.cf")
    shutil.copy("/etc/postfix/master.cf", folder / "master.cf")
    done = subprocess.run(
        [_program("postconf"), "-c", str(folder), "-n"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("main", ["postfix/main.cf", "container/relay.main.cf"])
def test_postfix_knows_every_parameter(main: str, tmp_path: Path) -> None:
    if not Path("/etc/postfix/master.cf").exists():
        pytest.skip("postfix is not installed")
    assert _postfix(tmp_path, DEPLOY / main) == ""
    (tmp_path / "wrong.cf").write_text(
        (DEPLOY / main).read_text("utf-8") + "mynetwork = 0.0.0.0/0\n", "utf-8"
    )
    assert "unused parameter: mynetwork" in _postfix(tmp_path, tmp_path / "wrong.cf")


def test_opendkim_accepts_its_file(tmp_path: Path) -> None:
    opendkim = _program("opendkim")
    key = tmp_path / "key"
    _output(_program("openssl"), "genrsa", "-out", str(key), "2048")
    key.chmod(0o600)
    text = (DEPLOY / "opendkim/opendkim.conf").read_text("utf-8")
    text = text.replace("/etc/dkimkeys/mx2027.private", str(key)).replace(
        "UserID                  opendkim\n", ""
    )
    text += "RequireSafeKeys no\n"  # the folders of tests are writable for all users
    (tmp_path / "opendkim.conf").write_text(text, "utf-8")
    assert _output(opendkim, "-n", "-x", str(tmp_path / "opendkim.conf")) == ""


def test_caddy_accepts_its_file() -> None:
    _output(
        _program("caddy"), "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "caddy/Caddyfile")
    )


def test_nginx_accepts_its_file(tmp_path: Path) -> None:
    nginx = _program("nginx")
    authority = trustme.CA().issue_cert("papers.example.org")
    authority.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "pem"))
    site = (DEPLOY / "nginx/newsletter.conf").read_text("utf-8")
    site = re.sub(r"/etc/letsencrypt/\S+\.pem", str(tmp_path / "pem"), site)
    site = site.replace("/var/log/nginx", str(tmp_path))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "\n".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    whole = f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\nhttp {{\n{folders}\n{site}\n}}\n"
    (tmp_path / "nginx.conf").write_text(whole, "utf-8")
    _output(nginx, "-t", "-q", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path))


def test_braces_of_the_proxies_files_match() -> None:
    for name in ("caddy/Caddyfile", "nginx/newsletter.conf"):
        text = re.sub(r"#.*", "", (DEPLOY / name).read_text("utf-8"))
        assert text.count("{") == text.count("}") > 0


def test_zone_of_the_guide_satisfies_the_doctor() -> None:
    zone = dns.zone.from_text(
        (DEPLOY / "dns/example.org.zone").read_text("utf-8"), origin="example.org.", relativize=False
    )
    records: dict[tuple[str, str], list[str]] = {}
    for name, _ttl, record in zone.iterate_rdatas():
        kind = dns.rdatatype.to_text(record.rdtype)
        records.setdefault((name.to_text(omit_final_dot=True), kind), []).append(record.to_text())
    records["7.113.0.203.in-addr.arpa", "PTR"] = ["mx.example.org."]  # the provider sets it
    with NameServer(records) as server:
        found = doctor.check_dns(
            Resolver(server.address),
            domain="example.org",
            keys=(),
            addresses=("203.0.113.7",),
            sends_itself=True,
        )
    assert {finding.check: finding.status for finding in found} == {
        "SPF": Status.OK,
        "DKIM": Status.WARNING,  # this test has no key
        "DMARC": Status.OK,
        "bounces": Status.OK,
        "PTR": Status.OK,
    }
