from .trace import Trace
def alternative_text(trace: Trace) -> str:
    return f"<Trace {trace.name}: {len(trace.tasks)} tasks>"
