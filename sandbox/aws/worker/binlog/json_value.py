"""MySQL's binary JSON as the text that MySQL prints, read by the library mysql-replication. MariaDB's JSON is a text."""

import datetime
import json
from decimal import Decimal
from typing import Any

from pymysqlreplication.json_binary import parse_json


def text(data: bytes) -> str:
    # The server writes a JSON null that was never set as no bytes at all.
    return _printed(parse_json(data[0], data[1:])) if data else "null"


def _printed(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_printed(key)}: {_printed(member)}" for key, member in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_printed, value)) + "]"
        case bytes():
            return json.dumps(value.decode(), ensure_ascii=False)
        case Decimal():
            return format(value, "f")
        case datetime.datetime():
            return json.dumps(value.strftime("%Y-%m-%d %H:%M:%S.%f"))
        case datetime.date() | datetime.time() | datetime.timedelta():
            return json.dumps(str(value))
        case _:
            return json.dumps(value, ensure_ascii=False)
