"""The container files name what is in the repository, and agree with the one command."""

import re

import yaml

from rftstudio.command.terminal import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")


def test_services_are_all_there():
    assert set(COMPOSE["services"]) == {"database", "broker", "prepare", "web", "worker"}
    assert set(COMPOSE["volumes"]) == {"data", "database", "broker"}


def test_whoever_is_waited_for_exists_and_can_say_that_it_is_well():
    for name, service in COMPOSE["services"].items():
        for other, wish in service.get("depends_on", {}).items():
            assert other in COMPOSE["services"], name
            if wish["condition"] == "service_healthy":
                assert COMPOSE["services"][other]["healthcheck"]["test"]


def test_settings_are_shared_by_web_worker_and_prepare():
    addresses = {
        (service["environment"]["DATABASE_URL"], service["environment"]["BROKER_URL"])
        for name, service in COMPOSE["services"].items()
        if name in ("web", "worker", "prepare")
    }
    assert len(addresses) == 1
    ((database, broker),) = addresses
    assert "@database:5432/" in database
    assert broker.startswith("redis://broker:")


def test_management_commands_of_prepare_exist():
    names = set(re.findall(r"manage\.py (\w+)", COMPOSE["services"]["prepare"]["command"][-1]))
    own = {path.stem for path in ROOT.glob("rftstudio/*/management/commands/*.py")}
    assert names - own == {"migrate", "collectstatic"}


def test_no_port_is_open_to_the_world():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]


def test_what_the_image_copies_is_there():
    sources = [words.split()[:-1] for words in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)]
    assert all((ROOT / source).exists() for row in sources for source in row)
    assert "USER studio" in DOCKERFILE
