"""How a run can end other than by itself."""


class Stopped(Exception):
    """Somebody asked for it, or the API process is gone."""


class TaskFailed(Exception):
    """The task cannot go on; the message becomes LastFailureMessage."""
