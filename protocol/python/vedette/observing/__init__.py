"""What runs an observer in Python; `vedette.observer` is what an observer sees of it.

options.py   command line and configuration         samples.py   what was read of which source
readings.py  sources and pollers, standing reads     turn.py      the events and reads that a turn wants
replay.py    the state as the stored events say      writer.py    the conversation with the ingestor
feed.py      snapshot, changes and their history     host.py      joins them in one loop
"""
