"""The methods by which a trained run learns a new task, one file each."""
