#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# One variable's attribute with two dimensions, and netCDF cannot open the whole HDF5 file.
#
# HDF5 attributes may have any shape; h5py writes and reads them.  netCDF4 1.7.5.1.post1 with
# netCDF-C 4.10.1 fails while it opens such a file, so that variables beside the one with the
# matrix are lost too.  An attribute of a type that netCDF does not know (h5py's bool) is just
# left out, and the data reads.  Seen:
#
#   bool    ['units', 'z'] [0.0, 1.0] [5]
#   matrix  RuntimeError: NetCDF: Can't open HDF5 attribute
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
	numpy==2.4.6 h5py==3.16.0 netCDF4==1.7.5.1.post1
venv/bin/python - <<'PY'
import sys

import h5py
import netCDF4


def by_netcdf(path):
    try:
        with netCDF4.Dataset(path) as f:
            return f"{f['x'].ncattrs()} {f['x'][:].tolist()} {f['beside'][:].tolist()}"
    except RuntimeError as e:
        return f"RuntimeError: {e}"


seen = {}
for name, value in (("bool", True), ("matrix", [[1, 2], [3, 4]])):
    with h5py.File(name + ".h5", "w") as f:
        f["x"], f["beside"] = [0.0, 1.0], [5]
        f["x"].attrs["units"] = "km"
        f["x"].attrs[name] = value
        f["x"].attrs["z"] = 1
    with h5py.File(name + ".h5") as f:
        assert f["x"][()].tolist() == [0, 1] and sorted(f["x"].attrs) == sorted(["units", name, "z"])
    seen[name] = by_netcdf(name + ".h5")
    print(name, seen[name])

if seen["bool"] != "['units', 'z'] [0.0, 1.0] [5]":
    sys.exit("netCDF no longer just leaves out the attribute of a type that it does not know")
if seen["matrix"] != "RuntimeError: NetCDF: Can't open HDF5 attribute":
    sys.exit("netCDF no longer fails to open a file with a two-dimensional attribute")
PY
