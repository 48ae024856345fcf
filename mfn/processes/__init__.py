"""Programs that run as several processes: who started them, and what happens when one of them ends."""
