"""Operators: each turns the user's wish into one call of what does the work, and its errors into a report."""
