"""The roles as programs that run for weeks: `owner`, `trainer`, `aggregator`.

Each is a loop: look at the chain, the journal and the clock; decide on one step (`steps.py`, pure functions); take it;
wait. Everything that a step needs later is in the journal before it is taken, and what has been done is read from the
chain. So a program that is killed at any point and started again goes on with the step that is due.
"""
