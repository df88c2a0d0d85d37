"""Which activation, on this data: `ogive study` as functions from settings to records.

`data` loads and splits, `network` trains a batch of networks, `run` goes through the grid and
keeps the `journal`, `statistics` and `claims` say what may be concluded, `result` is what the
report shows.
"""
