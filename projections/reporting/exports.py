"""Figures as files: Arrow, Parquet and CSV, all from one Arrow table, so that types and meanings go along.

pyarrow takes 36 MB and a while to load, so it is loaded by whoever first asks for a file.
"""

import io
from typing import TYPE_CHECKING, Any

from projections.reporting.figures import Figures, Kind

if TYPE_CHECKING:
    import pyarrow as pa


def _types() -> dict[Kind, Any]:
    import pyarrow as pa

    return {
        "instant": pa.timestamp("us", tz="UTC"),
        "text": pa.string(),
        "count": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
    }


def arrow_table(figures: Figures) -> "pa.Table":
    """The rows as an Arrow table; each column carries its meaning, the table the name of the report."""
    import pyarrow as pa

    types = _types()
    schema = pa.schema(
        [
            pa.field(column.name, types[column.kind], metadata={"description": column.text})
            for column in figures.columns
        ],
        metadata={"report": figures.report},
    )
    values = list(zip(*figures.rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, type=field.type) for column, field in zip(values, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def as_arrow(figures: Figures) -> bytes:
    """The Arrow IPC stream format (application/vnd.apache.arrow.stream)."""
    import pyarrow as pa

    table = arrow_table(figures)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def as_parquet(figures: Figures) -> bytes:
    """One Parquet file (application/vnd.apache.parquet)."""
    import pyarrow.parquet

    sink = io.BytesIO()
    pyarrow.parquet.write_table(arrow_table(figures), sink)
    return sink.getvalue()


def as_csv(figures: Figures) -> bytes:
    """CSV with a header, UTF-8; texts in quotes, times in UTC, what is not there left empty (text/csv)."""
    import pyarrow.csv

    sink = io.BytesIO()
    pyarrow.csv.write_csv(arrow_table(figures), sink)
    return sink.getvalue()
