"""What tests start from, made by the product's own actions."""
