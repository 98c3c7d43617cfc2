"""Import any long table (CSV, gzipped CSV, Parquet): one row per (model, checkpoint, task).

Columns are recognised by name (FIELDS); `--map field=COLUMN` names the others and `--filter COLUMN=VALUE` keeps rows.
Counts come from n and k, from an accuracy with n, or from an accuracy with its standard error (see table_counts).
"""

import hashlib
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from emergelaw.errors import InputError, did_you_mean
from emergelaw.importers.common import Imported, Importer, Log
from emergelaw.importers.long_form import finish
from emergelaw.importers.table_counts import add_counts

# Field: the column names that mean it, best first. Case does not matter.
FIELDS = {
    "model": ("model", "model_name", "model_id"),
    "task": ("task", "task_name", "benchmark"),
    "family": ("family", "model_family"),
    "params": ("params_nonemb", "params_non_embedding", "non_embedding_params"),
    "params_total": ("params_total", "params", "n_params", "num_params", "parameters", "total_params"),
    "step": ("step", "steps", "global_step", "training_step", "train_step"),
    "tokens": ("tokens", "n_tokens", "num_tokens", "tokens_seen", "train_tokens", "training_tokens"),
    "flops": ("flops", "train_flops", "training_flops", "compute"),
    "loss": ("loss", "train_loss", "training_loss", "validation_loss", "val_loss"),
    "checkpoint_name": ("checkpoint_name", "checkpoint", "revision"),
    "n_correct": ("n_correct", "k", "correct", "num_correct"),
    "n_trials": ("n_trials", "n", "total", "n_items", "num_examples", "n_samples"),
    "accuracy": ("accuracy", "acc"),
    "stderr": ("stderr", "acc_stderr", "accuracy_stderr", "standard_error"),
    "chance": ("chance", "random_baseline"),
    "n_choices": ("n_choices", "num_choices"),
    "category": ("category", "task_category"),
    "kind": ("kind", "task_kind"),
    "components": ("components",),
    "n_shots": ("n_shots", "num_fewshot", "n_shot", "shots"),
    "seed": ("seed", "model_seed"),
    "corpus": ("corpus", "training_corpus"),
    "dedup": ("dedup", "deduped"),
    "item_set": ("item_set",),
    "metric": ("metric", "metric_name"),
    "stage": ("stage", "training_stage"),
    "flag": ("flag", "flags"),
    "log_prob": ("log_prob", "mean_log_prob", "target_log_prob"),
}
FREE = ("design_", "metric_")  # design variables of models and continuous metrics keep their own names
NUMBERS = "params params_total step tokens flops loss n_correct n_trials accuracy stderr".split()
NUMBERS += "chance n_choices n_shots seed log_prob".split()
MISSING = ["", "NA", "N/A", "NaN", "nan", "null"]
SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


def read(
    sources: list[Path], filters: Sequence[tuple[str, str]] = (), maps: Mapping[str, str] | None = None
) -> Imported:
    """Read long tables of one or several files into one data set; maps says which column a field is."""
    log, maps = Log(), maps or {}
    raw = {source: read_file(source) for source in sources}
    _check_maps(raw, maps)
    parts = [_named(_filtered(frame, filters, maps, source, log), maps, source, log) for source, frame in raw.items()]
    return finish(add_counts(pd.concat(parts, ignore_index=True), log), provenance_of(sources), log)


def provenance_of(sources: list[Path]) -> dict:
    """Say where a table came from: file names and the hashes of their bytes."""
    files = [{"file": s.name, "sha256": hashlib.sha256(s.read_bytes()).hexdigest()} for s in sources]
    return {"kind": "measured", "importer": "table", "title": ", ".join(s.name for s in sources), "sources": files}


def read_file(source: Path) -> pd.DataFrame:
    """Read one CSV or Parquet file as it is."""
    if not source.is_file() or not source.name.endswith(SUFFIXES):
        what = "no such file" if not source.exists() else "a folder" if source.is_dir() else "another kind of file"
        raise InputError(f"expected a table ({', '.join(SUFFIXES)}) at {source}, got {what}: give the path of a table")
    frame = _parquet(source) if source.suffix == ".parquet" else _csv(source)
    frame = frame.set_axis([str(c).strip() for c in frame], axis=1)
    twice = [c for c, times in Counter(frame.columns).items() if times > 1]
    if not len(frame) or twice:
        got = f"column {twice[0]!r} twice" if twice else "no rows"
        raise InputError(f"expected rows under distinct column names in {source}, got {got}: correct the file")
    return frame


def _csv(source: Path) -> pd.DataFrame:
    separator = "\t" if ".tsv" in source.suffixes[-2:] else ","
    try:
        return pd.read_csv(source, sep=separator, low_memory=False, keep_default_na=False, na_values=MISSING)
    except (ValueError, OSError, EOFError, OverflowError, zlib.error) as error:
        raise _damaged(source, error) from error


