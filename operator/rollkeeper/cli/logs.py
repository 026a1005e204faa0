"""Log lines: one an act, with the set, run, batch and instance it is about and its reason; as text or as JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

_EXTRA = ("scale_set", "image_source", "run", "batch", "instance", "reason")
_SHOWN = ("image_source", "run", "instance")
"""In text, where the sentence tells the rest."""


class TextFormatter(logging.Formatter):
    """`12:00:01 INFO  default/web run=web-1-1-0-x7k2p batch 1: replacing 0-1`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback if there is one."""
        time = datetime.fromtimestamp(record.created, UTC)
        scale_set = getattr(record, "scale_set", "")
        extra = [f"{key}={getattr(record, key)}" for key in _SHOWN if hasattr(record, key)]
        words = [f"{time:%H:%M:%S}", f"{record.levelname:7}", scale_set, *extra, record.getMessage()]
        line = " ".join(word for word in words if word)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record with its extra fields, and the traceback as a field."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: getattr(record, key) for key in _EXTRA if hasattr(record, key)},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up(log_format: str, level: str) -> None:
    """Sends all logs to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
