"""One procedure a module: a function from tidy data frames to a tidy data frame, and a command that reads and writes."""
