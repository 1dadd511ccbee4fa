"""Pretrained backbones of KerasHub: how they are loaded, what each family can do, and how its layers read and write."""
