"""One table a module, named by its number in the paper: ``build`` formats statistics and computes nothing else."""
