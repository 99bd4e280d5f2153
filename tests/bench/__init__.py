"""The bench: what this machine does against the bars. `make bench`, or `python -m tests.bench append list --quick`."""
