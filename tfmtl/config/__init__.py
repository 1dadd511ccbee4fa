"""The experiment: its typed sections, its YAML file, and experiments made from one."""
