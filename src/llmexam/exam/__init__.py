"""Exams: questions and answers, file formats, splits, audits and submissions."""
