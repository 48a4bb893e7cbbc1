"""Optimizers, learning-rate schedules, equivariance and the check for divergence."""
