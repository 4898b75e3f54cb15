"""A speech socket's rules at both ends → messages and states, without any input or output."""
