"""The nouns that travel between rooms and machines: frozen, no I/O.

Named `wire`, not `model`: a model here is an LLM.
"""
