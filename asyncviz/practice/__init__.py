"""What the lessons need: the local web service and its facts, checks, predictions, quizzes."""

from asyncviz.practice.capitals import data_path
from asyncviz.practice.checks import Verdict, check
from asyncviz.practice.errors import shown
from asyncviz.practice.predictions import Prediction, predict
from asyncviz.practice.quizzes import answer, quiz
from asyncviz.practice.service import ServiceError, Stats, WebService, web_service
from asyncviz.practice.solved import progress, reset_progress

__all__ = [
    "Prediction",
    "ServiceError",
    "Stats",
    "Verdict",
    "WebService",
    "answer",
    "check",
    "data_path",
    "predict",
    "progress",
    "quiz",
    "reset_progress",
    "shown",
    "web_service",
]
