"""How much each part of a search contributes, how often it is wrong, and what it costs.

``python -m bench.quality SET`` indexes a labelled set with the product's own command, asks its queries as
``momentseek eval`` does, and then again with one part taken away at a time. What does not pay can go.
"""
