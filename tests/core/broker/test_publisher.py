import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_all

import pytest

from core.broker.messages import Message
from core.broker.publisher import (
    BufferFullError,
    Failures,
    Publisher,
    RefusedError,
    UnroutableError,
)
from core.settings import BrokerSettings
from devstack.ports import LOOPBACK, free
from devstack.process import Program
from devstack.servers import ROOT
from tests.clients import Broker
from tests.proxy import Proxy
from tests.queues import channel_to, depth, port_of, settings_of, take
from tests.waiting import wait_until

LONG = 30.0


@pytest.fixture
def publisher(declared_broker: Broker) -> Iterator[Publisher]:
    made = Publisher(settings_of(declared_broker), "test")
    yield made
    made.close(timeout=0.5)


@pytest.fixture
def proxy(declared_broker: Broker) -> Iterator[Proxy]:
    made = Proxy(port_of(declared_broker))
    yield made
    made.shut()


@pytest.fixture
def through_proxy(declared_broker: Broker, proxy: Proxy) -> Iterator[Publisher]:
    made = Publisher(settings_of(declared_broker, proxy.port), "test")
    yield made
    made.close(timeout=0.5)


def message(
    name: str, *, exchange: str = "create-job-use-case", key: str = "job_created"
) -> Message:
    return Message(exchange, key, name.encode(), name, "request", "test")


def bodies(broker: Broker, at_least: int) -> Counter[str]:
    return Counter(one.body.decode() for one in take(broker, "job_created", at_least, LONG))


def test_a_message_is_in_its_queue_once_its_future_is_done(
    publisher: Publisher, declared_broker: Broker
) -> None:
    assert publisher.publish([message("one")]).result(LONG) == {}
    (got,) = take(declared_broker, "job_created", timeout=0)
    assert got.body == b"one"
    assert got.properties.delivery_mode == 2


def test_many_threads_publish_at_once_and_every_message_is_confirmed(
    publisher: Publisher, declared_broker: Broker
) -> None:
    def publish(thread: int) -> list[Future[Failures]]:
        return [publisher.publish([message(f"{thread}-{n}")]) for n in range(300)]

    with ThreadPoolExecutor(8) as pool:
        futures = [future for made in pool.map(publish, range(8)) for future in made]
    for future in futures:
        assert future.result(LONG) == {}
    counted = bodies(declared_broker, 2400)
    assert len(counted) == 2400
    assert set(counted.values()) == {1}


def test_one_thread_s_messages_keep_their_order(
    publisher: Publisher, declared_broker: Broker
) -> None:
    names = [f"{n}" for n in range(500)]
    for future in [publisher.publish([message(name)]) for name in names]:
        assert future.result(LONG) == {}
    assert [one.body.decode() for one in take(declared_broker, "job_created", 500)] == names


def test_a_message_that_no_queue_takes_is_an_error_and_the_others_are_not(
    publisher: Publisher, declared_broker: Broker
) -> None:
    lost = publisher.publish([message("lost", key="nowhere")])
    good = publisher.publish([message("good")])
    (error,) = lost.result(LONG).values()
    assert isinstance(error, UnroutableError)
    assert "createqueue" in str(error)
    assert good.result(LONG) == {}
    assert depth(declared_broker, "job_created") == 1


def test_of_messages_that_are_handed_over_together_it_is_told_which_were_not_taken(
    publisher: Publisher, declared_broker: Broker
) -> None:
    keys = {"first": "job_created", "lost": "nowhere", "last": "job_created"}
    told = publisher.publish([message(name, key=key) for name, key in keys.items()])
    assert set(told.result(LONG)) == {"lost"}
    assert [one.body for one in take(declared_broker, "job_created", 2)] == [b"first", b"last"]


def test_more_than_may_be_unconfirmed_at_once_is_published_in_order(
    publisher: Publisher, declared_broker: Broker
) -> None:
    names = [f"{n}" for n in range(2500)]
    assert publisher.publish([message(name) for name in names]).result(LONG) == {}
    assert [one.body.decode() for one in take(declared_broker, "job_created", 2500)] == names


