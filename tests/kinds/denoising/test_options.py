from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.task import answered


def test_it_reads_its_own_text_and_is_measured_by_its_loss_alone():
    task = Denoising(name="gaps", source="s", text="body")
    assert (task.target_fields, task.all_metrics, task.primary) == (("body",), (), "")


def test_nobody_asks_it():
    assert answered({"gaps": Denoising(name="gaps", source="s")}) == {}
