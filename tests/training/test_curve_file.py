from llmexam.training.curve_file import read_curve, read_curve_file
from llmexam.training.protocol import CurvePoint


def test_points_of_one_step_are_joined_and_a_cut_line_is_left_out(tmp_path):
    (tmp_path / "curve.jsonl").write_text(
        '{"step": 2, "loss": 1.5}\n{"step": 1, "loss": 1.6}\n'
        '{"step": 2, "dev_map_at_3": 0.5}\n{"step": 3, "lo'
    )
    assert read_curve(tmp_path) == (
        CurvePoint(1, {"loss": 1.6}),
        CurvePoint(2, {"loss": 1.5, "dev_map_at_3": 0.5}),
    )


def test_a_folder_without_a_curve_has_none(tmp_path):
    assert read_curve(tmp_path) == ()
    assert read_curve_file(tmp_path / "curve.jsonl") == {}
