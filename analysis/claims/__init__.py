"""The ledger: every claim of the paper, the rule that decides it, and the verdict that figures and runs give."""
