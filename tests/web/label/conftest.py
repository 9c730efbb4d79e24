"""The questions to label of these tests."""

from label_exam import exam, labels, session

__all__ = ["exam", "labels", "session"]
