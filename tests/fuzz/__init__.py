"""Whatever users write and networks answer: it is read, or refused with the error that its callers know."""
