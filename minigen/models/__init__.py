"""Networks and losses, nothing else."""
