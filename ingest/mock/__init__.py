"""The mock sky: surveys with the real column sets and known truth, of any size, from a seed.

Nothing here comes from a real catalogue. Numbers of objects, colours, scores and probabilities follow simple laws that
have the right shape, so that queries written for the real tables run and give sensible answers.
"""
