"""Checks the requests that Conch sends against the types of the providers' official Python packages.

Reads `requests/<protocol>.json`, which `cargo test -p conch-provider --test peers` writes. A field that a type does
not have is an error, and so are a missing field and a value of another type. Exits with 1 after naming them all.
"""

import base64
import collections.abc
import json
import sys
import types
import typing
from pathlib import Path

import typing_extensions
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from google.genai import types as gemini
from google.genai.models import _GenerateContentParameters_to_mldev
from ollama._types import ChatRequest, Message
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

# What is sent beyond a package's types, with the source that says so: the end of a path.
BEYOND = {
    "openai": {
        "reasoning_content": "DeepSeek's API, in turns with calls of tools; models of OpenAI send no reasoning here",
    },
    "anthropic": {
        "temperature": "anthropic before 2.0: the models up to Claude Opus 4.6 take it, and no other is sent it",
        "top_p": "as temperature",
    },
    "ollama": {
        "truncate": "ollama api/types.go, ChatRequest.Truncate",
        "shift": "ollama api/types.go, ChatRequest.Shift",
    },
}


class Checker:
    """Checks values against annotations, and collects what differs."""

    def __init__(self, beyond=()):
        self.beyond = beyond
        self.errors = []

    def check(self, value, kind, path=""):
        """Returns whether the value has the type; what differs is added to the errors."""
        before = len(self.errors)
        self.walk(value, kind, path)
        return len(self.errors) == before

    def fail(self, path, words):
        self.errors.append(f"{path or 'the body'}: {words}")

    def walk(self, value, kind, path):
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if kind in (typing.Any, object):
            return
        if origin is typing.Annotated or origin in REQUIREDNESS:
            self.walk(value, arguments[0], path)
        elif origin in (typing.Union, types.UnionType):
            self.walk_union(value, arguments, path)
        elif origin is typing.Literal:
            # Python takes True for 1.
            if not any(value == one and type(value) is type(one) for one in arguments):
                self.fail(path, f"{value!r} is none of {arguments}")
        elif isinstance(kind, type) and typing_extensions.is_typeddict(kind):
            self.walk_object(value, kind, path)
        elif origin in SEQUENCES:
            if not isinstance(value, list):
                self.fail(path, f"{value!r} is no list")
                return
            for index, entry in enumerate(value):
                self.walk(entry, arguments[0], f"{path}[{index}]")
        elif origin in (dict, collections.abc.Mapping):
            if not isinstance(value, dict):
                self.fail(path, f"{value!r} is no object")
                return
            for name, entry in value.items():
                self.walk(entry, arguments[1], f"{path}.{name}")
        elif kind is float:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                self.fail(path, f"{value!r} is no number")
        elif isinstance(kind, type) and not isinstance(value, kind) or type(value) is bool and kind is int:
            self.fail(path, f"{value!r} is no {kind.__name__}")
        elif isinstance(kind, typing.TypeVar) or not isinstance(kind, type):
            raise NotImplementedError(f"{path}: {kind!r}")

    def walk_union(self, value, kinds, path):
        """A value that fits none is explained by the kind that it fits best."""
        nearest = None
        for kind in kinds:
            one = Checker(self.beyond)
            if one.check(value, kind, path):
                return
            if nearest is None or len(one.errors) < len(nearest):
                nearest = one.errors
        self.errors += nearest

    def walk_object(self, value, kind, path):
        if not isinstance(value, dict):
            self.fail(path, f"{value!r} is no object")
            return
        fields = typing_extensions.get_type_hints(kind, include_extras=True)
        for name in kind.__required_keys__ - value.keys():
            self.fail(path, f"{kind.__name__} lacks {name}")
        for name, entry in value.items():
            inner = f"{path}.{name}" if path else name
            if name in fields:
                self.walk(entry, fields[name], inner)
            elif name not in self.beyond:
                self.fail(inner, f"{kind.__name__} has no such field")


REQUIREDNESS = (typing_extensions.Required, typing_extensions.NotRequired, typing.Required, typing.NotRequired)
SEQUENCES = (list, collections.abc.Iterable, collections.abc.Sequence)


def of_type(kind):
    def check(protocol, body):
        checker = Checker(BEYOND.get(protocol, ()))
        checker.check(body, kind)
        return checker.errors

    return check


