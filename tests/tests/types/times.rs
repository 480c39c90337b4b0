//! Dates and times.

use crate::spec::{Column, Value, becomes, null, same};

const ZERO: &str = "DMS writes NULL for a zero date";
const PARTIAL: &str = "DMS writes NULL for a date whose month or day is zero";
const LAST: &str = "Databend's last TIMESTAMP is 9999-12-30 22:00:00; what is later becomes that";
const NO_DAY: &str = "DMS has no such day to write; MySQL keeps it with ALLOW_INVALID_DATES";

const DATETIMES: &[Value] = &[
    same("'1000-01-01 00:00:00'"),
    becomes("'9999-12-31 23:59:59.999999'", "9999-12-30 22:00:00", LAST),
    same("'9999-12-30 21:59:59.999999'"),
    same("'1969-12-31 23:59:59.999999'"),
    same("'1970-01-01 00:00:00'"),
    same("'2024-02-29 12:34:56.123456'"),
    same("'2024-03-31 02:30:00.000001'"),
    same("'0001-01-01 00:00:00'"),
    null("'0000-00-00 00:00:00'", ZERO),
    null("'2024-00-10 01:02:03'", PARTIAL),
    null("'2024-05-00 01:02:03'", PARTIAL),
    null("'0000-01-01 00:00:00'", ZERO),
    null("'2023-02-31 01:02:03'", NO_DAY),
];

const TIMESTAMPS: &[Value] = &[
    same("'1970-01-01 00:00:01'"),
    same("'2038-01-19 03:14:07.999999'"),
    same("'2024-03-31 02:30:00.5'"),
    null("'0000-00-00 00:00:00'", ZERO),
];

const TIMES: &[Value] = &[
    same("'00:00:00'"),
    same("'23:59:59.999999'"),
    same("'-00:00:01'"),
    same("'-00:00:00.5'"),
    same("'838:59:59.999999'"),
    same("'-838:59:59.999999'"),
    same("'100:00:00.25'"),
];

pub(crate) const COLUMNS: &[Column] = &[
    Column::new(
        "date",
        &[
            same("'1000-01-01'"),
            same("'9999-12-31'"),
            same("'1969-12-31'"),
            same("'1582-10-10'"),
            same("'2024-02-29'"),
            same("'0001-01-01'"),
            null("'0000-00-00'", ZERO),
            null("'2024-00-10'", PARTIAL),
            null("'2024-05-00'", PARTIAL),
            null("'0000-01-01'", ZERO),
            null("'2023-02-31'", NO_DAY),
        ],
    ),
    Column::new("datetime", DATETIMES),
    Column::new("datetime(1)", DATETIMES),
    Column::new("datetime(2)", DATETIMES),
    Column::new("datetime(3)", DATETIMES),
    Column::new("datetime(4)", DATETIMES),
    Column::new("datetime(5)", DATETIMES),
    Column::new("datetime(6)", DATETIMES),
    Column::new("timestamp", TIMESTAMPS),
    Column::new("timestamp(3)", TIMESTAMPS),
    Column::new("timestamp(6)", TIMESTAMPS),
    Column::new("time", TIMES),
    Column::new("time(1)", TIMES),
    Column::new("time(3)", TIMES),
    Column::new("time(6)", TIMES),
];
