"""What can be shown of Nightkeep on AWS without an account: its template, its packages, and a rehearsal."""
