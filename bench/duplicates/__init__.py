"""How well copies are found, and told from what only looks like one.

    material.py   films, copies of them, and other films of the same places
    __main__.py   index them, look for duplicates, hold the answer against the truth

``python -m bench.duplicates OUT [VIDEO...]`` prints the table of docs/duplicates.md; videos of your own take
part as sources beside the generated ones.
"""
