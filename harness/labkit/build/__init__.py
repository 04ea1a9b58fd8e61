"""From sources to programs: what is taken in, the compiler, the screen, symbols."""