def _parquet(source: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(source)
        text = [c for c in frame if isinstance(frame[c].dtype, pd.StringDtype)]
        return frame.astype(dict.fromkeys(text, object))  # decodes the text here, where damage can be named
    except ImportError as error:
        raise InputError(
            f"expected pyarrow to read {source}, found none: install emergelaw[parquet] or give a CSV file"
        ) from error
    except Exception as error:  # damaged Parquet files raise almost anything, from ArrowException to MemoryError
        raise _damaged(source, error) from error


def _damaged(source: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(f"expected a readable table in {source}, got damage ({reason}): fetch or export it again")


def _check_maps(raw: dict[Path, pd.DataFrame], maps: Mapping[str, str]) -> None:
    columns = sorted({c for frame in raw.values() for c in frame})
    for field, column in maps.items():
        if field not in FIELDS and not field.startswith(FREE):
            raise InputError(
                f"expected --map FIELD=COLUMN with one of the fields {', '.join(FIELDS)}, "
                f"got {field!r}{did_you_mean(field, FIELDS)}: correct the field"
            )
        if column not in columns:
            raise InputError(
                f"expected --map {field}=COLUMN to name one of the columns {', '.join(columns)}, "
                f"got {column!r}{did_you_mean(column, columns)}: correct the column"
            )


def _columns(frame: pd.DataFrame, maps: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each field that this table has: mapped first, then by name."""
    found = {field: column for field, column in maps.items() if column in frame}
    by_name = {c.lower(): c for c in frame if c not in found.values()}
    for field, names in FIELDS.items():
        known = [by_name[n] for n in names if n in by_name]
        if known and field not in found:
            found[field] = known[0]
    return found | {c: c for c in frame if c.startswith(FREE) and c not in found.values() and c not in found}


def _filtered(
    frame: pd.DataFrame, filters: Sequence[tuple[str, str]], maps: Mapping[str, str], source: Path, log: Log
) -> pd.DataFrame:
    """Keep the rows whose columns hold one of the wanted values."""
    wanted = defaultdict(list)
    for column, value in filters:
        wanted[column].append(value)
    columns = _columns(frame, maps)
    for name, values in wanted.items():
        column = name if name in frame else columns.get(name)
        if column is None:
            raise InputError(
                f"expected --filter COLUMN=VALUE with a column of {source} ({', '.join(frame)}), "
                f"got {name!r}{did_you_mean(name, frame)}: correct the column"
            )
        keep = _equals(frame[column], values)
        if not keep.any():
            held = sorted(map(str, frame[column].dropna().unique()))
            raise InputError(
                f"expected rows of {source} with {name} equal to {' or '.join(values)}, got none "
                f"(the column holds {', '.join(held[:8])}{' …' if len(held) > 8 else ''})"
                f"{did_you_mean(values[0], held)}: correct the value"
            )
        if not keep.all():
            log.add(f"dropped: rows whose {name} is not {' or '.join(values)}, as the filter asked", int((~keep).sum()))
        frame = frame[keep]
    return frame


def _equals(column: pd.Series, values: list[str]) -> pd.Series:
    """Compare as text and as numbers, so that 5 finds 5.0 and true finds True."""
    same = column.astype(str).str.casefold().isin([v.casefold() for v in values])
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").dropna()
    return same | pd.to_numeric(column, errors="coerce").isin(numbers)


def _named(frame: pd.DataFrame, maps: Mapping[str, str], source: Path, log: Log) -> pd.DataFrame:
    """Keep the known columns under the names of their fields, as text or numbers."""
    columns = _columns(frame, maps)
    for field in ("model", "task"):
        if field not in columns:
            raise InputError(
                f"expected a {field} column in {source}, got the columns {', '.join(frame)}: "
                f"name it with --map {field}=COLUMN"
            )
    for column in [c for c in frame if c not in columns.values()]:
        log.add(f"ignored: column {column!r} of {source.name}, which no field uses (use it with --map)")
    out = pd.DataFrame({field: frame[column] for field, column in columns.items()})
    for field in out:
        if field in NUMBERS or field.startswith("metric_"):
            out[field] = _numbers(out[field], columns[field], source)
        elif not field.startswith("design_") or not pd.api.types.is_numeric_dtype(out[field]):
            out[field] = out[field].astype(object).where(out[field].notna()).map(str, na_action="ignore").astype(object)
    unnamed = out["model"].isna() | out["task"].isna()
    if unnamed.any():
        log.add(f"dropped: rows of {source.name} without a model or a task", int(unnamed.sum()))
    return out[~unnamed].rename(columns={"log_prob": "metric_log_prob"})


def _numbers(column: pd.Series, name: str, source: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    bad = (numbers.isna() & column.notna()) | numbers.isin([float("inf"), -float("inf")])
    if bad.any():
        raise InputError(
            f"expected numbers in column {name!r} of {source}, got {str(column[bad].iloc[0])!r} "
            f"in row {int(bad.argmax()) + 1}: correct it or map another column"
        )
    return numbers


def _miss(sources: list[Path]) -> str | None:
    wrong = [s for s in sources if not s.is_file() or not s.name.endswith(SUFFIXES)]
    return f"{wrong[0]} is not a file ending in {', '.join(SUFFIXES)}" if wrong else None


IMPORTER = Importer("table", "one or several long tables (CSV, gzipped CSV, Parquet), a row per cell", _miss, read)
