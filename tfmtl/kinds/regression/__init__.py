"""One number."""

from tfmtl.kinds.regression.options import Regression

__all__ = ["Regression"]
