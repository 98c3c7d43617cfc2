"""Files on disk: written in one step or not at all, equal content in equal bytes, unreadable ones named clearly."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from emergelaw.errors import InputError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the place of `path` only when the block ends well."""
    path = Path(path)
    if not path.name or path.is_dir():
        raise InputError(f"expected the name of a file to write, got the folder {path}: add a file name")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise InputError(
            f"expected to be able to write {path}, got {error.strerror or error}: "
            "choose another place or make room there"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # not there, or no such folder
            part.unlink()


def write_netcdf(path: str | Path, groups: Mapping[str, xr.Dataset]) -> Path:
    """Write data sets into the groups of one netCDF-4 file ("/" is the root)."""
    with atomic(path) as part:
        for group, ds in groups.items():
            squeezed = {v: {"zlib": True, "complevel": 4} for v in ds.data_vars if ds[v].dtype.kind in "if"}
            mode = "a" if part.exists() else "w"
            canonical(ds).to_netcdf(part, mode=mode, group=group, engine="h5netcdf", encoding=squeezed)
    return Path(path)


def canonical(ds: xr.Dataset) -> xr.Dataset:
    """Return ds with sorted variables, plain types and no memory of its file: equal content makes equal bytes."""
    plain = {str(name): _plain(ds.variables[name]) for name in sorted(ds.variables, key=str)}
    data = {n: v for n, v in plain.items() if n in ds.data_vars}
    coords = {n: v for n, v in plain.items() if n not in ds.data_vars}
    return xr.Dataset(data, coords, dict(sorted(ds.attrs.items())))


def _plain(variable: xr.Variable) -> xr.Variable:
    values = np.asarray(variable.values)
    text = values.dtype.kind in "OUT"  # object, fixed width, numpy's variable width
    return xr.Variable(variable.dims, values.astype(object) if text else values, dict(sorted(variable.attrs.items())))


def read_netcdf(path: str | Path, group: str | None = None) -> xr.Dataset:
    """Read one group of a netCDF-4 file into memory."""
    path = Path(path)
    _refuse_other_formats(path)
    try:
        return canonical(xr.load_dataset(path, engine="h5netcdf", group=group))
    except Exception as error:  # h5py reports damage as OSError, KeyError, RuntimeError, ValueError …
        raise _damaged(path, error) from error


def group_names(path: str | Path, under: str) -> list[str]:
    """Return the full names of the groups below one group of a netCDF-4 file; none if it is not there."""
    import h5py

    _refuse_other_formats(Path(path))
    try:
        with h5py.File(path, "r") as file:
            return [f"{under}/{name}" for name in file[under]] if under in file else []
    except Exception as error:
        raise _damaged(Path(path), error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"expected a whole netCDF-4 file at {path}, got one that is truncated or damaged "
        f"({type(error).__name__}): fetch or build it again"
    )


def _refuse_other_formats(path: Path) -> None:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no file"
        raise InputError(
            f"expected a data set at {path}, found {found}: make one with `emergelaw import` or `emergelaw simulate`"
        )
    with path.open("rb") as file:
        head = file.read(len(HDF5_SIGNATURE))
    if head != HDF5_SIGNATURE:
        raise InputError(
            f"expected a netCDF-4 file at {path}, got another format (it begins with {head!r}): "
            "turn it into a data set with `emergelaw import`"
        )
