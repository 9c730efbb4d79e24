"""Make training data for prompt recovery: rewrite texts under prompts with a language model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError, SettingsError
from llmexam.recovery.bank import read_bank
from llmexam.recovery.making.endpoint import EndpointMaker, EndpointMakerSettings
from llmexam.recovery.making.local import LocalMaker, LocalMakerSettings
from llmexam.recovery.making.maker import Forecast, Maker
from llmexam.recovery.making.rows import (
    Drawn,
    DrawSettings,
    MadeData,
    choose_pairs,
    make_rows,
    require_suffix,
    rows_text,
)
from llmexam.recovery.making.sharded import ClusterMaker
from llmexam.recovery.making.texts import read_texts
from llmexam.recovery.recoverer import Progress, no_progress
from llmexam.stages.sharding.cluster import Cluster
from llmexam.stages.sharding.folder import delete_shards
from llmexam.storage.atomic import write_json, write_text
from llmexam.storage.locking import lock_folder
from llmexam.tasks.prompt_recovery.plan import rewrites_path


def make_data(
    texts: str | Path,
    prompts: str | Path,
    *,
    model: str,
    base_url: str | None = None,
    settings: Mapping[str, Any] | None = None,
    drawing: Mapping[str, Any] | None = None,
    text_column: str | None = None,
    out: str | Path | None = None,
    progress: Progress = no_progress,
    cluster: Cluster | None = None,
) -> MadeData:
    """Return texts rewritten under prompts by a language model, and write them to a file.

    Answers are cached as they come: when a call was stopped, the same call goes on and ends with
    the same rows.

    Args:
        texts: CSV or JSON Lines file of texts, or of rewrites, of which the originals are used;
            `bundled` is the sample's.
        prompts: CSV file with a column `rewrite_prompt`, or `bundled`.
        model: Name of the model at the endpoint; without `base_url`, a local folder or a Hugging
            Face name.
        base_url: Address of an OpenAI-compatible endpoint.
        settings: Further settings of the endpoint or of the local model: sampling, wording, prices.
        drawing: Settings of the drawing: `n_rows` or `pairs_per_text`, `seed`, `preambles`.
        text_column: Column of the texts; `original_text` or `text` by default.
        out: File to write, .csv or .jsonl; the yield table is written beside it.
        progress: Called with how many pairs are done, and how many there are.
        cluster: What runs the local model; needs `out`, beside which its shards are stored.

    Raises:
        ExamError: A file cannot be read, there are too few texts and prompts, or no answer was
            kept for `out`.
        SettingsError: A setting is wrong.
        EndpointError: The endpoint failed; answers that came before are cached.
    """
    if out is not None:
        require_suffix(out)
    drawn, maker, parsed = _prepare(texts, prompts, model, base_url, settings, drawing, text_column)
    if cluster is not None:
        made = _make_on_cluster(drawn, maker, parsed, cluster, out, progress)
    else:
        made = make_rows(drawn, maker, preambles=parsed.preambles, progress=progress)
    if out is not None:
        write_json(yields_path(out), {"model": maker.name, **made.yields.as_dict()})
        if not made.rows:
            raise ExamError(
                f"none of {made.yields.asked} answers was kept, so no rows were written; "
                f"{yields_path(out)} counts why",
                file=out,
                hint="Use another model, other prompts or other texts",
            )
        write_text(out, rows_text(made.rows, Path(out).suffix))
        if cluster is not None:
            delete_shards(_shards_folder(out))
    return made


def _make_on_cluster(
    drawn: Drawn,
    maker: Maker,
    drawing: DrawSettings,
    cluster: Cluster,
    out: str | Path | None,
    progress: Progress,
) -> MadeData:
    if not isinstance(maker, LocalMaker):
        raise SettingsError(
            "requests to endpoints are sent by one process, which keeps the budget",
            field="cluster",
            hint="Leave out --cluster; `replicas` spreads requests over several servers",
        )
    if out is None:
        raise SettingsError(
            "expected an output file with a cluster, because shards are stored beside it",
            field="cluster",
            hint="Give --out",
        )
    with lock_folder(_shards_folder(out)) as folder:
        workers = ClusterMaker(maker.settings, cluster, folder)
        return make_rows(drawn, workers, preambles=drawing.preambles, progress=progress)


def _shards_folder(out: str | Path) -> Path:
    path = Path(out).absolute()
    return path.with_name(f"{path.name}.shards")


def forecast_data(
    texts: str | Path,
    prompts: str | Path,
    *,
    model: str,
    base_url: str | None = None,
    settings: Mapping[str, Any] | None = None,
    drawing: Mapping[str, Any] | None = None,
    text_column: str | None = None,
    out: str | Path | None = None,
) -> Forecast:
    """Return what `make_data` would take at most; nothing is asked and nothing is written.

    The arguments and errors are those of `make_data`.
    """
    if out is not None:
        require_suffix(out)
    drawn, maker, _ = _prepare(texts, prompts, model, base_url, settings, drawing, text_column)
    return maker.forecast(drawn.pairs)


def yields_path(out: str | Path) -> Path:
    """Return the file of the yield table: `rows.yield.json` beside `rows.csv`."""
    return Path(out).with_suffix(".yield.json")


def _prepare(
    texts: str | Path,
    prompts: str | Path,
    model: str,
    base_url: str | None,
    settings: Mapping[str, Any] | None,
    drawing: Mapping[str, Any] | None,
    text_column: str | None,
) -> tuple[Drawn, Maker, DrawSettings]:
    parsed = DrawSettings.parse(drawing or {}, subject="the drawing")
    given = {"model": model, "seed": parsed.seed, **(settings or {})}
    if base_url is not None:
        given["base_url"] = base_url
    maker = _maker(given)
    found = choose_pairs(
        read_texts(rewrites_path(texts), text_column),
        read_bank(prompts),
        parsed,
        max_characters=maker.max_characters,
    )
    return found, maker, parsed


def _maker(values: Mapping[str, Any]) -> Maker:
    if "base_url" in values:
        return EndpointMaker(
            EndpointMakerSettings.parse(
                values, subject="the endpoint", given_as="--set {key}={value}"
            )
        )
    return LocalMaker(
        LocalMakerSettings.parse(values, subject="the local model", given_as="--set {key}={value}")
    )
