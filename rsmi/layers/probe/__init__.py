"""Stream activations of chosen layers and keep their codes."""
