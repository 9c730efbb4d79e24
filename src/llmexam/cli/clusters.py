"""The options of a cluster, parsed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from llmexam.errors import SettingsError

if TYPE_CHECKING:
    from llmexam.stages.sharding.cluster import Cluster, ClusterSettings


def cluster_settings(
    address: str | None, changes: Sequence[str] | None, *, workers: int | None = None
) -> ClusterSettings | None:
    """Return the settings of a command's cluster, or None if the user gave none.

    Args:
        address: Value of `--cluster`. Nothing else is looked at, such as RAY_ADDRESS.
        changes: Values of `--cluster-set`.
        workers: Value of the command's own option for processes, if it has one.

    Raises:
        SettingsError: A setting is wrong, or there are settings without a cluster.
    """
    from llmexam.cli.options import parse_settings

    values = parse_settings(changes or [], "--cluster-set")
    if address is None:
        if values:
            raise SettingsError("--cluster-set needs --cluster", field="cluster-set")
        return None
    from llmexam.stages.sharding.cluster import ClusterSettings, require_address

    if workers is not None:
        values.setdefault("workers", workers)
    try:
        require_address(address)
    except ValueError as error:
        # The settings would call it `address`, which nobody typed.
        raise SettingsError(str(error), field="--cluster") from None
    return ClusterSettings.parse(
        {**values, "address": address},
        subject="the cluster",
        given_as="--cluster-set {key}={value}",
    )


@contextmanager
def chosen_cluster(
    address: str | None, changes: Sequence[str] | None, *, workers: int | None = None
) -> Iterator[Cluster | None]:
    """Yield the cluster of a command, or None if the user gave none.

    The arguments and errors are those of `cluster_settings`.
    """
    settings = cluster_settings(address, changes, workers=workers)
    if settings is None:
        yield None
        return
    from llmexam.stages.sharding.cluster import open_cluster

    with open_cluster(settings, lambda message: typer.echo(message, err=True)) as cluster:
        yield cluster