def test_few_messages_that_are_more_than_the_socket_takes_at_once_are_sent_to_their_end(
    publisher: Publisher, declared_broker: Broker
) -> None:
    assert publisher.wait_connected(LONG)
    bodies = [bytes([65 + n]) * 4_000_000 for n in range(3)]
    large = [
        Message("create-job-use-case", "job_created", body, f"{n}", "request", "test")
        for n, body in enumerate(bodies)
    ]
    assert publisher.publish(large).result(LONG) == {}
    assert [one.body for one in take(declared_broker, "job_created", 3)] == bodies


def test_the_confirms_of_others_are_not_taken_for_that_of_a_message_that_cannot_be_written(
    publisher: Publisher,
) -> None:
    assert publisher.wait_connected(LONG)
    wrong = Message("create-job-use-case", "job_created", b"", "x", "request", "test", priority=-1)
    assert publisher.publish([message("before"), wrong]).cancel()
    assert publisher.publish([message("good")]).result(LONG) == {}


def test_a_message_that_the_broker_refuses_is_an_error(
    publisher: Publisher, declared_broker: Broker
) -> None:
    with channel_to(declared_broker) as channel:
        queue = declared_broker.namespace + "small"
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish", "x-expires": 60_000}
        channel.queue_declare(queue, arguments=arguments)
        channel.queue_bind(queue, declared_broker.namespace + "create-job-use-case", "small")
    assert publisher.publish([message("fits", key="small")]).result(LONG) == {}
    failures = publisher.publish([message("does not", key="small")]).result(LONG)
    assert isinstance(failures["does not"], RefusedError)


def test_without_its_exchange_a_message_waits_and_goes_out_once_it_is_declared(
    broker: Broker,
) -> None:
    publisher = Publisher(settings_of(broker), "test")
    try:
        waiting = publisher.publish([message("early")])
        done, _ = wait_all([waiting], timeout=0.5)
        assert not done
        with channel_to(broker) as channel:
            channel.exchange_declare(broker.namespace + "create-job-use-case", durable=True)
            channel.queue_declare(broker.namespace + "job_created")
            channel.queue_bind(
                broker.namespace + "job_created", broker.namespace + "create-job-use-case"
            )
            channel.queue_bind(
                broker.namespace + "job_created",
                broker.namespace + "create-job-use-case",
                "job_created",
            )
        assert waiting.result(LONG) == {}
    finally:
        publisher.close(timeout=0.5)


def test_a_missing_exchange_does_not_make_the_broker_busy(broker: Broker) -> None:
    proxy = Proxy(port_of(broker))
    publisher = Publisher(settings_of(broker, proxy.port), "test")
    try:
        began = time.monotonic()
        publisher.publish([message("early")])
        # The pauses grow although each connection succeeds: 0.2, 0.4 and 0.8 s at the least.
        wait_until(lambda: proxy.accepted >= 4, LONG)
        assert time.monotonic() - began > 1.2
    finally:
        publisher.close(timeout=0.5)
        proxy.shut()


def test_whatever_is_published_while_connections_break_is_confirmed_in_the_end(
    through_proxy: Publisher, proxy: Proxy, declared_broker: Broker
) -> None:
    futures: list[Future[Failures]] = []

    def publish() -> None:
        for n in range(1500):
            futures.append(through_proxy.publish([message(f"{n}")]))
            if n % 10 == 0:
                time.sleep(0.001)

    publishing = threading.Thread(target=publish)
    publishing.start()
    for _ in range(4):
        wait_until(lambda: any(not future.done() for future in futures) or len(futures) == 1500)
        proxy.shut()
        proxy.open()
        assert through_proxy.wait_connected(LONG)
    publishing.join()
    for future in futures:
        assert future.result(LONG) == {}
    assert set(bodies(declared_broker, 1500)) == {f"{n}" for n in range(1500)}


