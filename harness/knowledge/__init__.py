"""What ThreadSanitizer, Helgrind and DRD know of the calls that order threads, measured row by row.

README.md says what a row is; `python -m knowledge` measures all of them and writes the page for instructors.
"""
