"""Analytics: all accounts and machines over any days, compared with as many before them."""
