"""The one place where evidence becomes a cause: facts, and what supports or contradicts each cause."""
