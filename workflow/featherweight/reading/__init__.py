"""From the text of an answer to what it states. Pure functions; `choice` is the way in for options.

A room of its own, so that editing the reader reruns `score` and what follows, never `generate`.
"""
