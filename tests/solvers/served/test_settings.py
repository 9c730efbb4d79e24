import pytest

from llmexam.errors import SettingsError
from llmexam.solvers.registry import parse_solver_settings
from llmexam.solvers.served.settings import ServedSettings

KEY = "sk-proj-4711"


def parse(**values):
    return parse_solver_settings("openai", {"model": "m", **values})


@pytest.mark.parametrize(
    "values",
    [
        {"api_key": KEY},
        {"api-key": KEY},
        {"OPENAI_API_KEY": KEY},
        {"token": KEY},
        {"api_key_env": KEY},
        {"api_key_env": [KEY]},
        {"base_url": f"https://user:{KEY}@host/v1"},
        {"base_url": f"https://host/v1?key={KEY}"},
        {"extra_body": {"api_key": KEY}},
        {"extra_body": {"options": {"api_key": KEY}}},
        {"extra_body": {"headers": [{"Authorization": KEY}]}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_key_in_a_plan_is_refused_and_not_repeated(values):
    with pytest.raises(SettingsError, match="environment") as caught:
        parse(**values)
    assert KEY not in str(caught.value)
    with pytest.raises(ValueError, match="environment") as raised:
        ServedSettings(model="m", **values)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_plain_http_is_for_this_machine(host):
    assert parse(base_url=f"http://{host}:8000/v1/").base_url == f"http://{host}:8000/v1"


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1", "localhost.example.org", "0.0.0.0"])
def test_plain_http_to_others_must_be_allowed(host):
    with pytest.raises(SettingsError, match=r"unencrypted.*allow_http"):
        parse(base_url=f"http://{host}/v1")
    assert not parse(base_url=f"http://{host}/v1", allow_http=True).is_loopback


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        (None, "OPENAI_API_KEY"),
        ("https://API.openai.com/v1/", "OPENAI_API_KEY"),
        ("https://api.openai.com.example.org/v1", None),
        ("https://example.org/api.openai.com/v1", None),
        ("http://127.0.0.1:8000/v1", None),
    ],
)
def test_the_key_of_openai_is_for_openai(url, variable):
    settings = parse(**({"base_url": url} if url else {}))
    assert settings.api_key_env == variable
    # What is written down and read again is the same.
    assert parse(**settings.model_dump(exclude={"model"})) == settings
    assert parse(api_key_env=None).api_key_env is None
    assert parse(base_url="https://example.org/v1", api_key_env="OPENAI_API_KEY").api_key_env


@pytest.mark.parametrize("url", ["", "api.openai.com/v1", "ftp://host", "https://", "http://h:x"])
def test_what_is_no_address(url):
    with pytest.raises(SettingsError, match="address such as"):
        parse(base_url=url)


def test_a_budget_needs_prices_and_extra_fields_are_extra():
    with pytest.raises(SettingsError, match="max_cost needs prompt_price"):
        parse(max_cost=1.0)
    assert parse(max_cost=1.0, prompt_price=2.0).max_cost == 1.0
    with pytest.raises(SettingsError, match="'top_logprobs' cannot be set in extra_body"):
        parse(extra_body={"top_logprobs": 3})


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "max_completion_tokens", "maxTokens", "max_new_tokens", "n_predict"],
)
def test_no_extra_field_sets_the_tokens_that_the_budget_counts_on(name):
    with pytest.raises(
        SettingsError, match=f"'{name}' cannot be set in extra_body: set max_tokens"
    ):
        parse(extra_body={name: 4000})


@pytest.mark.parametrize("name", ["temperature", "seed", "n", "best_of", "stream"])
def test_no_extra_field_is_a_setting(name):
    with pytest.raises(SettingsError, match=f"'{name}' cannot be set in extra_body"):
        parse(extra_body={name: 1})
    assert parse(extra_body={"reasoning_effort": "low"}).extra_body
