"""Tools for developers of Rollkeeper; none of this is shipped."""
