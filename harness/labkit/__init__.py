"""The machinery of the lab workbook: builds, sandbox, processes, clients, sanitizer reports, verdicts."""
