"""Fake and replayed sensors, to test measuring where there is no sensor.

They stand where the real ones do: a directory as Linux' powercap, an object as
``pynvml``, a meter, a clock. Each can fail in the ways that real ones were seen to.
"""
