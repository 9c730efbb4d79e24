"""Report of the questions of one or several exams: tables, page and their content."""
