"""What deterministic layers of continuous inputs forget."""
