"""What several tests share: real processes and homes."""
