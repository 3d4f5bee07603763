"""Types and names of the API; parsing and printing only, never a decision."""
