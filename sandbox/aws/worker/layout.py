"""Object keys: [BucketFolder/]schema/table/{LOAD%08X | YYYYMMDD-HHMMSSmmm}.{parquet,csv}.

Source: docs/facts/dms.md, "Layout" and "Date partitions".
"""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from .settings import S3Settings

_SEQUENCES = {
    "yyyymmdd": ("%Y", "%m", "%d"),
    "yyyymmddhh": ("%Y", "%m", "%d", "%H"),
    "yyyymm": ("%Y", "%m"),
    "mmyyyydd": ("%m", "%Y", "%d"),
    "ddmmyyyy": ("%d", "%m", "%Y"),
}
_DELIMITERS = {"slash": "/", "underscore": "_", "dash": "-", "none": ""}


class Layout:
    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        zone = settings.date_partition_timezone
        self._zone: tzinfo = ZoneInfo(zone) if zone else UTC
        self._stamps: set[int] = set()

    @property
    def suffix(self) -> str:
        if self._settings.parquet:
            return ".parquet"
        return ".csv.gz" if self._settings.compression == "gzip" else ".csv"

    def folder(self, target: tuple[str, str]) -> str:
        parts = [self._settings.folder] if self._settings.folder else []
        return "/".join([*parts, *target]) + "/"

    def load_key(self, target: tuple[str, str], number: int) -> str:
        return f"{self.folder(target)}LOAD{number:08X}{self.suffix}"

    def partition(self, commit_seconds: int) -> str:
        """The date folder of a transaction, with its slash, or nothing."""
        if not self._settings.date_partition:
            return ""
        when = datetime.fromtimestamp(commit_seconds, self._zone)
        parts = _SEQUENCES[self._settings.date_partition_sequence]
        return _DELIMITERS[self._settings.date_partition_delimiter].join(when.strftime(p) for p in parts) + "/"

    def cdc_key(self, target: tuple[str, str], partition: str, now: float) -> str:
        return f"{self.folder(target)}{partition}{self._stamp(now)}{self.suffix}"

    def transactions_key(self, now: float) -> str:
        """PreserveTransactions: all tables in one CSV file under CdcPath."""
        parts = [p for p in (self._settings.folder, self._settings.cdc_path) if p]
        name = f"CDC_TXN-{self._stamp(now).replace('-', '')}.csv"
        return "/".join([*parts, name])

    def _stamp(self, now: float) -> str:
        """File time in milliseconds, never the same twice in a run, also when the clock goes back."""
        millis = int(now * 1000)
        while millis in self._stamps:
            millis += 1
        self._stamps.add(millis)
        when = datetime.fromtimestamp(millis // 1000, self._zone)
        return when.strftime("%Y%m%d-%H%M%S") + f"{millis % 1000:03d}"
