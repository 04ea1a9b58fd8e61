"""What is checked: a package for each lab, a module for each of its steps."""
