"""Names of tests, as tables and files have them. Reading results by them takes neither the procedures nor scipy."""

WILCOXON = "Wilcoxon signed-rank over epochs"
PERMUTATION = "permutation of whole runs"
PAIRED_T = "paired Student t"
EQUIVALENCE = "two one-sided paired t tests"
SUPERIORITY = "paired rank effect (Konietschke–Pauly)"
BROWN_FORSYTHE = "Brown–Forsythe"
