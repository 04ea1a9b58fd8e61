"""The workbook's experiments, questions and quiz."""
