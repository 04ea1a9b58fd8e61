"""A class: many strangers' submissions taken in, graded side by side, and a gradebook of them."""
