"""Records on disk: Parquet for rows, JSON for single documents, CSV beside tables for a reader.

Everything is written under a temporary name and renamed when complete: a file under its final name
is a whole file. The same rows give the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from featherweight.errors import InputError

Row = TypeVar("Row")


def _arrow_type(annotation: Any) -> pa.DataType:
    """The Arrow type of one field's annotation; Optional and Literal are looked through."""
    origin = typing.get_origin(annotation)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (a for a in typing.get_args(annotation) if a is not type(None))
        return _arrow_type(inner)
    if origin is Literal:
        return pa.string()
    if origin is tuple:
        return pa.list_(_arrow_type(typing.get_args(annotation)[0]))
    simple = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return simple[annotation]


def schema(record: type) -> pa.Schema:
    """The Arrow schema of a record class; a field without `| None` is not nullable."""
    hints = typing.get_type_hints(record)
    fields = []
    for field in dataclasses.fields(cast(Any, record)):
        hint = hints[field.name]
        fields.append(
            pa.field(field.name, _arrow_type(hint), nullable=type(None) in typing.get_args(hint))
        )
    return pa.schema(fields, metadata={"record": record.__name__})


def check_target(path: Path, *, folder: bool = False) -> None:
    """Raise InputError where no file can be put under this name: renaming replaces what is there.

    A link counts as what it points to. With `folder` a folder may stand there too.
    """
    standing = next((one for one in path.parents if one.exists()), None)
    if standing is not None and not standing.is_dir():
        raise InputError(f"{path}: {standing} is a file, expected a folder; name another place")
    if path.is_dir():
        if not folder:
            raise InputError(f"{path}: expected a file to write, got a folder; name a file in it")
    elif path.exists() and not path.is_file():
        raise InputError(
            f"{path}: expected a file, got a device, a pipe or a socket, which would be replaced;"
            " name a file"
        )


def write_atomically(path: Path, content: bytes) -> None:
    """Write under a temporary name beside `path`, then rename: no half files under final names.

    Raises InputError where something other than a file stands under that name (`check_target`).
    """
    check_target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        error.filename = str(path)  # not the temporary name, which nobody chose
        raise
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)  # a full disk names no file, the others a temporary one
        raise


def table(rows: Iterable[Row], record: type[Row]) -> pa.Table:
    """Rows as an Arrow table with the record's schema (also for no rows at all)."""
    names = [field.name for field in dataclasses.fields(cast(Any, record))]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name in names:
            columns[name].append(getattr(row, name))
    return pa.table(columns, schema=schema(record))


def write_rows(path: Path, rows: Iterable[Row], record: type[Row]) -> None:
    """Write rows as Parquet, whole or not at all. The same rows give the same bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table(rows, record), sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def read_table(paths: Path | Sequence[Path], record: type[Row]) -> pa.Table:
    """The rows of one or several files, in the order of the files.

    Raises ValueError for a file of another record.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    if not files:
        raise ValueError(f"no file of {record.__name__} rows was given")
    tables = []
    for path in files:
        content = pq.read_table(path, use_threads=False)
        if content.schema.names != schema(record).names:
            raise ValueError(
                f"{path}: expected the columns of {record.__name__}, got"
                f" {', '.join(content.schema.names)}; the file comes from another version: delete"
                " it and run again"
            )
        tables.append(content)
    return pa.concat_tables(tables)


def read_rows(paths: Path | Sequence[Path], record: type[Row]) -> list[Row]:
    """The rows of one or several files as records."""
    listed = [field for field in schema(record) if pa.types.is_list(field.type)]
    nested = {field.name: bool(pa.types.is_list(field.type.value_type)) for field in listed}
    rows = []
    for raw in read_table(paths, record).to_pylist():
        for name, deep in nested.items():
            if raw[name] is not None:
                raw[name] = tuple(map(tuple, raw[name])) if deep else tuple(raw[name])
        rows.append(record(**raw))
    return rows


def write_json(path: Path, document: Any) -> None:
    """Write one JSON document, keys sorted, whole or not at all."""
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read one JSON document."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, rows: Iterable[Row], record: type[Row]) -> None:
    """Write rows as CSV for a person's spreadsheet; null is an empty field.

    Records with lists are not written so.
    """
    sink = pa.BufferOutputStream()
    pa_csv.write_csv(table(rows, record), sink)
    write_atomically(path, sink.getvalue().to_pybytes())


class _NoPandas:
    """An import finder that says that there is no pandas."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas, pass everything else on."""
        if name == "pandas":
            raise ImportError("not needed here")


def spare_pandas() -> None:
    """Keep Arrow from importing pandas, which only the report needs (measured: 60 MiB and 0.3 to
    0.8 CPU-s of a process).

    Arrow looks for it once, when it makes its first array, and remembers that it was not to be had.
    """
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
