"""What the log proves about itself: reserves that continue one another, slots with certificates."""
