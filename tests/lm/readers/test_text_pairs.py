"""Two texts become the tokens that the tokenizer itself would join, cut where it may be cut."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from llmexam.errors import ModelError
from llmexam.lm.readers.text_pairs import TextPair, encode_pairs


@pytest.fixture
def tokenizer(tiny_folder):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(str(tiny_folder()))


PAIRS = [TextPair("blue sky is the red sea", "we see"), TextPair("", "a red sky")]


@pytest.mark.parametrize("max_tokens", [9, 10, 32])
@pytest.mark.parametrize("cut", ["first", "second"])
def test_the_tokens_are_those_of_the_tokenizer(tokenizer, max_tokens, cut):
    pairs = PAIRS if cut == "first" else [TextPair(p.second, p.first + " a") for p in PAIRS]
    for pair, ours in zip(pairs, encode_pairs(pairs, tokenizer, max_tokens, cut=cut), strict=True):
        theirs = tokenizer(pair.first, pair.second, truncation=f"only_{cut}", max_length=max_tokens)
        assert ours.ids == theirs["input_ids"]
        assert ours.types == theirs["token_type_ids"]


def test_the_text_to_keep_stays_whole(tokenizer):
    pair = TextPair("blue sky is the red sea", "we see the sea today")
    first, second = (encode_pairs([pair], tokenizer, 10, cut=c)[0] for c in ("first", "second"))
    assert (first.n_cut, second.n_cut) == (4, 4)
    assert tokenizer.decode(first.ids) == "[CLS] blue sky [SEP] we see the sea today [SEP]"
    assert tokenizer.decode(second.ids) == "[CLS] blue sky is the red sea [SEP] we [SEP]"


def test_equal_pairs_are_encoded_once(tokenizer):
    one, other = encode_pairs([PAIRS[0], PAIRS[0]], tokenizer, 16)
    assert one is other


def test_too_few_tokens_are_refused(tokenizer):
    with pytest.raises(ModelError, match="large enough"):
        encode_pairs(PAIRS, tokenizer, 4)


def test_a_tokenizer_without_separators_puts_a_line_break_between():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.train_from_iterator(
        ["a"],
        trainers.BpeTrainer(
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made)
    (found,) = encode_pairs([TextPair("some evidence", "which one")], tokenizer, 16)
    assert found.ids == tokenizer("some e\nwhich one")["input_ids"]
    assert found.n_cut == 7
