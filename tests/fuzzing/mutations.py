"""How valid inputs are damaged, in their bytes and in what they say."""

import copy
import json

NESTED = 200
LONG = 5000
MOST_PLACES = 20_000
"""Larger values are not repeated once more: this process is limited too."""

VALUES = [
    *(None, True, False, 0, -1, 1, 2, 7, 3.7, -0.0, 1e308, -1e308),
    *(2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400),
    *("", "x" * LONG, "\ud800", "\x1b[31m", "\u202e", "None", "same", "relu"),
    *("channels_first", "Dense", "Lambda", "../../etc/passwd", "=1+1", [], {}),
    *([[]], [None], [0], [-1], [2**40] * 3, [1] * LONG, {"class_name": "Dense"}),
]
RAW = (b"NaN", b"Infinity", b"1e400", b"-1", b"9" * LONG, b'"a":1,"a":2', b"\xff", b"{")


def damaged_bytes(content, chance):
    """Flip, cut, insert, repeat or leave out bytes."""
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(len(found) + 1)
        end = min(len(found), place + chance.choice((1, 1, 2, 8, 64, 1024)))
        kind = chance.randrange(6)
        if kind == 0 and place < len(found):
            found[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del found[place:end]
        elif kind == 2:
            found[place:place] = chance.randbytes(chance.choice((1, 2, 8, 64)))
        elif kind == 3:
            found[place:place] = found[place:end]
        elif kind == 4:
            found[place:end] = chance.choice(RAW)
        else:
            del found[place:]
    return bytes(found)


def places_in(value):
    """Return every container in a JSON value, with its keys."""
    found, left = [], [value]
    while left:
        one = left.pop()
        if isinstance(one, dict | list) and one:
            keys = list(one) if isinstance(one, dict) else range(len(one))
            found += [(one, key) for key in keys]
            left += one.values() if isinstance(one, dict) else one
    return found


def damaged_json(value, chance):
    """Put, move, repeat, nest or leave out parts of a JSON value."""
    value = json.loads(json.dumps(value))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        places = places_in(value)
        if not 0 < len(places) < MOST_PLACES:
            break
        inside, key = chance.choice(places)
        other, other_key = chance.choice(places)
        kind = chance.randrange(7)
        if kind == 0:
            del inside[key]
        elif kind == 1:
            inside[key] = _copied(other[other_key])
        elif kind == 2:
            nested = inside[key]
            for _ in range(chance.choice((1, 2, 20, NESTED))):
                nested = [nested] if chance.random() < 0.5 else {"config": nested}
            inside[key] = nested
        elif kind == 3 and isinstance(inside, list):
            inside[key:key] = [inside[key]] * chance.choice((1, 2, 100))
        elif kind == 4 and isinstance(inside, dict):
            inside[str(chance.choice(VALUES))[:LONG]] = inside.pop(key)
        elif isinstance(inside[key], int) and chance.random() < 0.3:
            inside[key] = inside[key] * chance.choice((-1, 2, 10**6, 10**12)) + 1
        else:
            inside[key] = copy.deepcopy(chance.choice(VALUES))
    return value


def _copied(value):
    try:
        return copy.deepcopy(value)
    except RecursionError:  # what was nested before
        return None


def json_bytes(value):
    """Write JSON as a careless program does: anything goes."""
    try:
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except RecursionError:  # nested again and again
        return b"[" * LONG
