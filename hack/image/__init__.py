"""The controller's image: built, measured, and listed as a software bill of materials."""
