"""The recipes of Keras readers are valid, and the open-book one differs in the family only."""

import re
from pathlib import Path

import pytest

from llmexam.cli.options import parse_settings
from llmexam.workflows.train.recipe import read_recipe

RECIPES = Path(__file__).parents[3] / "recipes"


def test_the_published_recipe_runs_offline():
    recipe = read_recipe(RECIPES / "keras_choice.yaml")
    settings = recipe.settings
    assert (recipe.family, settings.model) == ("keras-choice", "bundled")
    assert (settings.option_order, settings.shuffle_probability) == ("shuffled", 0.5)
    assert (settings.label_smoothing, settings.encoding.max_tokens) == (0.02, 200)
    assert settings.encoding.evidence == "none"
    # So there is no warning that the questions have no passages.
    assert not settings.reads_passages


def test_the_published_start_is_what_the_recipe_says():
    text = (RECIPES / "keras_choice.yaml").read_text("utf-8")
    changes = re.findall(r"--set (settings\.(?!backend)\S+)", text)
    settings = read_recipe(RECIPES / "keras_choice.yaml", parse_settings(changes)).settings
    assert settings.model == "microsoft/deberta-v3-xsmall"
    assert settings.head == "native"
    assert settings.learning_rate == settings.head_learning_rate == pytest.approx(5e-6)


def test_the_open_book_recipe_differs_in_the_family_only():
    torch = read_recipe(RECIPES / "open_book.yaml")
    keras = read_recipe(RECIPES / "keras_open_book.yaml")
    assert (torch.family, keras.family) == ("multiple-choice", "keras-choice")
    leave_out = {"title", "family", "settings"}
    assert keras.model_dump(exclude=leave_out) == torch.model_dump(exclude=leave_out)
    shared = set(type(torch.settings).model_fields) & set(type(keras.settings).model_fields)
    assert {"encoding", "learning_rate", "option_order", "seed"} <= shared
    values = [one.settings.model_dump(include=shared) for one in (torch, keras)]
    assert values[0] == values[1]


def test_the_recipe_of_gemma_reads_with_adapters():
    recipe = read_recipe(RECIPES / "keras_gemma_choice.yaml")
    settings = recipe.settings
    assert (recipe.family, settings.head, settings.lora_rank) == ("keras-choice", "last", 4)
    assert settings.reads_passages
