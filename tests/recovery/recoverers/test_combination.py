import pytest

from llmexam.errors import ExamError, SettingsError
from llmexam.recovery.recoverers.combination import Combination
from llmexam.testing import check_recoverer

MEMBERS = ["nearest-neighbours", {"constant": {"text": "Rewrite this as a poem."}}]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["gate", "join"])
def test_every_mode_keeps_the_contract(mode, sample):
    train, items = sample.subset(range(0, 60, 2)), sample.subset(range(1, 20, 2))
    check_recoverer(lambda: Combination(mode=mode, members=MEMBERS), train, items)


def test_members_are_fitted_on_all_rows_in_the_end(sample):
    combination = Combination(members=["nearest-neighbours", "constant"], mode="gate", folds=2)
    combination.fit(sample)
    known = set(sample.prompts) | {"Improve the text to this."}
    assert {one.text for one in combination.recover(sample)} <= known


def test_weights_are_chosen_on_rows_that_members_have_not_seen(sample, monkeypatch):
    """A member that remembers prompts is perfect on rows that it saw, and useless on others."""
    seen = []
    kind = Combination(members=MEMBERS).members[0].__class__
    plain = kind.fit
    monkeypatch.setattr(
        kind,
        "fit",
        lambda self, train, p=None: (seen.append(set(train.ids)), plain(self, train))[1],
    )
    combination = Combination(members=MEMBERS, folds=3)
    combination.fit(sample)
    *inner, last = seen
    assert len(inner) == 3
    assert last == set(sample.ids)
    held_out = [set(sample.ids) - one for one in inner]
    assert set.union(*held_out) == set(sample.ids)
    assert sum(map(len, held_out)) == len(sample)


def test_hash_covers_models_of_members(monkeypatch):
    plain = Combination(members=MEMBERS)
    before = plain.weights_hash
    monkeypatch.setattr(type(plain.members[1]), "weights_hash", "other")
    assert plain.weights_hash != before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": ["constant"]}, "at least 2 items"),
        ({"members": ["constant", "constant"]}, "two members have the name 'constant'"),
        ({"members": ["constant", "regresor"]}, "Did you mean 'regressor'"),
        ({"members": ["constant", {"copy": {"txt": 1}}]}, "no setting 'txt'"),
        ({"mode": "vote"}, "mode"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(SettingsError, match=message):
        Combination(**settings)


def test_one_group_of_prompts_is_an_error(rewrites):
    with pytest.raises(ExamError, match="at least 2 groups of near-equal prompts"):
        Combination(members=MEMBERS).fit(rewrites.subset([0, 1]))


def test_too_few_rows_for_a_member_on_folds_is_an_error(sample):
    train = sample.subset([0, len(sample) - 1])
    with pytest.raises(ExamError, match="member 'regressor' cannot be fitted without one of 2"):
        Combination(members=["constant", "regressor"]).fit(train)


def test_no_rows_have_no_answers(sample):
    combination = Combination(members=MEMBERS, mode="gate")
    combination.fit(sample.subset(range(12)))
    assert combination.recover(sample.subset([])) == []
