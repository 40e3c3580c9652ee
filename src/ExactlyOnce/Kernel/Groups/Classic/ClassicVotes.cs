namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>Which assignor a classic group uses: of those that all members support, the one most members prefer; of equals the first member's.</summary>
internal static class ClassicVotes
{
    public static string Select(List<ClassicMember> members)
    {
        var votes = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var member in members)
        {
            var vote = Vote(member, members);
            votes[vote] = votes.GetValueOrDefault(vote) + 1;
        }
        var selected = Vote(members[0], members);
        foreach (var member in members)
        {
            var vote = Vote(member, members);
            if (votes[vote] > votes[selected])
                selected = vote;
        }
        return selected;
    }

    /// <summary>
    /// Whether a member that supports <paramref name="protocols"/> leaves the group, without <paramref name="replaced"/>, an assignor in common.
    /// </summary>
    public static bool HaveCommon(ClassicGroup group, IReadOnlyList<ClassicProtocol> protocols, string? replaced)
    {
        foreach (var protocol in protocols)
        {
            var isCommon = true;
            foreach (var member in group.Members)
                isCommon &= member.Id == replaced || member.Supports(protocol.Name);
            if (isCommon)
                return true;
        }
        return false;
    }

    private static string Vote(ClassicMember voter, List<ClassicMember> members)
    {
        foreach (var protocol in voter.Protocols)
        {
            if (members.TrueForAll(member => member.Supports(protocol.Name)))
                return protocol.Name;
        }
        throw new InvalidOperationException("Members without a common protocol were let in.");
    }
}
