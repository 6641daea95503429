"""YAML nodes that know their line, so that every complaint about columns.yaml can name one."""

import yaml


class SpecError(Exception):
    """A wrong columns.yaml; its text is what the user reads."""


class Reader:
    """Walks the YAML nodes, so that every complaint can name a line."""

    def __init__(self, file_name: str):
        self.file_name = file_name

    def fail(self, line: int, message: str, column: str | None = None):
        where = f"column {column}: " if column else ""
        raise SpecError(f"{self.file_name}:{line}: {where}{message}")

    @staticmethod
    def line(node) -> int:
        return node.start_mark.line + 1

    def mapping(self, node, column=None, keys=None) -> dict:
        """key -> (line of the key, value node); refuses a key that is unknown or given twice."""
        if not isinstance(node, yaml.MappingNode):
            self.fail(self.line(node), "expected keys and values", column)
        result = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if keys is not None and key not in keys:
                self.fail(self.line(key_node), f"unknown key {key}", column)
            if key in result:
                self.fail(self.line(key_node), f"key {key} is given twice", column)
            result[key] = (self.line(key_node), value_node)
        return result

    @staticmethod
    def name_of(node) -> str | None:
        """What a mapping calls itself, for messages about it."""
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        return next((value.value for key, value in pairs if key.value == "name"), None)

    def sequence(self, node) -> list:
        if not isinstance(node, yaml.SequenceNode):
            self.fail(self.line(node), "expected a list")
        return node.value

    def scalar(self, entry, kind: str, key: str, column=None):
        line, node = entry
        tags = {"text": "tag:yaml.org,2002:str", "number": "tag:yaml.org,2002:int",
                "boolean": "tag:yaml.org,2002:bool"}
        if not isinstance(node, yaml.ScalarNode) or node.tag != tags[kind]:
            hint = " (quote it)" if kind == "text" and isinstance(node, yaml.ScalarNode) else ""
            self.fail(line, f"{key} must be a {kind}{hint}", column)
        return yaml.safe_load(node.value) if kind != "text" else node.value

    def choice(self, entry, key, choices, column=None) -> str:
        value = self.scalar(entry, "text", key, column)
        if value not in choices:
            self.fail(entry[0], f"unknown {key} {value} (known: {', '.join(choices)})", column)
        return value
