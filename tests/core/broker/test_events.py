import uuid
from datetime import UTC, datetime, timedelta

import pytest

from core.broker import events, topology
from core.broker.publisher import Publisher
from core.settings import BrokerSettings
from devstack.ports import free
from tests.clients import Broker
from tests.queues import settings_of, take


@pytest.mark.parametrize("kind", topology.ERROR_QUEUES)
def test_an_event_lands_in_the_queue_of_its_kind(declared_broker: Broker, kind: str) -> None:
    publisher = Publisher(settings_of(declared_broker), "test")
    event_id = events.emit(publisher, kind, request_id="r-9", reason="çã", job_id=3)
    publisher.close()
    (event,) = take(declared_broker, topology.ERROR_QUEUES[kind])
    data = event.data
    assert datetime.fromisoformat(data.pop("occurred_at")) > datetime.now(UTC) - timedelta(
        minutes=1
    )
    assert data == {
        "event_id": event_id,
        "kind": kind,
        "request_id": "r-9",
        "reason": "çã",
        "job_id": 3,
    }
    assert event.properties.message_id == event_id
    assert uuid.UUID(event_id)
    assert event.properties.correlation_id == "r-9"
    assert event.properties.delivery_mode == 2


def test_an_event_without_room_is_lost_and_never_raises() -> None:
    nowhere = BrokerSettings.model_validate(
        {"broker_url": f"amqp://guest:guest@127.0.0.1:{free(1)[0]}/"}
    )
    publisher = Publisher(nowhere, "test", capacity=1)
    assert events.emit(publisher, "queue", request_id="1") is not None
    assert events.emit(publisher, "queue", request_id="2") is None
    publisher.close(timeout=0.1)
