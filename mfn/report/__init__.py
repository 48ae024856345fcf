"""What a person looks at when a run has ended: tables, pictures and a summary."""
