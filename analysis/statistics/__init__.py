"""One procedure a module: a function from tidy data frames to one, and a command around it."""
