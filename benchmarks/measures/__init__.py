"""What is measured, one file each."""

from benchmarks.measures.accepting import ACCEPT
from benchmarks.measures.backlog import BACKLOG
from benchmarks.measures.batches import BATCHES
from benchmarks.measures.end_to_end import END_TO_END
from benchmarks.measures.latency import LATENCY
from benchmarks.measures.memory import MEMORY
from benchmarks.measures.recovery import RECOVERY
from benchmarks.measures.sending import SEND
from benchmarks.measures.stopping import STOP

MEASURES = (END_TO_END, SEND, ACCEPT, LATENCY, BATCHES, MEMORY, STOP, RECOVERY, BACKLOG)
"""All of them, in the order in which they run."""
