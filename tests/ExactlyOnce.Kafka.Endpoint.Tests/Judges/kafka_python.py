"""kafka-python. Usage: kafka_python.py SERVERS SCENARIO [CODEC]. How to log in is in JUDGE_SECURITY. Says on standard output what it did; the test looks into the broker."""
import json
import os
import sys
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic

base = {"bootstrap_servers": sys.argv[1], **json.loads(os.environ.get("JUDGE_SECURITY", "{}"))}
started = time.monotonic()


def say(text):
    print(text, flush=True)


def write():
    producer = KafkaProducer(**base, acks="all")
    sent = [
        producer.send("orders", key=b"k%d" % i, value=b"order %d" % i, headers=[("from", b"judge")], timestamp_ms=1700000000000 + i)
        for i in range(100)
    ]
    sent.append(producer.send("orders", key=b"gone", value=None, headers=[("from", b"judge")], timestamp_ms=1700000000100))
    for future in sent:
        future.get(timeout=20)
    producer.close()


def compress(codec):
    producer = KafkaProducer(**base, compression_type=codec, linger_ms=50)
    for i in range(100):
        producer.send("orders", value=b"order %d " % i * 4, partition=0)
    producer.flush()
    producer.close()
    read(100, "orders")


def isolation():
    """This client knows read_uncommitted only, and gives the markers of commits and aborts, which are not records, to its user."""
    markers = [b"\0\0\0\0", b"\0\0\0\1"]
    consumer = KafkaConsumer("ledger", **base, auto_offset_reset="earliest", group_id=None)
    for message in consumer:
        if message.key in markers:
            continue
        say(f"read_uncommitted: {message.value.decode()}")
        if message.value == b"end":
            break
    consumer.close()


def read(count, topic):
    consumer = KafkaConsumer(topic, **base, auto_offset_reset="earliest", group_id=None, consumer_timeout_ms=20000)
    for _, message in zip(range(count), consumer):
        say(f"read: {message.value.decode()}")
    consumer.close()


def group():
    def member():
        return KafkaConsumer(
            "in", **base, group_id="readers", auto_offset_reset="earliest", enable_auto_commit=True, auto_commit_interval_ms=500,
            session_timeout_ms=6000, heartbeat_interval_ms=300)

    def poll_until(reached, *members):
        while not reached():
            if time.monotonic() - started > 75:
                raise TimeoutError(f"The members have {[sorted(member.assignment()) for member in [first, second]]} and {sorted(seen, key=int)}.")
            for consumer in members:
                for messages in consumer.poll(timeout_ms=50).values():
                    for message in messages:
                        say(f"read: {message.value.decode()}")
                        seen.add(message.value)

    seen = set()
    first, second = member(), member()
    poll_until(lambda: first.assignment(), first)
    # The first one learns of the second only while it is polled, and the second waits meanwhile.
    import threading
    joined = threading.Event()

    def keep_first_alive():
        while not joined.is_set():
            for messages in first.poll(timeout_ms=50).values():
                for message in messages:
                    say(f"read: {message.value.decode()}")
                    seen.add(message.value)

    thread = threading.Thread(target=keep_first_alive)
    thread.start()
    poll_until(lambda: len(second.assignment()) == 2, second)
    joined.set()
    thread.join()
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
    client = KafkaAdminClient(**base)
    client.create_topics([NewTopic("made", 3, 1, topic_configs={"retention.ms": "3600000", "cleanup.policy": "delete"})])
    client.create_partitions({"made": NewPartitions(5)})
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "made", configs={"retention.ms": "7200000"})])
    for response in client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "made")]):
        for resource in response.resources:
            for config in resource[4]:
                if config[0] == "retention.ms":
                    say(f"retention.ms: {config[1]}")
    say(f"groups: {client.list_consumer_groups()}")
    say(f"offsets: {client.list_consumer_group_offsets('old')}")
    client.delete_consumer_groups(["old"])
    client.delete_topics(["doomed"])
    say(f"topics: {sorted(client.list_topics())}")
    client.close()


globals()[sys.argv[2]](*sys.argv[3:])
