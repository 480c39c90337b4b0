"""Both forms in which system.stages shows what is secret (docs/facts/databend.md, "Stages")."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sandbox.tests.databend.client import Client, Server

PLACE = "URL = 's3://bucket/x/' CONNECTION = (REGION = 'eu-west-1' ROLE_ARN = 'arn:1' {})"
MASKS = "/_sandbox/stages/masks"


@pytest.fixture
def stage(client: Client, db: str) -> Iterator[str]:
    name = f"st_{db}"
    client.run(f"CREATE STAGE {name} {PLACE.format("EXTERNAL_ID = 'secret-abc'")}")
    yield name
    client.request("POST", MASKS, {"form": "suffix"})
    client.run(f"DROP STAGE {name}")


def shown(client: Client, stage: str) -> dict[str, str]:
    [[params, url]] = client.run(f"SELECT storage_params, url FROM system.stages WHERE name = '{stage}'")
    assert url == "s3://bucket/x/"
    return json.loads(params or "")


def test_the_form_can_be_chosen(client: Client, stage: str) -> None:
    before = shown(client, stage)
    assert (before["external_id"], before["role_arn"]) == ("******abc", "arn:1")
    columns = client.run("SELECT * FROM system.stages LIMIT 0"), client.columns
    assert client.request("POST", MASKS, {"form": "edges"})[:2] == (200, {"form": "edges"})
    assert shown(client, stage) == {**before, "external_id": "se***bc"}
    assert (client.run("SELECT * FROM system.stages LIMIT 0"), client.columns) == columns
    assert client.request("GET", MASKS)[1] == {"form": "edges"}
    client.request("POST", MASKS, {"form": "suffix"})
    assert shown(client, stage) == before


def test_a_replaced_stage_shows_its_own(client: Client, stage: str) -> None:
    client.request("POST", MASKS, {"form": "edges"})
    client.run(f"CREATE OR REPLACE STAGE {stage} {PLACE.format("EXTERNAL_ID = 'other-xyz'")}")
    assert shown(client, stage)["external_id"] == "ot***yz"
    client.run(f"CREATE STAGE IF NOT EXISTS {stage} {PLACE.format("EXTERNAL_ID = 'ignored'")}")
    assert shown(client, stage)["external_id"] in ("ot***yz", "******xyz")
    client.run(f"CREATE OR REPLACE STAGE {stage} {PLACE.format('')}")
    assert shown(client, stage)["external_id"] == ""


def test_keys_and_connections_are_masked_alike(client: Client, stage: str, db: str) -> None:
    client.request("POST", MASKS, {"form": "edges"})
    keys = "ACCESS_KEY_ID = 'AKIA12345678' SECRET_ACCESS_KEY = 'very-secret'"
    client.run(f"CREATE OR REPLACE STAGE {stage} {PLACE.format(keys)}")
    params = shown(client, stage)
    assert (params["access_key_id"], params["secret_access_key"]) == ("AK***78", "ve***et")
    client.run(f"CREATE CONNECTION c_{db} STORAGE_TYPE = 's3' ROLE_ARN = 'arn:1' EXTERNAL_ID = 'of-connection'")
    client.run(f"CREATE OR REPLACE STAGE {stage} URL = 's3://bucket/x/' CONNECTION = (CONNECTION_NAME = 'c_{db}')")
    assert shown(client, stage)["external_id"] == "of***on"
    client.run(f"DROP CONNECTION c_{db}")


def test_a_user_sees_the_same_form_of_visible_stages(client: Client, stage: str, db: str, server: Server) -> None:
    name = f"reader_{db}"
    client.run(f"CREATE ROLE {name}")
    client.run(f"CREATE USER {name} IDENTIFIED BY 'secret' WITH DEFAULT_ROLE = '{name}'")
    client.run(f"GRANT ROLE {name} TO {name}")
    reader = Client(server.port, user=name, password="secret")
    client.request("POST", MASKS, {"form": "edges"})
    assert reader.run(f"SELECT name FROM system.stages WHERE name = '{stage}'") == []
    client.run(f"GRANT READ ON STAGE {stage} TO ROLE {name}")
    assert shown(reader, stage)["external_id"] == "se***bc"
    client.run(f"DROP USER {name}")
    client.run(f"DROP ROLE {name}")


def test_another_form_is_refused(client: Client) -> None:
    status, document, _ = client.request("POST", MASKS, {"form": "none"})
    assert (status, document["error"]) == (400, "form: one of suffix, edges is needed")
