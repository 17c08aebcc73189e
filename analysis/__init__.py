"""Statistics of many training runs, and the paper's figures and tables drawn from them. Never imports torch."""
