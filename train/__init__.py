"""Training and measuring: `python -m train METHOD --dataset ...` and `python -m train evaluate ...`."""
