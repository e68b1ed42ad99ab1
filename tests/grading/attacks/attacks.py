"""What people try in order to get points, or to do harm: one attack each, in the form of any problem set."""

from tests.grading.attacks import on_channels, on_kernels, on_machines, on_notebooks, on_tests

ATTACKS = {
    **on_notebooks.ATTACKS,
    **on_tests.ATTACKS,
    **on_kernels.ATTACKS,
    **on_machines.ATTACKS,
    **on_channels.ATTACKS,
}
