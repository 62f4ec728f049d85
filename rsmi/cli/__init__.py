"""The commands; the only place that knows every other part of the library."""
