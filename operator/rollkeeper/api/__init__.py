"""The API that users see."""
