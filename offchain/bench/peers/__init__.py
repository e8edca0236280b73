"""What others would use for the same statement, each an optional extra: `make peers` installs them."""
