-- How far each consumer is, and who may write: one row per consumer and partition. next_offset is -1 while nothing was written; topic_id tells a topic
-- from an earlier one of its name.
CREATE TABLE IF NOT EXISTS exactlyonce_offsets (
    consumer        TEXT    NOT NULL,
    topic           TEXT    NOT NULL,
    partition_index INTEGER NOT NULL,
    next_offset     INTEGER NOT NULL,
    epoch           INTEGER NOT NULL,
    topic_id        TEXT    NULL,
    PRIMARY KEY (consumer, topic, partition_index)
) WITHOUT ROWID;

-- Records on their way into topics. sequence_number is null until the relay has seen the row; a row is deleted when its record is in the log.
CREATE TABLE IF NOT EXISTS exactlyonce_outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    sequence_number INTEGER NULL,
    topic           TEXT    NOT NULL,
    record_key      BLOB    NULL,
    record_value    BLOB    NULL,
    headers         TEXT    NULL,
    timestamp_ms    INTEGER NULL
);
CREATE INDEX IF NOT EXISTS exactlyonce_outbox_sequence ON exactlyonce_outbox (sequence_number);
