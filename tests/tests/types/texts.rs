//! Texts, members of lists, and JSON.

use crate::spec::{Column, Value, becomes, null, same};

const LOB: &str = "DMS cuts a LOB at LobMaxSize (1 MB here) and says so only in its log";
const JSON_LOB: &str = "DMS cuts a LOB at LobMaxSize (1 MB here), and what is left is no JSON; raw keeps it, `runbook status` counts it";

/// What fits into ten characters.
const SHORT: &[Value] = &[
    same("''"),
    same("'a'"),
    same("'A'"),
    same("'a  '"),
    same("'  a'"),
    same("'NULL'"),
    same("'\\\\N'"),
    same("'a\\0b'"),
    same("'a\\nb\\r\\tc'"),
    same("'\\'\"`;--/*'"),
    same("'\\\\\\\\'"),
    same("'😀👩‍👩‍👧'"),
    same("'é'"),
    same("CONCAT('e', CONVERT(UNHEX('CC81') USING utf8mb4))"),
    same("CONVERT(UNHEX('E280AE616263') USING utf8mb4)"),
    same("CONVERT(UNHEX('F48FBFBD') USING utf8mb4)"),
    same("CONVERT(UNHEX('EFBBBF61') USING utf8mb4)"),
];

const LONG: &[Value] = &[
    same("''"),
    same("'a '"),
    same("'😀 '"),
    same("REPEAT('x', 65535)"),
    same("REPEAT('😀', 262144)"),
    same("REPEAT('x', 1048576)"),
    becomes("CONCAT(REPEAT('x', 1048576), 'y')", "=REPEAT('x', 1048576)", LOB),
    // The cut falls into the middle of a character.
    becomes("CONCAT('abc', REPEAT('😀', 262144))", "=CONCAT('abc', REPEAT('😀', 262143))", LOB),
];

pub(crate) const COLUMNS: &[Column] = &[
    Column::new("char(10)", SHORT),
    Column::with("char(10)", "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", SHORT),
    Column::with("char(10)", "CHARACTER SET latin1", &[same("''"), same("'é€ÿ'"), same("'a  '")]),
    Column::new("varchar(10)", SHORT),
    Column::with("varchar(10)", "CHARACTER SET utf16", SHORT),
    Column::with("varchar(10)", "CHARACTER SET ucs2", &[same("''"), same("'é€漢'"), same("'a  '")]),
    Column::with("varchar(10)", "CHARACTER SET cp1251", &[same("''"), same("'Привет'"), same("'a  '")]),
    Column::with("varchar(10)", "CHARACTER SET sjis", &[same("''"), same("'日本語'")]),
    Column::new("varchar(300)", &[same("''"), same("REPEAT('😀', 300)"), same("REPEAT(' ', 300)")]),
    Column::new("tinytext", &[same("''"), same("REPEAT('x', 255)"), same("'a '")]),
    Column::new("text", &[same("''"), same("REPEAT('x', 65535)"), same("'a '"), same("'a\\0b'")]),
    Column::new("mediumtext", LONG),
    Column::new("longtext", LONG),
    // A member beyond the BMP: MariaDB's information_schema shows `?` for it, which is what the sandbox's DMS reads.
    Column::new(
        "enum('','a','B','b,c','it''s','é',' lead')",
        &[
            same("''"),
            same("'a'"),
            same("'B'"),
            same("'b,c'"),
            same("'it''s'"),
            same("'é'"),
            same("' lead'"),
            same("'none'"),
        ],
    ),
    Column::new("enum('only')", &[same("'only'"), same("'none'")]),
    Column::new(
        "set('a','B','it''s','é')",
        &[same("''"), same("'a'"), same("'a,B'"), same("'a,B,it''s,é'"), same("'none'")],
    ),
    Column::new(
        "json",
        &[
            same("'{}'"),
            same("'[]'"),
            same("'null'"),
            same("'true'"),
            same("'false'"),
            same("'0'"),
            same("'-0.5'"),
            same("'\"\"'"),
            same("'\"a\\\\u0000b\"'"),
            same("'\"\\\\ud83d\\\\ude00\"'"),
            same("'\"😀 it''s \\\\\\\\ \\\\\" \\\\/ \\\\n\"'"),
            same("'18446744073709551615'"),
            same("'-9223372036854775808'"),
            same("'123456789012345678901234567890'"),
            same("'1e308'"),
            same("'0.1'"),
            same("'{\"a\": {\"b\": [1, 2.5, \"x\", null, true, {}]}, \"\": 0, \"Ä\": []}'"),
            same("' { \"b\" : 1 , \"a\" : 2 } '"),
            same("CONCAT('[', REPEAT('[', 25), REPEAT(']', 25), ']')"),
            same("CONCAT('[\"', REPEAT('x', 1000000), '\"]')"),
            null("CONCAT('[\"', REPEAT('x', 1048576), '\"]')", JSON_LOB),
        ],
    ),
];