def test_what_the_broker_did_not_confirm_is_published_again(
    through_proxy: Publisher, proxy: Proxy, declared_broker: Broker
) -> None:
    assert through_proxy.publish([message("first")]).result(LONG) == {}
    proxy.mute()
    unconfirmed = through_proxy.publish([message("second")])
    wait_until(lambda: depth(declared_broker, "job_created") == 2)
    assert not unconfirmed.done()
    proxy.shut()
    proxy.open()
    assert unconfirmed.result(LONG) == {}
    assert bodies(declared_broker, 3) == {"first": 1, "second": 2}


def test_a_broker_that_is_killed_and_started_again_loses_nothing(
    broker: Broker, declared_broker: Broker, publisher: Publisher, programs: dict[str, Program]
) -> None:
    futures: list[Future[Failures]] = []
    enough = threading.Event()

    def publish() -> None:
        while not enough.is_set():
            futures.append(publisher.publish([message(f"{len(futures)}")]))
            time.sleep(0.005)

    publishing = threading.Thread(target=publish)
    publishing.start()
    wait_until(lambda: any(future.done() for future in list(futures)))
    programs["rabbitmq"].kill()
    programs["rabbitmq"].start()
    assert publisher.wait_connected(60)
    enough.set()
    publishing.join()
    for future in futures:
        assert future.result(60) == {}
    assert set(bodies(declared_broker, len(futures))) == {f"{n}" for n in range(len(futures))}


def test_the_buffer_is_bounded_and_refuses_at_once(declared_broker: Broker, proxy: Proxy) -> None:
    proxy.shut()
    publisher = Publisher(settings_of(declared_broker, proxy.port), "test", capacity=5)
    try:
        waiting = [publisher.publish([message(f"{n}")]) for n in range(5)]
        began = time.monotonic()
        with pytest.raises(BufferFullError):
            publisher.publish([message("one too many")])
        assert time.monotonic() - began < 1
        proxy.open()
        for future in waiting:
            assert future.result(LONG) == {}
        assert publisher.publish([message("there is room again")]).result(LONG) == {}
        assert sum(bodies(declared_broker, 6).values()) == 6
    finally:
        publisher.close(timeout=0.5)


def test_unconfirmed_messages_count_against_the_buffer(
    declared_broker: Broker, proxy: Proxy
) -> None:
    publisher = Publisher(settings_of(declared_broker, proxy.port), "test", capacity=2)
    try:
        assert publisher.wait_connected(LONG)
        proxy.mute()
        waiting = [publisher.publish([message(f"{n}")]) for n in range(2)]
        wait_until(lambda: depth(declared_broker, "job_created") == 2)
        with pytest.raises(BufferFullError):
            publisher.publish([message("one too many")])
        proxy.unmute()
        for future in waiting:
            assert future.result(LONG) == {}
    finally:
        publisher.close(timeout=0.5)


def test_a_message_that_is_taken_back_in_time_is_never_published(
    through_proxy: Publisher, proxy: Proxy, declared_broker: Broker
) -> None:
    proxy.shut()
    kept = through_proxy.publish([message("kept")])
    taken_back = through_proxy.publish([message("taken back")])
    assert taken_back.cancel()
    proxy.open()
    assert kept.result(LONG) == {}
    with pytest.raises(CancelledError):
        taken_back.result(0)
    assert through_proxy.publish([message("last")]).result(LONG) == {}
    assert set(bodies(declared_broker, 2)) == {"kept", "last"}


def test_a_message_taken_back_too_late_does_not_speak_for_its_repetition(
    through_proxy: Publisher, proxy: Proxy, declared_broker: Broker
) -> None:
    queue = declared_broker.namespace + "job_created"
    exchange = declared_broker.namespace + "create-job-use-case"
    assert through_proxy.publish([message("first")]).result(LONG) == {}
    with channel_to(declared_broker) as channel:
        channel.queue_unbind(queue, exchange, "job_created")
    proxy.mute()
    late = through_proxy.publish([message("run")])
    through_proxy.publish(
        [message("event", exchange="errors-when-create-job-use-case", key="queue")]
    )
    wait_until(lambda: depth(declared_broker, "queue_error") == 1)
    assert late.cancel()
    with channel_to(declared_broker) as channel:
        channel.queue_bind(queue, exchange, "job_created")
    proxy.unmute()
    # The same message again: this time a queue takes it.
    assert through_proxy.publish([message("run")]).result(LONG) == {}


