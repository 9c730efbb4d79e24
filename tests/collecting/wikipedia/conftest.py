"""Dumps of a few pages, written by the tests themselves."""

import pytest

from dump_text import BASE, dump_xml


@pytest.fixture
def write_dump(tmp_path):
    """Return a function that writes pages as an XML export and returns its path."""

    def write(pages, name="dump.xml", base=BASE):
        path = tmp_path / name
        path.write_text(dump_xml(pages, base), encoding="utf-8")
        return path

    return write
