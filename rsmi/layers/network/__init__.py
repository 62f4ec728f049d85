"""Choose, change and load the network that is measured."""
