namespace ExactlyOnce.Tests.Errors;

public sealed class ErrorTableTests
{
    [Theory]
    [InlineData(ErrorCode.ConcurrentTransactions, ErrorRecovery.Retry)]
    [InlineData(ErrorCode.CoordinatorLoadInProgress, ErrorRecovery.Retry)]
    [InlineData(ErrorCode.RebalanceInProgress, ErrorRecovery.Retry)]
    [InlineData(ErrorCode.TransactionAbortable, ErrorRecovery.AbortTransaction)]
    [InlineData(ErrorCode.TransactionTimedOut, ErrorRecovery.AbortTransaction)]
    [InlineData(ErrorCode.ProducerFenced, ErrorRecovery.RecreateClient)]
    [InlineData(ErrorCode.InvalidProducerEpoch, ErrorRecovery.RecreateClient)]
    [InlineData(ErrorCode.OutOfOrderSequence, ErrorRecovery.RecreateClient)]
    [InlineData(ErrorCode.IllegalGeneration, ErrorRecovery.RecreateClient)]
    [InlineData(ErrorCode.FencedInstanceId, ErrorRecovery.RecreateClient)]
    [InlineData(ErrorCode.OutcomeUnknown, ErrorRecovery.RecreateClient)]
    [InlineData(ErrorCode.BrokerClosed, ErrorRecovery.RecreateClient)]
    [InlineData(ErrorCode.StorageFailure, ErrorRecovery.Stop)]
    [InlineData(ErrorCode.DiskFull, ErrorRecovery.Stop)]
    [InlineData(ErrorCode.DirectoryInUse, ErrorRecovery.Stop)]
    [InlineData(ErrorCode.MessageTooLarge, ErrorRecovery.FixRequest)]
    [InlineData(ErrorCode.UnknownTopicOrPartition, ErrorRecovery.FixRequest)]
    [InlineData(ErrorCode.InvalidTransactionState, ErrorRecovery.FixRequest)]
    [InlineData(ErrorCode.NonEmptyGroup, ErrorRecovery.FixRequest)]
    public void An_error_carries_its_remedy(ErrorCode code, ErrorRecovery recovery) =>
        ErrorTable.ToException(code, "why").Should().Match<BrokerException>(e => e.Recovery == recovery && e.Message == "why");

    [Fact]
    public void Every_code_becomes_an_exception_with_that_code()
    {
        foreach (var code in Enum.GetValues<ErrorCode>().Where(code => code != ErrorCode.None))
            ErrorTable.ToException(code, "why").Code.Should().Be(code);
    }

    [Fact]
    public void A_timeout_is_told_apart_from_fencing()
    {
        ErrorTable.ToException(ErrorCode.TransactionTimedOut, "t").Should().BeOfType<TransactionTimedOutException>();
        ErrorTable.ToException(ErrorCode.ProducerFenced, "f").Should().BeOfType<ProducerFencedException>();
    }

    [Fact]
    public void Success_is_not_an_exception() =>
        FluentActions.Invoking(() => ErrorTable.ToException(ErrorCode.None, "")).Should().Throw<ArgumentOutOfRangeException>();
}
