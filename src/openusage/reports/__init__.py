"""Reports: rows -> `Table` (one module a report, pure), `Table` -> text, JSON or CSV (`render`)."""
