"""What the runs say of the paper, in prose whose every number is computed."""
