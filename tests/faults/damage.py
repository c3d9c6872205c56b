"""Fault 3 and fault 4: journals cut at every byte, and flipped in any."""

import itertools

from dataset_builder.store.journal import Journal, read_journal
from tests.faults.findings import Findings, silent


def cut_everywhere(lines, path, *, say=silent):
    """Cut a file at every byte of its last two lines, and go on writing each time.

    Parameters
    ----------
    lines : list of bytes
        Whole lines of a real file, with their line feeds.
    path : Path
        Where copies are cut.
    """
    found = Findings()
    whole = b"".join(lines)
    rows = [read_rows(path, [line])[0] for line in lines]
    ends = list(itertools.accumulate(map(len, lines)))
    aside = path.with_name(path.name + ".torn")
    for length in range(ends[-3] if len(ends) > 2 else 0, ends[-1]):
        path.write_bytes(whole[:length])
        aside.unlink(missing_ok=True)
        intact = sum(end <= length for end in ends)
        torn = whole[([0, *ends])[intact] : length]

        first = Journal(path)
        first.append({"id": "next"})
        second = Journal(path)
        second.append({"id": "last"})
        third = read_journal(path)

        where = f"cut at byte {length}"
        found.injections += 1
        found.expect(list(first.content.rows) == rows[:intact], f"{where}: rows lost")
        ids = [row.get("id") for row in third.rows[intact:]]
        found.expect(ids == ["next", "last"], f"{where}: found {ids} afterwards")
        found.expect(
            list(third.rows[:intact]) == rows[:intact], f"{where}: rows lost afterwards"
        )
        found.expect(not third.damaged and not third.torn, f"{where}: not mended")
        kept = aside.read_bytes() if aside.exists() else b""
        found.expect(kept == torn + b"\n" * bool(torn), f"{where}: tail not set aside")
        if found.injections % 1000 == 0:
            say(f"{found.injections} cuts")
    found.facts = {"bytes in the last two lines": found.injections}
    return found


def flip_everywhere(lines, path, *, say=silent):
    """Flip one bit of every byte of a file's middle line, and read it each time."""
    found = Findings()
    middle = len(lines) // 2
    start = sum(map(len, lines[:middle]))
    rows = [read_rows(path, [line])[0] for line in lines]
    others = [row for number, row in enumerate(rows) if number != middle]
    whole = b"".join(lines)
    equal = 0
    for place in range(len(lines[middle]) - 1):
        flipped = bytearray(whole)
        flipped[start + place] ^= 1 << place % 8
        path.write_bytes(flipped)
        content = read_journal(path)
        found.injections += 1
        where = f"bit {place % 8} of byte {place}"
        if list(content.rows) == rows:  # such as 1e-5 and 1E-5
            equal += 1
            continue
        split = flipped[start + place] == ord("\n")
        named = tuple(range(middle + 1, middle + 2 + split))
        found.expect(
            content.damaged == named, f"{where}: lines {content.damaged} are named"
        )
        found.expect(list(content.rows) == others, f"{where}: another row is not used")
        if found.injections % 1000 == 0:
            say(f"{found.injections} flips")
    found.facts = {"flips without a change of value": equal}
    return found


def read_rows(path, lines):
    """Return the rows of lines, by way of a file."""
    path.write_bytes(b"".join(lines))
    rows = list(read_journal(path).rows)
    path.unlink()
    return rows
