"""PreserveTransactions: changes of all tables in commit order, always as CSV, whatever DataFormat says.

Source: docs/facts/dms.md section 1 ("row = op,table,schema,fields...", one CDC_TXN-... file for all tables).
"""

import csv
import io

from .files import csv_text
from .plan import Captured, TablePlan
from .settings import S3Settings


class TransactionsFile:
    def __init__(self, s3: S3Settings) -> None:
        self._s3 = s3
        self._rows: list[tuple[TablePlan, Captured]] = []

    def add(self, plan: TablePlan, row: Captured) -> None:
        self._rows.append((plan, row))

    def take(self) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self._s3.csv_delimiter, lineterminator=self._s3.csv_row_delimiter)
        for plan, row in self._rows:
            schema, table = plan.target
            values = plan.cdc_batch([row]).to_pylist()[0]
            values.pop("Op", None)
            writer.writerow([row.meta.op, table, schema, *(csv_text(v, self._s3.csv_null_value) for v in values.values())])
        self._rows.clear()
        return text.getvalue().encode()
