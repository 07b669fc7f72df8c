"""Names of models: taken apart, and grouped to the model they mean. Pure.

`Lineages(own).of(name)` says which model a name means and how sure that is; `names` is the one place that
splits a name, which prices use too.
"""

from openusage.lineage.grouping import Confidence, Lineage, Lineages, lineage_of

__all__ = ["Confidence", "Lineage", "Lineages", "lineage_of"]
