"""The signatures of an export, one file each, which choose the tasks that they answer."""
