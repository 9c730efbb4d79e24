"""Tiny random decoders of the types that KerasHub loads, as Hugging Face folders."""

import contextlib
import io

import torch
import transformers

N_WORDS = 64
_SIZES = dict(
    vocab_size=N_WORDS,
    hidden_size=16,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=256,
    pad_token_id=0,
    bos_token_id=2,
    eos_token_id=3,
)


def config_of(kind, **values):
    """Return a small config of a type."""
    if kind == "gemma":
        return transformers.GemmaConfig(**{**_SIZES, "head_dim": 8, **values})
    if kind == "gemma2":
        more = {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 8}
        return transformers.Gemma2Config(**{**_SIZES, **more, **values})
    if kind == "gemma3":
        more = {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 8}
        return transformers.Gemma3TextConfig(**{**_SIZES, **more, **values})
    if kind == "gpt2":
        size = dict(vocab_size=N_WORDS, n_embd=16, n_layer=2, n_head=4, n_positions=256)
        ends = dict(bos_token_id=2, eos_token_id=3)
        return transformers.GPT2Config(**{**size, **ends, **values})
    classes = {
        "llama": transformers.LlamaConfig,
        "mistral": transformers.MistralConfig,
        "qwen2": transformers.Qwen2Config,
        "qwen3": transformers.Qwen3Config,
    }
    more = {"head_dim": 8} if kind == "qwen3" else {}
    return classes[kind](**{**_SIZES, **more, **values})


def save_tiny(folder, kind="gemma3", tokenizer=None, dtype=torch.float32, **values):
    """Write a model with random weights to a folder, and return the folder."""
    if tokenizer is not None:
        values["vocab_size"] = len(tokenizer)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config_of(kind, **values))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    # transformers draws a progress bar.
    with contextlib.redirect_stderr(io.StringIO()):
        model.to(dtype).save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return folder


def torch_logits(folder, rows):
    """Return the logits of transformers' model for each row."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        return [model(torch.tensor([row])).logits[0].numpy() for row in rows]
