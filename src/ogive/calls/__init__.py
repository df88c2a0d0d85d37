"""What a call is, once for every framework."""
