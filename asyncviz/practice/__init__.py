"""What the lessons need: the local web service and the facts it serves."""

from asyncviz.practice.capitals import data_path
from asyncviz.practice.service import ServiceError, Stats, WebService, web_service

__all__ = ["ServiceError", "Stats", "WebService", "data_path", "web_service"]
