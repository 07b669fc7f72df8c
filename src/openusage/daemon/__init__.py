"""The one long-lived process of a machine: joins providers, store, read model, socket and exporter."""