def test_closing_waits_until_all_is_confirmed(declared_broker: Broker) -> None:
    publisher = Publisher(settings_of(declared_broker), "test")
    futures = [publisher.publish([message(f"{n}")]) for n in range(1000)]
    publisher.close(timeout=LONG)
    assert all(future.done() for future in futures)
    assert depth(declared_broker, "job_created") == 1000


def test_a_process_that_just_ends_has_published_what_it_had_to(declared_broker: Broker) -> None:
    code = """
from core.broker import events
from core.broker.publisher import Publisher
from core.settings import BrokerSettings, load
events.emit(Publisher(load(BrokerSettings), "test"), "queue", request_id="last words")
"""
    settings = {"BROKER_URL": declared_broker.url, "BROKER_NAMESPACE": declared_broker.namespace}
    subprocess.run(  # noqa: S603 our own
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **settings},
        check=True,
        timeout=60,
    )
    assert depth(declared_broker, "queue_error") == 1


def test_closing_without_a_broker_takes_no_longer_than_it_may(
    through_proxy: Publisher, proxy: Proxy
) -> None:
    proxy.shut()
    through_proxy.publish([message("stranded")])
    began = time.monotonic()
    through_proxy.close(timeout=0.5)
    assert time.monotonic() - began < 3


def test_closing_while_the_broker_says_nothing_is_no_error(
    declared_broker: Broker, read_logs: Callable[[], str]
) -> None:
    with socket.create_server((LOOPBACK, 0)) as mute:
        publisher = Publisher(settings_of(declared_broker, mute.getsockname()[1]), "test")
        publisher.start()
        client, _ = mute.accept()
        with client:
            assert client.recv(4) == b"AMQP"
            publisher.close(timeout=LONG)
    assert "publisher_crashed" not in read_logs()


def test_closing_does_not_wait_for_what_was_taken_back(
    through_proxy: Publisher, proxy: Proxy
) -> None:
    proxy.shut()
    assert through_proxy.publish([message("taken back")]).cancel()
    began = time.monotonic()
    through_proxy.close(timeout=LONG)
    assert time.monotonic() - began < LONG / 2


def test_closing_ends_the_thread_at_whatever_moment(declared_broker: Broker) -> None:
    before = set(threading.enumerate())
    for pause in (0.0, 0.001, 0.003, 0.01, 0.03):
        publisher = Publisher(settings_of(declared_broker), "test")
        publisher.start()
        time.sleep(pause)
        publisher.close()
    assert not {thread for thread in threading.enumerate() if thread.name == "publisher"} - before


def test_a_publisher_that_was_never_used_is_closed_too(declared_broker: Broker) -> None:
    Publisher(settings_of(declared_broker), "test").close()


def test_the_broker_may_come_later_than_the_process() -> None:
    port = free(1)[0]
    settings = BrokerSettings.model_validate(
        {"broker_url": f"amqp://guest:guest@127.0.0.1:{port}/"}
    )
    publisher = Publisher(settings, "test")
    try:
        assert not publisher.wait_connected(0.1)
    finally:
        publisher.close(timeout=0.1)


def test_a_wrong_password_is_logged_without_it(
    declared_broker: Broker, read_logs: Callable[[], str]
) -> None:
    url = declared_broker.url.replace("guest:guest", "guest:girassol")
    publisher = Publisher(BrokerSettings.model_validate({"broker_url": url}), "test")
    try:
        publisher.publish([message("never")])
        wait_until(lambda: "broker_lost" in read_logs())
        assert "girassol" not in read_logs()
    finally:
        publisher.close(timeout=0.1)
