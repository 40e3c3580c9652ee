namespace ExactlyOnce.Kafka.Endpoint.Codec;

/// <summary>
/// A request, an answer, or a structure in one. Its fields are described once, in the order of the wire, and a <see cref="Wire"/> goes over them to read or to
/// write: so that both directions agree, and a file can be held against the protocol's table line by line. Fields that a version does not carry keep their
/// defaults.
/// </summary>
internal interface IMessage
{
    void Fields(Wire wire);

    /// <summary>
    /// The fields of the tag section that ends the structure in flexible versions. Those that are not described are skipped on the way in and left out on the
    /// way out.
    /// <code>if (wire.Tag(0, isSet: ClusterId is not null)) wire.NullableString(ref ClusterId);</code>
    /// </summary>
    void Tagged(Wire wire)
    {
    }
}
