"""Reports of metrics with their intervals, of baselines, comparisons and affinities."""
