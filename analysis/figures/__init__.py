"""One figure a module, named by its number in the paper: ``plot`` draws statistics on axes and computes nothing."""
