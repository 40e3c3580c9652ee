"""confluent-kafka for Python (librdkafka). Usage: confluent_python.py SERVERS SCENARIO [CODEC]. How to log in is in JUDGE_SECURITY. Says on standard output what it did; the test looks into the broker."""
import json
import os
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

base = {"bootstrap.servers": sys.argv[1], **json.loads(os.environ.get("JUDGE_SECURITY", "{}"))}
started = time.monotonic()


def say(text):
    print(text, flush=True)


def value_of(message):
    if message.error():
        raise RuntimeError(message.error())
    return message.value().decode()


def delivered(error, _):
    if error:
        raise RuntimeError(error)


def consumer_of(group, topic, **config):
    consumer = Consumer({
        **base, "group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": 6000, "heartbeat.interval.ms": 300, **config})
    consumer.subscribe([topic])
    return consumer


def write():
    producer = Producer({**base})
    for i in range(100):
        producer.produce(
            "orders", key=f"k{i}", value=f"order {i}", headers={"from": "judge"}, timestamp=1700000000000 + i, on_delivery=delivered)
    producer.produce("orders", key="gone", value=None, headers={"from": "judge"}, timestamp=1700000000100, on_delivery=delivered)
    say(f"left: {producer.flush(20)}")


def idempotent():
    producer = Producer({**base, "enable.idempotence": True})
    for i in range(200):
        producer.produce("numbers", value=str(i), partition=0, on_delivery=delivered)
    say(f"left: {producer.flush(20)}")


def compress(codec):
    producer = Producer({**base, "compression.type": codec, "linger.ms": 50})
    for i in range(100):
        producer.produce("orders", value=f"order {i} " * 4, partition=0, on_delivery=delivered)
    producer.flush(20)
    consumer = consumer_of("unused", "orders", **{"enable.auto.commit": False})
    for _ in range(100):
        say(f"read: {value_of(consumer.poll(20))}")
    consumer.close()


def transaction():
    consumer = consumer_of("transformers", "in", **{"enable.auto.commit": False})
    producer = Producer({**base, "transactional.id": "transform"})
    producer.init_transactions(20)
    records = [consumer.poll(20) for _ in range(60)]

    def transform(batch):
        producer.begin_transaction()
        for record in batch:
            producer.produce("out", value=f"{value_of(record)}!", on_delivery=None)
        ends = {}
        for record in batch:
            ends[record.partition()] = max(ends.get(record.partition(), 0), record.offset() + 1)
        producer.send_offsets_to_transaction(
            [TopicPartition("in", partition, end) for partition, end in ends.items()], consumer.consumer_group_metadata(), 20)
        producer.flush(20)

    for begin in range(0, 60, 20):
        if begin == 20:
            transform(records[begin:begin + 20])
            producer.abort_transaction(20)
            say("aborted")
        transform(records[begin:begin + 20])
        producer.commit_transaction(20)
        say("committed")
    consumer.close()


def fence():
    def producer_of():
        producer = Producer({**base, "transactional.id": "one"})
        producer.init_transactions(20)
        producer.begin_transaction()
        return producer

    zombie = producer_of()
    zombie.produce("out", value="zombie")
    zombie.flush(20)
    successor = producer_of()
    successor.produce("out", value="successor")
    successor.commit_transaction(20)
    try:
        zombie.commit_transaction(20)
    except KafkaException as refusal:
        say(f"refused: {refusal.args[0].name()}")


def isolation():
    for level in ["read_committed", "read_uncommitted"]:
        consumer = consumer_of(f"unused-{level}", "ledger", **{"isolation.level": level, "enable.auto.commit": False})
        value = None
        while value != "end":
            value = value_of(consumer.poll(20))
            say(f"{level}: {value}")
        consumer.close()


def group():
    def poll_until(reached, *members):
        while not reached():
            if time.monotonic() - started > 75:
                raise TimeoutError(f"The members have {[member.assignment() for member in [first, second]]} and {sorted(seen, key=int)}.")
            for consumer in members:
                message = consumer.poll(0.02)
                if message is not None:
                    say(f"read: {value_of(message)}")
                    seen.add(value_of(message))

    seen = set()
    first, second = consumer_of("readers", "in"), consumer_of("readers", "in")
    poll_until(lambda: len(first.assignment()) == 2 and len(second.assignment()) == 2 and len(seen) == 100, first, second)
    say("shared")
    input()
    second.close()
    poll_until(lambda: len(first.assignment()) == 4 and len(seen) == 100, first)
    say("alone")
    input()
    poll_until(lambda: len(seen) == 200, first)
    first.close()


def admin():
    def wait(futures):
        return [future.result(20) for future in futures.values()]

    client = AdminClient({**base})
    wait(client.create_topics([NewTopic("made", 3, 1, config={"retention.ms": "3600000", "cleanup.policy": "delete"})]))
    wait(client.create_partitions([NewPartitions("made", 5)]))
    wait(client.alter_configs([ConfigResource("topic", "made", set_config={"retention.ms": "7200000"})]))
    described = wait(client.describe_configs([ConfigResource("topic", "made")]))
    say(f"retention.ms: {described[0]['retention.ms'].value}")
    say(f"groups: {[group.id for group in client.list_groups(timeout=20)]}")
    wait(client.delete_topics(["doomed"]))
    try:
        wait(client.delete_topics(["doomed"]))
    except KafkaException as refusal:
        say(f"refused: {refusal.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART}")
    say(f"topics: {sorted(client.list_topics(timeout=20).topics)}")


globals()[sys.argv[2]](*sys.argv[3:])
