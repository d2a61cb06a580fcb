import pika
import pytest

from core.broker import topology
from core.broker.topology import TopologyMismatchError
from tests.clients import Broker
from tests.queues import channel_to, depth, put, take


def declare(broker: Broker) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        topology.declare(connection, broker.namespace)


def test_every_queue_of_the_design_is_made_and_reached_by_its_key(broker: Broker) -> None:
    declare(broker)
    for exchange, key, queue in (
        ("create-job-use-case", "job_created", "job_created"),
        ("create-job-use-case-dlq", "job_created_dlq", "job_created_dlq"),
        ("errors-when-create-job-use-case", "payload", "payload_error"),
        ("errors-when-create-job-use-case", "database", "database_error"),
        ("errors-when-create-job-use-case", "queue", "queue_error"),
        ("errors-when-create-job-use-case", "exception", "exception_error"),
    ):
        put(broker, exchange, key, key.encode())
        assert [message.body for message in take(broker, queue)] == [key.encode()]


def test_declaring_again_changes_nothing_and_loses_nothing(broker: Broker) -> None:
    declare(broker)
    put(broker, "create-job-use-case", "job_created", b"kept")
    declare(broker)
    assert depth(broker, "job_created") == 1


def test_a_higher_priority_leaves_first_and_equals_leave_as_they_came(broker: Broker) -> None:
    declare(broker)
    for body, priority in ((b"a0", 0), (b"b5", 5), (b"c3", 3), (b"d5", 5), (b"e0", 0)):
        put(broker, "create-job-use-case", "job_created", body, priority)
    taken = [message.body for message in take(broker, "job_created", 5)]
    assert taken == [b"b5", b"d5", b"c3", b"a0", b"e0"]


def test_a_refused_job_message_becomes_a_dead_letter(broker: Broker) -> None:
    declare(broker)
    put(broker, "create-job-use-case", "job_created", b"dead")
    with channel_to(broker) as channel:
        method, _, _ = channel.basic_get(broker.namespace + "job_created")
        channel.basic_nack(method.delivery_tag, requeue=False)
    (dead,) = take(broker, "job_created_dlq")
    assert dead.body == b"dead"


def test_queues_of_errors_that_exist_without_arguments_fit(broker: Broker) -> None:
    with channel_to(broker) as channel:
        for queue in topology.ERROR_QUEUES.values():
            channel.queue_declare(broker.namespace + queue, durable=True)
    declare(broker)
    put(broker, "errors-when-create-job-use-case", "database", b"kept")
    assert depth(broker, "database_error") == 1


def test_a_queue_with_other_arguments_is_an_error_that_says_what_to_do(broker: Broker) -> None:
    queue = broker.namespace + "job_created"
    with channel_to(broker) as channel:
        channel.queue_declare(queue, durable=True, arguments={"x-max-priority": 9})
    with pytest.raises(TopologyMismatchError) as refused:
        declare(broker)
    assert queue in str(refused.value)
    assert "delete_queue" in str(refused.value)
    assert "createqueue" in str(refused.value)


def test_an_exchange_of_another_kind_is_an_error_too(broker: Broker) -> None:
    exchange = broker.namespace + "errors-when-create-job-use-case"
    with channel_to(broker) as channel:
        channel.exchange_declare(exchange, "fanout", durable=True)
    with pytest.raises(TopologyMismatchError, match=exchange):
        declare(broker)


def test_namespaces_do_not_see_one_another(broker: Broker) -> None:
    declare(broker)
    other = Broker(broker.url, broker.namespace + "other.")
    try:
        declare(other)
        put(other, "create-job-use-case", "job_created", b"theirs")
        assert depth(broker, "job_created") == 0
    finally:
        with channel_to(other) as channel:
            for binding in topology.bindings(other.namespace):
                channel.queue_delete(binding.queue)
                channel.exchange_delete(binding.exchange)
