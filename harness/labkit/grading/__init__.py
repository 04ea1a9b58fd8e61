"""From checks to verdicts: the grader, the failure block, results, the scorecard."""
