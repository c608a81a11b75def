from .recorder import record, span
