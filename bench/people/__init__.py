"""How well faces are grouped: ``python -m bench.people`` prints the table of docs/people.md."""
