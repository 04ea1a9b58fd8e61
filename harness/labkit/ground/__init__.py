"""What everything else stands on: words, faults, the labs' descriptions, pace, the process table."""
