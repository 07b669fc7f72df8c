"""(model, tokens, time) -> cost. Dated prices as data, integer arithmetic, no network.

`PriceBook.load(custom)` reads a person's `custom-pricing.json`; `price(event)` is called for every message
at ingest, `rates(…)` answers "what does this model cost". A model without a known price is `None`, never 0.
"""

from openusage.pricing._book import Price, PriceBook
from openusage.pricing._rates import Match, Rates, Tier

__all__ = ["Match", "Price", "PriceBook", "Rates", "Tier"]
