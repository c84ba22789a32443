#!/usr/bin/env python3
"""Writes tests/usage/seed-110.txt.xz: the first developers of one seed of usage_cases.py, for the suite.

A line for each developer, `name class count,count,...` (empty for 0), then one for each incident, `! name first last kind`.
The seed was not looked at while the rule was built.    python3 tests/usage/held_out.py (needs numpy)
The figure over a whole seed, with a learn that was built for speed:
  python3 tests/usage/usage_cases.py export /tmp/s101 --seed 101
  learn scan-usage /tmp/s101/usage.csv --calls-column calls --rule negative-binomial --resolve -q -f ndjson > /tmp/s101/alerts.ndjson
  python3 tests/usage/usage_cases.py score /tmp/s101 /tmp/s101/alerts.ndjson
"""
import lzma, pathlib
import synth

SEED, DEVELOPERS = 110, 120
counts, _, classes, _, incidents = synth.make(SEED)
lines = []
for i in range(DEVELOPERS):
    cells = ",".join(str(n) if n else "" for n in counts[i]).rstrip(",")
    lines.append(f"dev_{i:04d} {classes[i]} {cells}")
for i, first, last, kind, factor, *_ in incidents:
    if i < DEVELOPERS:
        lines.append(f"! dev_{i:04d} {first} {last} {kind}{factor or ''}")
text = "\n".join(lines) + "\n"
out = pathlib.Path(__file__).parent / f"seed-{SEED}.txt.xz"
out.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
