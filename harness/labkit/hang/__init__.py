"""What the threads of a program do and have done: the flight record, stacks, who waits for whom."""
