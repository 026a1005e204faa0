"""What the controller tells about itself: metrics, and whether its watches live."""
