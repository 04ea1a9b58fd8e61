"""The other end of a program's connections and of its terminal."""
