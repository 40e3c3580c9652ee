using ExactlyOnce.EntityFrameworkCore.Model;
using ExactlyOnce.Sql.Outboxes;
using Microsoft.EntityFrameworkCore;

namespace ExactlyOnce.EntityFrameworkCore;

/// <summary>
/// The outbox of a context: what is added to it is published if, and when, the context's changes are saved (or the transaction around them commits). Made by
/// <see cref="ContextOutboxExtensions.Outbox"/>; not thread-safe, as its context is not.
/// </summary>
public sealed class ContextOutbox
{
    private readonly DbContext _context;

    internal ContextOutbox(DbContext context) => _context = context;

    /// <summary>Publishes a record with the context's changes.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    public void Add<TKey, TValue>(Topic<TKey, TValue> topic, TKey key, TValue value) => Add(topic, new ProducerRecord<TKey, TValue>(key, value));

    /// <summary>Publishes a record without a key with the context's changes.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="value">The value.</param>
    public void Add<TValue>(Topic<NoKey, TValue> topic, TValue value) => Add(topic, new ProducerRecord<NoKey, TValue>(default, value));

    /// <summary>Publishes a record with headers or a timestamp of its own with the context's changes.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="record">The record; its partition, message id and source sequence must be left out.</param>
    public void Add<TKey, TValue>(Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record)
    {
        var row = OutboxRow.Of(topic, record);
        _context.Add(new OutboxEntity
        {
            Topic = row.Topic,
            RecordKey = row.Key,
            RecordValue = row.Value,
            Headers = row.Headers,
            TimestampMs = row.TimestampMs,
        });
    }
}
