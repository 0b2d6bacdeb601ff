"""What the data say about pressure: how much each customer bears, and how much and how long each channel presses."""
