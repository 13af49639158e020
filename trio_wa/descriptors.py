"""File descriptors: as many as the workers' connections and the callers' need."""

import resource

from trio_wa.config import Settings, SettingsError

WANTED = 1_024
"""How many should be left for callers, the store, and all else, whatever the workers hold."""

LEAST = 192
"""With fewer left, busy workers would leave none for a caller; they keep their connections."""


def provide_descriptors(settings: Settings) -> None:
    """Raise the soft limit of this process to what these settings need, or to the hard limit.

    The usual 1,024 is not what a process can have, but what a program that uses select(2) can.

    Raises:
        SettingsError: the hard limit too leaves nothing for callers beside so many workers.
    """
    wahas = len({session.url for session in settings.sessions})
    held = settings.worker_count * wahas  # each worker has a connection to each of them
    limit = _raised(held + WANTED)
    if limit >= held + LEAST:
        return
    fewer = (limit - LEAST) // wahas
    raise SettingsError(
        f"WORKER_COUNT={settings.worker_count} needs {held + LEAST} file descriptors, and this"
        f" process may have {limit}: raise its hard limit (LimitNOFILE= of systemd, --ulimit"
        " nofile= of Docker)" + (f", or set WORKER_COUNT to {fewer}" if fewer > 0 else "")
    )


def _raised(wanted: int) -> int:
    """Raise the soft limit to `wanted` where it is lower; the limit that came of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return max(soft, wanted)
    raised = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    except (OSError, ValueError):  # the system has a limit of its own
        return soft
    return raised
