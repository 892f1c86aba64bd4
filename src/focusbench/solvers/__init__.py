"""Optimisation as pure functions of arrays; knows no track."""
