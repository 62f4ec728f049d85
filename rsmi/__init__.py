"""Learn real-space renormalisation from data, and measure what each layer of a network forgets."""

__version__ = "0.1.0"
