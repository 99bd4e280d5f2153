"""The clock: service levels as pure arithmetic on events, a policy and a calendar. Start with README.md."""
