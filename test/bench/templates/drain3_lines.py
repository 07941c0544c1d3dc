"""Lines a second of Drain3 with its example's masks. Usage: drain3_lines.py FILE; prints one number."""
import sys
import time

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

EDGE = r"((?<=[^A-Za-z0-9])|^)", r"((?=[^A-Za-z0-9])|$)"
MASKS = [
    (EDGE[0] + r"(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))" + EDGE[1], "ID"),
    (EDGE[0] + r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})" + EDGE[1], "IP"),
    (EDGE[0] + r"([0-9a-f]{6,} ?){3,}" + EDGE[1], "SEQ"),
    (EDGE[0] + r"([0-9A-F]{4} ?){4,}" + EDGE[1], "SEQ"),
    (EDGE[0] + r"(0x[a-f0-9A-F]+)" + EDGE[1], "HEX"),
    (EDGE[0] + r"([\-\+]?\d+)" + EDGE[1], "NUM"),
    (r"(?<=executed cmd )(\".+?\")", "CMD"),
]

config = TemplateMinerConfig()
config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS]
config.profiling_enabled = False
miner = TemplateMiner(config=config)
with open(sys.argv[1], encoding="utf-8") as file:
    lines = file.read().splitlines()
start = time.process_time()
for line in lines:
    miner.add_log_message(line)
print(len(lines) / (time.process_time() - start))
