"""Pressure: what each customer bears, whether he is under, balanced or over, and the signs that say so."""
