"""Keys that are more than names: `sales if PORT == 80:` and `sales-$*:`."""

import re
from collections.abc import Mapping
from random import Random
from string import ascii_lowercase, digits
from typing import Any

from app.config.evaluation import described, evaluate
from app.config.yaml_source import Map, Report, Seq
from app.mistakes import KeyPath, Place

_CONDITION = re.compile(r"(?P<key>.+?)\s+if\s+(?P<expression>.+)", re.DOTALL)


class Keys:
    """Decides the keys of one file with the variables that it sees."""

    def __init__(self, variables: Mapping[str, Any], report: Report, chance: Random):
        self.variables = variables
        self.report = report
        self.chance = chance

    def resolved(self, node: Any, at: KeyPath) -> Any:
        """The tree with its conditions decided and `$*` replaced. A key whose condition holds wins over a plain one."""
        if isinstance(node, Seq):
            node[:] = [self.resolved(item, (*at, index)) for index, item in enumerate(node)]
        if not isinstance(node, Map):
            return node
        result, decided = Map(), set()
        for written, value in node.items():
            key = self.kept(written, node.places[written][0], at)
            if key is None or (key == written and key in decided):
                continue
            if key != written:
                decided.add(key)
            name = self.unique(key, node, result)
            result.put(name, self.resolved(value, (*at, name)), node.places[written])
        return result

    def kept(self, written: Any, place: Place, at: KeyPath) -> Any:
        """A key without its condition, or None if that does not hold; other keys as they are."""
        found = _CONDITION.fullmatch(written) if isinstance(written, str) and " if " in written else None
        if not found:
            return written
        try:
            return found["key"] if evaluate(found["expression"], self.variables, str(place)) else None
        except Exception as error:  # a condition is the site's own code, and one that raises does not hold
            message = f"the condition failed, so the key is left out: {described(error)}"
            self.report.warn(place, (*at, found["key"]), message)
            return None

    def unique(self, key: Any, *siblings: Map) -> Any:
        """The key with `$*` replaced by 5 letters and digits that no sibling has."""
        while isinstance(key, str) and "$*" in key:
            candidate = key.replace("$*", "".join(self.chance.choices(ascii_lowercase + digits, k=5)))
            if not any(candidate in sibling for sibling in siblings):
                return candidate
        return key
