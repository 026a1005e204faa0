"""The benchmark: the same roll by Rollkeeper and by StatefulSet's own controller, side by side on one cluster.

python -m bench            # the comparison, and the picture of a rollout
python -m bench --profile  # where the controller's time goes
python -m bench.decide     # the cost of one decision
"""
