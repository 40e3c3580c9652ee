-- How far each consumer is, and who may write: one row per consumer and partition. next_offset is -1 while nothing was written; topic_id tells a topic
-- from an earlier one of its name.
-- The binary collation keeps names apart that differ only in case, as the broker does.
IF OBJECT_ID(N'exactlyonce_offsets', N'U') IS NULL
CREATE TABLE exactlyonce_offsets (
    consumer        nvarchar(249) COLLATE Latin1_General_100_BIN2 NOT NULL,
    topic           varchar(249)  COLLATE Latin1_General_100_BIN2 NOT NULL,
    partition_index int           NOT NULL,
    next_offset     bigint        NOT NULL,
    epoch           bigint        NOT NULL,
    topic_id        varchar(36)   NULL,
    PRIMARY KEY (consumer, topic, partition_index)
);

-- Records on their way into topics. sequence_number is null until the relay has seen the row; a row is deleted when its record is in the log.
IF OBJECT_ID(N'exactlyonce_outbox', N'U') IS NULL
BEGIN
    CREATE TABLE exactlyonce_outbox (
        id              bigint IDENTITY(1, 1) NOT NULL PRIMARY KEY,
        sequence_number bigint         NULL,
        topic           varchar(249)   COLLATE Latin1_General_100_BIN2 NOT NULL,
        record_key      varbinary(max) NULL,
        record_value    varbinary(max) NULL,
        headers         nvarchar(max)  NULL,
        timestamp_ms    bigint         NULL
    );
    CREATE INDEX exactlyonce_outbox_sequence ON exactlyonce_outbox (sequence_number);
END;
