//! Numbers and bits.

use crate::spec::{Column, same};

pub(crate) const COLUMNS: &[Column] = &[
    Column::new("tinyint", &[same("-128"), same("127"), same("0"), same("-1")]),
    Column::new("tinyint(1)", &[same("-128"), same("127"), same("0"), same("1"), same("2")]),
    Column::new("tinyint unsigned", &[same("0"), same("255"), same("128")]),
    Column::new("smallint", &[same("-32768"), same("32767"), same("0")]),
    Column::new("smallint unsigned", &[same("0"), same("65535"), same("32768")]),
    Column::new("mediumint", &[same("-8388608"), same("8388607"), same("0"), same("-1")]),
    Column::new("mediumint unsigned", &[same("0"), same("16777215"), same("8388608")]),
    Column::new("int", &[same("-2147483648"), same("2147483647"), same("0")]),
    Column::new("int unsigned", &[same("0"), same("4294967295"), same("2147483648")]),
    Column::new("int(10) unsigned zerofill", &[same("0"), same("42"), same("4294967295")]),
    Column::new(
        "bigint",
        &[same("-9223372036854775808"), same("9223372036854775807"), same("0"), same("-1")],
    ),
    Column::new(
        "bigint unsigned",
        &[same("0"), same("18446744073709551615"), same("9223372036854775808"), same("9223372036854775807")],
    ),
    Column::new("year(4)", &[same("'0000'"), same("1901"), same("2155"), same("1970"), same("2000")]),
    Column::new("decimal(1,0)", &[same("-9"), same("9"), same("0")]),
    Column::new(
        "decimal(12,2)",
        &[same("-9999999999.99"), same("9999999999.99"), same("0.01"), same("-0.01"), same("0")],
    ),
    Column::new("decimal(12,2) unsigned", &[same("0"), same("9999999999.99")]),
    Column::new(
        "decimal(30,30)",
        &[same("0.999999999999999999999999999999"), same("-0.000000000000000000000000000001")],
    ),
    Column::new(
        "decimal(38,10)",
        &[same("9999999999999999999999999999.9999999999"), same("-9999999999999999999999999999.9999999999")],
    ),
    // Beyond 38 digits DMS says nothing of its Parquet type (docs/facts/dms.md §3).
    Column::new(
        "decimal(39,0)",
        &[
            same("999999999999999999999999999999999999999"),
            same("-999999999999999999999999999999999999999"),
            same("1"),
        ],
    ),
    Column::new(
        "decimal(65,0)",
        &[
            same("99999999999999999999999999999999999999999999999999999999999999999"),
            same("-99999999999999999999999999999999999999999999999999999999999999999"),
            same("0"),
        ],
    ),
    Column::new(
        "decimal(65,18)",
        &[
            same("99999999999999999999999999999999999999999999999.999999999999999999"),
            same("-99999999999999999999999999999999999999999999999.999999999999999999"),
        ],
    ),
    Column::new(
        "decimal(65,30)",
        &[
            same("99999999999999999999999999999999999.999999999999999999999999999999"),
            same("-99999999999999999999999999999999999.999999999999999999999999999999"),
            same("0.000000000000000000000000000001"),
            same("0"),
        ],
    ),
    Column::new(
        "float",
        &[
            same("3.402823466E+38"),
            same("-3.402823466E+38"),
            same("1.175494351E-38"),
            same("1.4E-45"),
            same("0.1"),
            same("16777217"),
            same("-0e0"),
            same("0"),
        ],
    ),
    Column::new("float(7,3)", &[same("9999.999"), same("-9999.999"), same("0.001")]),
    Column::new(
        "double",
        &[
            same("1.7976931348623157E+308"),
            same("-1.7976931348623157E+308"),
            same("2.2250738585072014E-308"),
            same("4.9E-324"),
            same("0.1"),
            same("9007199254740993"),
            same("-0e0"),
            same("0"),
        ],
    ),
    Column::new("double(20,5) unsigned", &[same("0"), same("123456789012345.12345")]),
    Column::new("bit(1)", &[same("b'0'"), same("b'1'")]),
    Column::new("bit(2)", &[same("b'0'"), same("b'11'")]),
    Column::new("bit(8)", &[same("b'0'"), same("255"), same("1"), same("128")]),
    Column::new("bit(9)", &[same("b'0'"), same("511"), same("256"), same("1")]),
    Column::new("bit(63)", &[same("0"), same("9223372036854775807"), same("1")]),
    Column::new(
        "bit(64)",
        &[same("0"), same("18446744073709551615"), same("9223372036854775808"), same("10")],
    ),
];
