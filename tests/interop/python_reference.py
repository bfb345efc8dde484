# SPDX-License-Identifier: MIT
"""What pyarrow and h5py say of an array, and what the Python package gives, as plain Python values
that are equal if both mean the same."""
import math

import numpy as np


def number(value):
    """Equal to itself, a NaN as well."""
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return value


def of_arrow(scalar):
    """A scalar of pyarrow; times are integers in their unit."""
    if not scalar.is_valid:
        return None
    kind = str(scalar.type)
    if hasattr(scalar, "value") and kind.startswith(("date", "time", "duration")):
        return scalar.value
    if kind.startswith("map"):
        return [(of_arrow(key), of_arrow(value)) for key, value in ((p[0], p[1]) for p in scalar.values)]
    if "list" in kind.split("<", maxsplit=1)[0]:
        return [of_arrow(x) for x in scalar.values]
    if kind.startswith("struct"):
        return {name: of_arrow(scalar[i]) for i, name in enumerate(f.name for f in scalar.type)}
    if kind.startswith("dictionary"):
        return of_arrow(scalar.dictionary[scalar.index.as_py()]) if scalar.index.is_valid else None
    value = scalar.as_py()
    return number(value.item() if isinstance(value, np.generic) else value)


def rows(column):
    """Of what the package gives: a list of elements, a dict for each of a struct."""
    if isinstance(column, dict):
        parts = {name: rows(one) for name, one in column.items()}
        return [dict(zip(parts, values)) for values in zip(*parts.values())]
    if isinstance(column, np.ma.MaskedArray) and column.ndim == 1:
        return [None if null else of_package(x) for x, null in zip(column.data, np.ma.getmaskarray(column))]
    return [of_package(x) for x in column]


def of_package(value):
    """An element of such an array, or an array."""
    if value is None or value is np.ma.masked:
        return None
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return int(value.astype("i8"))
    if isinstance(value, np.generic):
        return value.item() if value.dtype.kind == "V" else number(value.item())
    if isinstance(value, dict) or (isinstance(value, np.ndarray) and value.ndim):
        return rows(value)
    if isinstance(value, list):
        return [tuple(map(of_package, pair)) for pair in value]
    return number(value)


def same(ours, theirs):
    """Of a null struct the fields have no say; a null list of a fixed length is one of nulls."""
    if isinstance(ours, dict) and theirs is None:
        return True
    if isinstance(ours, list) and theirs is None:
        return all(same(x, None) for x in ours)
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return set(ours) == set(theirs) and all(same(ours[k], theirs[k]) for k in ours)
    return ours == theirs
