"""Tasks whose score says little about the capability in their name: flagged, never dropped."""

from collections import Counter

from emergelaw.importers import elementaltask_names as names

Pairs = tuple[tuple[str, str], ...]  # (question, answer) of each item

FEW = 5  # items
SHARE = 0.9  # of the items that must show a defect


def degenerate(items: dict[tuple[str, str], Pairs]) -> dict[str, str]:
    """Return {task: reasons} for the items of each (model, task)."""
    found: dict[str, list[str]] = {}
    for (model, task), pairs in sorted(items.items()):
        components = {name: items[model, name] for name in names.components(task) if (model, name) in items}
        for reason in _reasons(task, pairs, components):
            if reason not in found.setdefault(task, []):
                found[task].append(reason)
    return {task: "; ".join(reasons) for task, reasons in found.items() if reasons}


def _reasons(task: str, pairs: Pairs, components: dict[str, Pairs]) -> list[str]:
    reasons = []
    if len(pairs) < FEW:
        reasons.append(f"only {len(pairs)} item{'s' * (len(pairs) > 1)}")
    answer, times = Counter(a for _, a in pairs).most_common(1)[0]
    if times >= SHARE * len(pairs) and len(pairs) > 1:
        reasons.append(f"the answer is {answer!r} in {times} of {len(pairs)} items")
    if names.components(task) and sum(len(q) == 1 for q, _ in pairs) >= SHARE * len(pairs):
        reasons.append("the inputs are single letters, which makes the chain trivial")
    for name, simple in components.items():
        if sum(pair in set(simple) for pair in set(pairs)) >= SHARE * len(set(pairs)):
            reasons.append(f"its items are those of {name}")
    return reasons
