"""What an auditor does, a file each: reading the chain, replaying state and money, proofs, code, and contents."""
