"""The facts in data/ say what data/README.md says of them."""

from __future__ import annotations

import csv
import json
import re
import zoneinfo
from pathlib import Path
from typing import Any

import pytest

from asyncviz.practice import data_path

COLUMNS = {
    "slug": str,
    "capital": str,
    "country": str,
    "country_code": str,
    "latitude": float,
    "longitude": float,
    "population": int,
    "timezone": str,
    "geonames_id": int,
}


def from_csv() -> list[dict[str, Any]]:
    """Return the table's records, each value in its column's type."""
    with data_path("capitals.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == list(COLUMNS)
        return [{name: kind(row[name]) for name, kind in COLUMNS.items()} for row in reader]


RECORDS = from_csv()
BY_SLUG = {record["slug"]: record for record in RECORDS}


def files() -> list[Path]:
    return sorted(data_path("capitals").iterdir())


def test_csv_and_json_say_the_same() -> None:
    assert {file.name for file in files()} == {f"{slug}.json" for slug in BY_SLUG}
    for file in files():
        record = json.loads(file.read_text(encoding="utf-8"))
        assert record == BY_SLUG[file.stem]
        assert {name: type(value) for name, value in record.items()} == COLUMNS, file.name


def test_the_readme_names_every_column_and_the_count() -> None:
    readme = data_path("README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE) == list(COLUMNS)
    assert f"capitals of {len(RECORDS)} states" in readme
    assert "geonames.org" in readme
    assert "creativecommons.org/licenses/by/4.0" in readme


def test_one_record_a_capital_in_order() -> None:
    slugs = [record["slug"] for record in RECORDS]
    assert slugs == sorted(set(slugs))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in slugs)
    for name in ("country", "country_code", "geonames_id"):
        assert len({record[name] for record in RECORDS}) == len(RECORDS), name


@pytest.mark.parametrize("record", RECORDS, ids=list(BY_SLUG))
def test_values_are_possible(record: dict[str, Any]) -> None:
    assert -90 < record["latitude"] < 90
    assert -180 < record["longitude"] <= 180
    assert 0 < record["population"] < 40_000_000
    assert re.fullmatch(r"[A-Z]{2}", record["country_code"])
    assert record["capital"] == record["capital"].strip() != ""
    assert zoneinfo.ZoneInfo(record["timezone"]).key == record["timezone"]


def test_files_are_written_alike_everywhere() -> None:
    for file in [data_path("capitals.csv"), *files()]:
        content = file.read_bytes()
        assert b"\r" not in content, file.name
        assert content.rstrip(b"\n") + b"\n" == content, file.name
        assert not content.startswith(b"\xef\xbb\xbf"), file.name


# Written down from general knowledge, not from the source of the data: whole degrees are near enough to notice a
# swapped sign, swapped columns, or another place of the same name.
@pytest.mark.parametrize(
    ("slug", "country_code", "latitude", "longitude", "timezone"),
    [
        ("oslo", "NO", 60, 11, "Europe/Oslo"),
        ("lima", "PE", -12, -77, "America/Lima"),
        ("bern", "CH", 47, 7, "Europe/Zurich"),
        ("washington", "US", 39, -77, "America/New_York"),
        ("canberra", "AU", -35, 149, "Australia/Sydney"),
        ("wellington", "NZ", -41, 175, "Pacific/Auckland"),
        ("nairobi", "KE", -1, 37, "Africa/Nairobi"),
        ("tokyo", "JP", 36, 140, "Asia/Tokyo"),
        ("new-delhi", "IN", 29, 77, "Asia/Kolkata"),
        ("brasilia", "BR", -16, -48, "America/Sao_Paulo"),
        ("santiago", "CL", -33, -71, "America/Santiago"),
        ("san-jose", "CR", 10, -84, "America/Costa_Rica"),
        ("victoria", "SC", -5, 55, "Indian/Mahe"),
        ("georgetown", "GY", 7, -58, "America/Guyana"),
        ("kingston", "JM", 18, -77, "America/Jamaica"),
        ("saint-johns", "AG", 17, -62, "America/Antigua"),
        ("tripoli", "LY", 33, 13, "Africa/Tripoli"),
        ("windhoek", "NA", -23, 17, "Africa/Windhoek"),
        ("astana", "KZ", 51, 71, "Asia/Almaty"),
        ("gitega", "BI", -3, 30, "Africa/Bujumbura"),
    ],
)
def test_well_known_capitals(slug: str, country_code: str, latitude: int, longitude: int, timezone: str) -> None:
    record = BY_SLUG[slug]
    assert record["country_code"] == country_code
    assert record["latitude"] == pytest.approx(latitude, abs=0.8)
    assert record["longitude"] == pytest.approx(longitude, abs=0.8)
    assert record["timezone"] == timezone


def test_the_largest_and_the_smallest() -> None:
    by_size = sorted(RECORDS, key=lambda record: record["population"])
    assert {record["slug"] for record in by_size[:3]} == {"ngerulmud", "vatican-city", "yaren"}
    assert {"beijing", "tokyo", "mexico-city"} < {record["slug"] for record in by_size[-8:]}


def test_a_path_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match=r"capitals/atlantis\.json"):
        data_path("capitals", "atlantis.json")
