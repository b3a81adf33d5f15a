# SPDX-License-Identifier: Apache-2.0
"""Checks answers against api/openapi.yaml: the part of JSON Schema that the file uses. A keyword that
is not known here is an error, so that the contract cannot say what nobody checks."""
import os

import yaml

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TYPES = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool}
KNOWN = {"type", "required", "properties", "additionalProperties", "items", "enum", "description", "$ref", "minimum",
         "maximum", "maxLength", "default"}


class Contract:
    def __init__(self, path=os.path.join(TREE, "api/openapi.yaml")):
        with open(path) as f:
            self.root = yaml.safe_load(f)

    def resolve(self, node):
        while "$ref" in node:
            at = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            node = at
        return node

    def operations(self):
        return [(path, method) for path, item in self.root["paths"].items() for method in item]

    def parameters(self, path, method="get"):
        return [self.resolve(p) for p in self.root["paths"][path][method].get("parameters", [])]

    def check(self, path, method, status, content_type, value):
        """The problems of an answer; none when it is as the contract says."""
        responses = self.root["paths"][path][method]["responses"]
        response = responses.get(str(status)) or responses.get("default")
        if response is None:
            return [f"{path}: status {status} is not in the contract"]
        content = self.resolve(response)["content"]
        media = content_type.split(";")[0]
        if media not in content:
            return [f"{path}: {media} is not in the contract for {status}"]
        return self.problems(content[media].get("schema", {}), value, path)

    def named(self, name, value):
        return self.problems(self.root["components"]["schemas"][name], value, name)

    def problems(self, schema, value, at):
        schema = self.resolve(schema)
        unknown = set(schema) - KNOWN
        if unknown:
            return [f"{at}: this checker does not know {sorted(unknown)}"]
        found = self._type(schema, value, at)
        if found:
            return found
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{at}: {value!r} is none of {schema['enum']}")
        if isinstance(value, dict):
            found += self._object(schema, value, at)
        if isinstance(value, list) and "items" in schema:
            for i, v in enumerate(value):
                found += self.problems(schema["items"], v, f"{at}[{i}]")
        return found

    @staticmethod
    def _type(schema, value, at):
        wanted = schema.get("type")
        if wanted is None:
            return []
        for t in wanted if isinstance(wanted, list) else [wanted]:
            if t == "number" and isinstance(value, (int, float)) and not isinstance(value, bool):
                return []
            if t == "integer" and isinstance(value, int) and not isinstance(value, bool):
                return []
            if t in TYPES and isinstance(value, TYPES[t]):
                return []
        return [f"{at}: {value!r} is no {wanted}"]

    def _object(self, schema, value, at):
        properties = schema.get("properties", {})
        more = schema.get("additionalProperties", True)
        found = [f"{at}: {k} is missing" for k in schema.get("required", []) if k not in value]
        for key, v in value.items():
            if key in properties:
                found += self.problems(properties[key], v, f"{at}.{key}")
            elif more is False:
                found.append(f"{at}: {key} is not in the contract")
            elif isinstance(more, dict):
                found += self.problems(more, v, f"{at}.{key}")
        return found
