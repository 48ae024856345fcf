"""The board kit: what shows on a board whether a file is given the pixels that it was made for."""
