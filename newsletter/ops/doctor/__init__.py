"""The checks of `newsletter doctor`: each looks at one thing and says what it found and how to mend it.

Mends nothing, and reads no settings: the command line hands in what they say.
"""
