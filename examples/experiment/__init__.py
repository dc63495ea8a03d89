"""The experiment: does SCRL localise better than BYOL, and BYOL classify better than SCRL?

`python examples/experiment --out runs/experiment` pretrains one backbone on made pictures by four
methods from several seeds, on as many pictures each, judges them, and writes a table with intervals.

settings.py has every number. flow.py, cache.py and runner.py know nothing of what is done: stages
with inputs, their results on disk, and their order. stages.py says what there is to do.
"""
