"""Photos to aligned crops."""
