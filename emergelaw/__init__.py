"""emergelaw: when does a language model acquire a capability? Bayesian laws of emergence from evaluation counts."""

__version__ = "0.1.0"
