//! Bytes and geometries.

use crate::spec::{Column, Value, becomes, same};

const LOB: &str = "DMS cuts a LOB at LobMaxSize (1 MB here) and says so only in its log";

const SHORT: &[Value] = &[
    same("''"),
    same("UNHEX('00')"),
    same("UNHEX('610000')"),
    same("UNHEX('616161')"),
    same("UNHEX('FFFE80')"),
    same("UNHEX('270A5C22')"),
    same("UNHEX('20202020')"),
];

const EVERY_BYTE: &str = concat!(
    "UNHEX('000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F",
    "303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F",
    "606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F",
    "909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF",
    "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEF",
    "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF')"
);

const LONG: &[Value] = &[
    same("''"),
    same(EVERY_BYTE),
    same("REPEAT(UNHEX('00FF'), 524288)"),
    becomes("CONCAT(REPEAT(UNHEX('00FF'), 524288), 'x')", "=HEX(REPEAT(UNHEX('00FF'), 524288))", LOB),
];

pub(crate) const COLUMNS: &[Column] = &[
    Column::new("binary(4)", SHORT),
    Column::new(
        "binary(255)",
        &[same("''"), same("REPEAT(UNHEX('00'), 255)"), same("REPEAT(UNHEX('FF'), 255)")],
    ),
    Column::new("varbinary(4)", SHORT),
    Column::new("varbinary(300)", &[same("''"), same(EVERY_BYTE)]),
    Column::new("tinyblob", &[same("''"), same("REPEAT(UNHEX('00'), 255)")]),
    Column::new("blob", &[same("''"), same(EVERY_BYTE), same("REPEAT(UNHEX('00FF'), 32767)")]),
    Column::new("mediumblob", LONG),
    Column::new("longblob", LONG),
    Column::new(
        "geometry",
        &[same("ST_GeomFromText('POINT(1 -2.5)', 4326)"), same("ST_GeomFromText('LINESTRING(0 0, 1 1)')")],
    ),
    Column::new("point", &[same("POINT(1, -2.5)")]),
    Column::new("linestring", &[same("ST_GeomFromText('LINESTRING(0 0, 1 1, 2 2)')")]),
    Column::new("polygon", &[same("ST_GeomFromText('POLYGON((0 0, 0 1, 1 1, 0 0))')")]),
    Column::new("multipoint", &[same("ST_GeomFromText('MULTIPOINT(0 0, 1 1)')")]),
    Column::new(
        "geometrycollection",
        &[same("ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))')")],
    ),
];
