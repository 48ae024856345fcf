"""Networks of others by name: where they lie, under which terms, and how they get here."""
