import json
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal

from core.broker import messages


def test_a_job_message_carries_what_the_design_says() -> None:
    run_id = uuid.uuid4()
    message = messages.job_created({"run_id": run_id, "priority": 2}, priority=4, request_id="r-1")
    properties = message.properties()
    assert (message.exchange, message.routing_key) == ("create-job-use-case", "job_created")
    assert properties.message_id == str(run_id)
    assert properties.correlation_id == "r-1"
    assert properties.type == "job_created"
    assert properties.app_id == "agendador-de-consulta-cnpj"
    assert properties.content_type == "application/json"
    assert properties.delivery_mode == 2
    assert properties.priority == 4
    assert abs(properties.timestamp - time.time()) < 5
    assert json.loads(message.body) == {"run_id": str(run_id), "priority": 2}


def test_bodies_are_compact_utf8_whatever_they_hold() -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    body = {"a": "ação 🏢", "half": "x\ud800y", "at": moment, "n": Decimal("1.5"), "nul": "\0"}
    text = messages.encode(body).decode("utf-8")
    assert "ação 🏢" in text
    assert json.loads(text) == body | {"at": str(moment), "n": "1.5"}
