"""What each cause means, and what to do about it."""