def differences(sent, kept, beyond, path=""):
    """Yields what a package does not keep of what was sent."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        for name, value in sent.items():
            inner = f"{path}.{name}" if path else name
            if name in kept:
                yield from differences(value, kept[name], beyond, inner)
            elif name not in beyond:
                yield f"{inner}: the package's type has no such field"
    elif isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        for index, (one, other) in enumerate(zip(sent, kept)):
            yield from differences(one, other, beyond, f"{path}[{index}]")
    elif sent != kept or type(sent) is not type(kept) and not (is_number(sent) and is_number(kept)):
        yield f"{path}: {sent!r} is {kept!r} in the package"


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def ollama(protocol, body):
    """The package's request drops the fields that it does not know, so that what is left is compared."""
    kept = ChatRequest.model_validate(body).model_dump(exclude_unset=True, mode="json")
    errors = list(differences(body, kept, BEYOND[protocol]))
    for index, message in enumerate(body["messages"]):
        # Of an image, the type takes the bytes and a path, and writes the base64 that is sent.
        message = dict(message)
        if not all(isinstance(image, str) for image in message.pop("images", [])):
            errors.append(f"messages[{index}].images: not in base64")
        kept = Message.model_validate(message).model_dump(exclude_unset=True, mode="json")
        errors += differences(message, kept, (), f"messages[{index}]")
    return errors


def of_gemini(_, body):
    """The package has no type of the body: its own client writes the same request, which has to be the same body."""
    body = dict(body)
    config = {
        gemini_name(name): value for name, value in body.get("generationConfig", {}).items()
    }
    if "systemInstruction" in body:
        config["system_instruction"] = gemini.Content.model_validate(body["systemInstruction"])
    contents = [gemini.Content.model_validate(content) for content in body["contents"]]
    level = config.get("thinking_config", {}).get("thinkingLevel")
    levels = [known.value.lower() for known in gemini.ThinkingLevel]
    if level is not None and level.lower() not in levels:
        return [f"generationConfig.thinkingConfig.thinkingLevel: {level!r} is none of {levels}"]
    parameters = gemini._GenerateContentParameters(
        model="m", contents=contents, config=gemini.GenerateContentConfig.model_validate(config)
    )
    written = _GenerateContentParameters_to_mldev(NoClient(), parameters)
    written = json.loads(json.dumps(plain(written)))
    written.pop("_url")
    if not written["generationConfig"]:
        written.pop("generationConfig")
    return [*differences(body, written, ()), *differences(written, body, ())]


class NoClient:
    """What the package's converter asks of its client: whether it is Vertex's."""

    vertexai = False


def gemini_name(name):
    fields = gemini.GenerateContentConfig.model_fields.items()
    names = {field.alias: own for own, field in fields}
    return names.get(name, name)


def plain(value):
    """Returns a value of the package as JSON."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(exclude_none=True, by_alias=True))
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, gemini.ThinkingLevel):
        # The API takes both.
        return value.value.lower()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


CHECKS = {
    "openai": of_type(CompletionCreateParamsStreaming),
    "responses": of_type(ResponseCreateParamsStreaming),
    "anthropic": of_type(MessageCreateParamsStreaming),
    "gemini": of_gemini,
    "ollama": ollama,
}


def spoiled(body):
    """Yields bodies that are wrong: with a field too many at the top and in the conversation, and without one."""
    yield "an unknown field", {**body, "no_such_field": 1}
    conversation = next(name for name in ("messages", "contents", "input") if name in body)
    first = {**body[conversation][0], "no_such_field": 1}
    yield "an unknown field in a message", {**body, conversation: [first]}
    yield "a conversation that is a number", {**body, conversation: 7}


def errors_of(protocol, body):
    try:
        return CHECKS[protocol](protocol, body)
    except (ValueError, TypeError) as error:
        return [str(error)]


def main():
    wrong = count = 0
    for protocol in CHECKS:
        path = Path(__file__).parent / "requests" / f"{protocol}.json"
        requests = json.loads(path.read_text())
        for case, body in requests.items():
            count += 1
            for error in errors_of(protocol, body):
                wrong += 1
                print(f"{protocol}, {case}: {error}")
        # The check itself: a body that is wrong is found.
        for what, body in spoiled(next(iter(requests.values()))):
            if not errors_of(protocol, body):
                wrong += 1
                print(f"{protocol}: {what} was not found")
    print(f"{count} requests in {len(CHECKS)} protocols, {wrong} errors")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
