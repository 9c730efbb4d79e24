import pytest

from llmexam.errors import ModelError, SettingsError
from llmexam.exam.question import Passage, Question
from llmexam.lm.readers.text_pairs import TextPair, encode_pairs
from llmexam.solvers.readers.encoding import EncodingSettings, option_pairs

pytest.importorskip("transformers")

WORDS = "the sky is blue for light of short waves scatters most in air why ? . a b"
SKY = Passage(
    "Light of short waves scatters most. The sky is blue. Why ? Air is air. Waves in the air."
)
QUESTION = Question("q", "Why is the sky blue ?", ("light scatters", "the air is blue"), 0, (SKY,))


@pytest.fixture(scope="module")
def bert_tokenizer():
    from transformers import BertTokenizerFast

    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS.split()), "##s"]
    return BertTokenizerFast(vocab={word: i for i, word in enumerate(vocab)})


@pytest.fixture(scope="module")
def roberta_tokenizer():
    """Bytes and merges, two separators between the texts, and one type for both."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([SKY.text, QUESTION.prompt] * 4, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


@pytest.fixture(scope="module")
def deberta_tokenizer():
    """Unigram with a word mark, one separator, and a type for each text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=80,
        special_tokens=["[PAD]", "[CLS]", "[SEP]", "[UNK]"],
        unk_token="[UNK]",
        show_progress=False,
    )
    tokenizer.train_from_iterator([SKY.text, QUESTION.prompt, "a b"] * 4, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        unk_token="[UNK]",
    )


@pytest.fixture(params=["bert", "roberta", "deberta"])
def tokenizer(request):
    return request.getfixturevalue(f"{request.param}_tokenizer")


@pytest.mark.parametrize("max_tokens", [16, 24, 512])
@pytest.mark.parametrize("layout", ["evidence|prompt+option", "prompt+evidence|option"])
def test_tokens_are_those_of_the_tokenizer(tokenizer, layout, max_tokens):
    settings = EncodingSettings(layout=layout, max_tokens=max_tokens, evidence="whole")
    short = Question("s", "Why ?", ("blue", "air"), 0, (SKY,))
    pairs = [*option_pairs(short, settings), TextPair("", "blue"), TextPair("the sky", "a b")]
    for pair, encoded in zip(pairs, encode_pairs(pairs, tokenizer, max_tokens), strict=True):
        expected = tokenizer(
            pair.first,
            pair.second,
            truncation="only_first",
            max_length=max_tokens,
            return_token_type_ids=True,
        )
        assert encoded.ids == expected["input_ids"]
        assert encoded.types == expected["token_type_ids"]
        whole = tokenizer(pair.first, pair.second)["input_ids"]
        assert encoded.n_cut == max(0, len(whole) - max_tokens)
        assert encoded.n_first == len(tokenizer(pair.first, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("layout", ["evidence|prompt+option", "prompt+evidence|option"])
def test_the_option_is_never_cut(bert_tokenizer, layout):
    settings = EncodingSettings(layout=layout, max_tokens=16, evidence="whole")
    long = Question("q", "why " * 40, ("light scatters", "the air is blue"), 0, (SKY,))
    for question in (QUESTION, long):
        encoded = encode_pairs(option_pairs(question, settings), bert_tokenizer, 16)
        for option, pair in zip(question.options, encoded, strict=True):
            end = bert_tokenizer(option, add_special_tokens=False)["input_ids"]
            assert pair.ids[-1 - len(end) : -1] == end
            assert len(pair.ids) == 16


def test_the_prompt_stays_before_the_evidence(bert_tokenizer):
    settings = EncodingSettings(layout="prompt+evidence|option", max_tokens=16, evidence="whole")
    encoded = encode_pairs(option_pairs(QUESTION, settings), bert_tokenizer, 16)
    prompt = bert_tokenizer(QUESTION.prompt, add_special_tokens=False)["input_ids"]
    assert encoded[0].ids[1 : 1 + len(prompt)] == prompt


def test_equal_texts_are_tokenised_once(bert_tokenizer):
    class Counting:
        """Counts the texts that reach the tokenizer."""

        def __init__(self):
            self.texts = []

        def __call__(self, text, *rest, **options):
            self.texts += text if isinstance(text, list) else []
            return bert_tokenizer(text, *rest, **options)

    counting = Counting()
    settings = EncodingSettings(evidence="whole")
    pairs = option_pairs(QUESTION, settings) * 3
    encoded = encode_pairs(pairs, counting, 64)
    assert sorted(counting.texts) == sorted({t for p in pairs for t in (p.first, p.second)})
    assert encoded[:2] == encoded[2:4] == encoded[4:]
    assert encode_pairs([], counting, 64) == []


def test_evidence_is_chosen_for_each_option():
    one = EncodingSettings(evidence="sentences", n_sentences=1)
    first, second = option_pairs(QUESTION, one)
    assert first.first == "Light of short waves scatters most."
    assert second.first == "The sky is blue."
    assert first.second == "Why is the sky blue ? light scatters"
    none = EncodingSettings(evidence="none")
    assert [p.first for p in option_pairs(QUESTION, none)] == ["", ""]
    assert [p.first for p in option_pairs(QUESTION.with_passages(()), one)] == ["", ""]
    whole = EncodingSettings(evidence="whole", layout="prompt+evidence|option")
    assert option_pairs(QUESTION, whole)[0].first == f"{QUESTION.prompt} {SKY.text}"


def test_an_option_does_not_see_the_others():
    settings = EncodingSettings()
    turned = QUESTION.with_option_order([1, 0])
    assert option_pairs(turned, settings) == option_pairs(QUESTION, settings)[::-1]


def test_odd_texts_have_tokens(bert_tokenizer):
    odd = [TextPair("", ""), TextPair("\ud800 sky", "\x00"), TextPair("sky", "")]
    encoded = encode_pairs(odd, bert_tokenizer, 16)
    assert all(3 <= len(pair.ids) <= 16 for pair in encoded)


def test_too_few_tokens_are_refused(bert_tokenizer):
    with pytest.raises(ModelError, match="large enough"):
        encode_pairs([TextPair("a", "b")], bert_tokenizer, 4)
    with pytest.raises(SettingsError, match="max_tokens"):
        EncodingSettings.parse({"max_tokens": 4}, subject="encoding")
