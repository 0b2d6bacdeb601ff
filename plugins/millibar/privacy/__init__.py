"""Privacy: erasing a person everywhere, and the tombstones that keep an erased person out."""
