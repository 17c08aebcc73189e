"""What many more seeds would take, on paper and by simulation: jobs, files, bytes, hours, and the planning of them."""
