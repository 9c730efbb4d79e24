"""Large CSV files are read in bulk; the result is that of reading row by row."""

import csv
import io
import random

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import bulk, read_exam, reading

HEADER = "id,prompt,A,B,C,answer,part\n"
ROWS = ['1,"p, q",x,y,z,A,law', "2,q,x,y,,b,", '3,"a ""b""\nc",x,,z,(C),art', "4,r,x,y,z,,art"]


@pytest.fixture
def both(write, monkeypatch):
    """Return a function that reads a text row by row and in bulk, and whether bulk was used."""

    def read(text, **options):
        path = write(text)
        found = []
        used = []

        def spy(*arguments):
            result = bulk.read_bulk(*arguments)
            used.append(result is not None)
            return result

        monkeypatch.setattr(reading, "read_bulk", spy)
        for least in (10**9, 0):
            monkeypatch.setattr(reading, "MIN_BYTES", least)
            try:
                found.append(read_exam(path, **options))
            except ExamError as error:
                found.append(str(error))
        assert found[0] == found[1]
        return found[0], any(used)

    return read


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "\n".join(ROWS),
        "\ufeff" + HEADER + "\r\n".join(ROWS) + "\r\n\r\n",
        "sep=;\n" + (HEADER + "4,r,x,y,z,C,art\n").replace(",", ";"),
        "question,choice0,choice1,answer\np,x,y,0\nq,x,y,1\nr,x,y,1\n",
        "question,A,B,C,answer\np,x,y,z,1\nq,x,y,z,3\nr,x,y,z,2\n",
        "p,x,y,A\nq,x,y,B\n" * 20,
        "\n\r\n" + HEADER + "4,r,x,y,z,C,art\n",
        "\n,,,\nprompt,A,B,C\np,x,y,z\n",
        'prompt,"A\r\n","\r\nB"\r\np,x,y\r\nq,"x\r\nz",y\r\n',
        '"prompt",A,B,"C\n",answer\np,x,y,z,A\n',
        HEADER + "4,r,x,y,z,none,art\n5,r,x,y,z,,art\n6,r,x,,z,-1,art\n",
    ],
)
def test_plain_files_are_read_in_bulk(both, text):
    exam, used = both(text)
    assert used
    assert len(exam) > 0


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "\n".join([*ROWS, "5,p,x,y,z"]),
        HEADER + "\n".join([*ROWS, "4,p,x,y,z,A,"]),
        HEADER + "\n".join([*ROWS, ",,,,,,"]),
        HEADER + "\n".join([*ROWS, "5,p,x,y,,C,"]),
        HEADER + "\n".join([*ROWS, "5,p,x,,,A,"]),
        HEADER + "\n".join([*ROWS, "5,p,A,y,z,A,"]),
        HEADER + "\n".join([*ROWS, "5,p,A) x,B) y,C) z,A,"]),
        HEADER + "\n".join([*ROWS, "5,p,A x,B y,C z,A,"]),
        HEADER + "\n".join([*ROWS, '5,"p"q,x,y,z,A,']),
        HEADER + "\n".join([*ROWS, '5,"p,x,y,z,A,']),
        HEADER + "\n".join([*ROWS, "5,p,x,y,z,neither,"]),
        HEADER + "\n".join([*ROWS, '5,p,x,y,z,"A,C",']),
        HEADER + "\n".join([*ROWS, " ,p,x,y,z,A,"]),
        HEADER + "\n".join([*ROWS, "5,p,x,y,None,None,"]),
        HEADER + "\n".join([*ROWS, "5,p,x,y,-1,-1,"]),
        HEADER + "\n".join([*ROWS, "5,p,x,y, a ,A,"]),
        HEADER + "\n".join([*ROWS, "5,p,x,y,z,2,"]),
        "question,A,B,answer\n" + "q,x,y,1\n" * 9 + "q,x,y,A\n",
        "question,A,B,answer\n" + "q,x, 1  ,1\n" * 9,
        "question,A,B,answer\n" + "q,x,1.0,1\n" * 9,
        "question,A,B,answer\n" + "q,x,1,1.0\n" * 9,
    ],
)
def test_what_needs_a_look_is_read_row_by_row(both, text):
    _, used = both(text)
    assert not used


def test_random_files_are_read_alike(both):
    rng = random.Random(0)
    cells = ["x", "y z", '"a, b"', '""', " ", '"c\nd"', "A", "1", "A) x", "\u00e9", 'e"', "None"]
    keys = ["A", "B", "C", "c", "(a)", "", "1", "2", "3", "x", "D", "A,B", "?"]
    n_used = 0
    for _ in range(150):
        kinds = rng.sample(cells, 4)
        answers = rng.sample(keys, rng.choice([1, 2, 4]))
        rows = [
            [str(i), *(rng.choice(kinds) for _ in range(4)), rng.choice(answers), "m"]
            for i in range(rng.randrange(1, 12))
        ]
        if rng.random() < 0.2:
            rng.choice(rows).pop()
        text = HEADER + "\n".join(",".join(row) for row in rows)
        n_used += both(text, on_faulty=rng.choice(["fail", "skip"]))[1]
    assert n_used > 10


def test_random_quoting_and_line_breaks_are_read_alike(both):
    rng = random.Random(5)
    odd = [
        "a",
        "B",
        '"',
        '""',
        " ",
        '5"',
        "\n",
        "1",
        "A",
        "None",
        "nan",
        "-1",
        "A)",
        "\u00e9",
        "\t",
    ]
    odd += [";", "'", "\\", '"q"', "1.0", "\r\n", "a,b", ""]
    n_used = 0
    for _ in range(250):
        header = ["id"] * (rng.random() < 0.3) + ["prompt", *"ABCD"[: rng.choice([2, 3, 4])]]
        header += ["answer"] * (rng.random() < 0.8) + ["x"] * (rng.random() < 0.3)
        answers = ["A", "B"] if rng.random() < 0.7 else ["A", "0", "1", "2", "", "b", "A.", "None"]

        def cell(name, i, answers=answers):
            if name in ("id", "answer"):
                return str(i) if name == "id" else rng.choice(answers)
            plain = rng.random() < 0.7
            return rng.choice(["foo", "baz qux"]) if plain else "".join(rng.choices(odd, k=2))

        rows = [[cell(name, i) for name in header] for i in range(rng.randint(1, 6))]
        file = io.StringIO()
        writer = csv.writer(
            file,
            delimiter=rng.choice(",,;\t"),
            quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
            lineterminator=rng.choice(["\n", "\r\n"]),
        )
        writer.writerows([header, *rows])
        text = file.getvalue()
        if rng.random() < 0.4:
            place = rng.choice([0, rng.randrange(len(text) + 1)])
            mark = rng.choice(['"', "\n", "\n\n", "\r\n", ",", " ", '""'])
            text = text[:place] + mark + text[place:]
        n_used += both(text)[1]
    assert n_used > 50
