"""`millibar churn`: a file of orders in, the chances and the value of every customer out."""
