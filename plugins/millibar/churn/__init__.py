"""Churn: who is still a customer, who will order again, what his loss would cost, and why he may leave."""
