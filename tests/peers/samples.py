"""Makes answers from the models of responses in the providers' official Python packages, with what they contain.

Writes `samples.json`, which `cargo test -p conch-provider --test peers` reads with Conch's own decoder. With `--check`,
nothing is written, and the program exits with 1 if the file is another.
"""

import json
import sys
from pathlib import Path

import anthropic.types as claude
import ollama
from google.genai import types as gemini
from openai.types import responses
from openai.types.chat import ChatCompletion, ChatCompletionChunk

CITY = {"city": "Bern"}
CITY_JSON = json.dumps(CITY)


def dumped(model):
    """Returns a model as JSON. A field that the model does not have is a mistake here."""
    assert_known(model, type(model).__name__)
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def assert_known(value, path):
    if isinstance(value, list):
        for index, entry in enumerate(value):
            assert_known(entry, f"{path}[{index}]")
    elif hasattr(value, "model_extra"):
        assert not value.model_extra, f"{path} has no {list(value.model_extra)}"
        for name in value.model_fields_set:
            assert_known(getattr(value, name), f"{path}.{name}")


def events(models, named=False, end=""):
    """Returns models as server-sent events, each under its type if `named`."""

    def event(model):
        body = dumped(model)
        name = f"event: {body['type']}\n" if named else ""
        return f"{name}data: {json.dumps(body)}\n\n"

    return "".join(map(event, models)) + end


def lines(models):
    return "".join(json.dumps(dumped(model)) + "\n" for model in models)


def expected(text="", reasoning="", calls=(), finish="stop", failure=None, usage=(None,) * 5, data=()):
    """Returns what an answer contains; the counts are those of the prompt, the answer, the cached, the cache-written
    and the reasoning tokens."""
    return {
        "text": text,
        "reasoning": reasoning,
        "calls": list(calls),
        "finish": finish,
        "failure": failure,
        "usage": list(usage),
        "data": list(data),
    }


def chunk(delta, finish=None, usage=None):
    return ChatCompletionChunk(
        id="c",
        created=1,
        model="m",
        object="chat.completion.chunk",
        choices=[] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}],
        usage=usage,
    )


def openai_samples():
    usage = {
        "prompt_tokens": 60,
        "completion_tokens": 9,
        "total_tokens": 69,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    done = "data: [DONE]\n\n"
    stream = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}), chunk({"content": "lo"})]
    stream += [chunk({}, "stop"), chunk(None, usage=usage)]
    yield "a stream", events(stream, end=done), expected("Hello", usage=(60, 9, 20, 30, 5))
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": piece}} for piece in (CITY_JSON[:6], CITY_JSON[6:])]
    stream = [chunk({"role": "assistant", "content": None, "tool_calls": [call]})]
    stream += [chunk({"tool_calls": [piece]}) for piece in pieces] + [chunk({}, "tool_calls")]
    yield "a call", events(stream, end=done), expected(calls=[("weather", CITY)])
    stream = [chunk({"refusal": "I cannot"}), chunk({}, "stop")]
    yield "a refusal", events(stream, end=done), expected("I cannot", finish="refusal")
    stream = [chunk({"content": "Once"}), chunk({}, "length")]
    yield "the longest answer", events(stream, end=done), expected("Once", finish="length")
    whole = ChatCompletion(
        id="c",
        created=1,
        model="m",
        object="chat.completion",
        choices=[
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
            }
        ],
        usage=usage,
    )
    yield "not streamed", json.dumps(dumped(whole)), expected("Hello", usage=(60, 9, 20, 30, 5))


def response(status, output=(), usage=None, **fields):
    return responses.Response(
        id="resp_1",
        created_at=1,
        model="gpt-6-sol",
        object="response",
        output=list(output),
        parallel_tool_calls=True,
        tool_choice="auto",
        tools=[],
        status=status,
        usage=usage,
        **fields,
    )


def responses_samples():
    usage = {
        "input_tokens": 60,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 69,
    }
    counts = (60, 9, 20, 30, 5)
    summary = [{"type": "summary_text", "text": text} for text in ("One", "Two")]
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "sealed"}
    text = {"type": "output_text", "text": "Hello", "annotations": []}
    message = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [text],
        "phase": "final_answer",
    }
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "weather",
        "arguments": CITY_JSON,
        "status": "completed",
    }
    number = iter(range(1000))

    def event(kind, **fields):
        return kind(sequence_number=next(number), **fields)

    def start():
        yield event(responses.ResponseCreatedEvent, type="response.created", response=response("in_progress"))
        yield event(
            responses.ResponseInProgressEvent, type="response.in_progress", response=response("in_progress")
        )

    def added(index, item):
        return event(
            responses.ResponseOutputItemAddedEvent, type="response.output_item.added", output_index=index, item=item
        )

    def done(index, item):
        return event(
            responses.ResponseOutputItemDoneEvent, type="response.output_item.done", output_index=index, item=item
        )

    def thought(kind, at, **fields):
        return event(kind, item_id="rs_1", output_index=0, summary_index=at, **fields)

    def thoughts():
        yield added(0, {**reasoning, "summary": [], "encrypted_content": "sea"})
        for at, part in enumerate(summary):
            yield thought(
                responses.ResponseReasoningSummaryPartAddedEvent,
                at,
                type="response.reasoning_summary_part.added",
                part={"type": "summary_text", "text": ""},
            )
            for piece in (part["text"][:1], part["text"][1:]):
                yield thought(
                    responses.ResponseReasoningSummaryTextDeltaEvent,
                    at,
                    type="response.reasoning_summary_text.delta",
                    delta=piece,
                )
            yield thought(
                responses.ResponseReasoningSummaryTextDoneEvent,
                at,
                type="response.reasoning_summary_text.done",
                text=part["text"],
            )
            yield thought(
                responses.ResponseReasoningSummaryPartDoneEvent,
                at,
                type="response.reasoning_summary_part.done",
                part=part,
            )
        yield done(0, reasoning)

    def place(kind, index, **fields):
        return event(kind, item_id="msg_1", output_index=index, content_index=0, **fields)

    def says(index):
        yield added(index, {**message, "status": "in_progress", "content": []})
        yield place(
            responses.ResponseContentPartAddedEvent,
            index,
            type="response.content_part.added",
            part={**text, "text": ""},
        )
        for piece in ("Hel", "lo"):
            yield place(
                responses.ResponseTextDeltaEvent,
                index,
                type="response.output_text.delta",
                delta=piece,
                logprobs=[],
            )
        yield place(
            responses.ResponseTextDoneEvent, index, type="response.output_text.done", text="Hello", logprobs=[]
        )
        yield place(responses.ResponseContentPartDoneEvent, index, type="response.content_part.done", part=text)
        yield done(index, message)

    def completed(*output):
        return event(
            responses.ResponseCompletedEvent,
            type="response.completed",
            response=response("completed", output, usage),
        )

    stream = [*start(), *thoughts(), *says(1), completed(reasoning, message)]
    data = [{"reasoning": reasoning}, {"phase": "final_answer"}]
    answer = expected("Hello", "One\n\nTwo", usage=counts, data=data)
    yield "a stream", events(stream, named=True), answer
    whole = response("completed", [reasoning, message], usage)
    yield "not streamed", json.dumps(dumped(whole)), answer
    pieces = [
        event(
            responses.ResponseFunctionCallArgumentsDeltaEvent,
            type="response.function_call_arguments.delta",
            item_id="fc_1",
            output_index=0,
            delta=piece,
        )
        for piece in (CITY_JSON[:6], CITY_JSON[6:])
    ]
    end = event(
        responses.ResponseFunctionCallArgumentsDoneEvent,
        type="response.function_call_arguments.done",
        item_id="fc_1",
        output_index=0,
        arguments=CITY_JSON,
    )
    begun = {**call, "arguments": "", "status": "in_progress"}
    stream = [*start(), added(0, begun), *pieces, end, done(0, call), completed(call)]
    yield "a call", events(stream, named=True), expected(calls=[("weather", CITY)], usage=counts)
    refusals = [
        place(responses.ResponseRefusalDeltaEvent, 0, type="response.refusal.delta", delta="I "),
        place(responses.ResponseRefusalDeltaEvent, 0, type="response.refusal.delta", delta="cannot"),
        place(responses.ResponseRefusalDoneEvent, 0, type="response.refusal.done", refusal="I cannot"),
    ]
    refused = {**message, "content": [{"type": "refusal", "refusal": "I cannot"}], "phase": None}
    stream = [*start(), added(0, {**refused, "content": []}), *refusals, done(0, refused), completed(refused)]
    yield "a refusal", events(stream, named=True), expected("I cannot", finish="refusal", usage=counts)
    for reason, finish in (("max_output_tokens", "length"), ("content_filter", "content_filter")):
        cut = response("incomplete", [message], usage, incomplete_details={"reason": reason})
        end = event(responses.ResponseIncompleteEvent, type="response.incomplete", response=cut)
        answer = expected("Hello", finish=finish, usage=counts, data=[{"phase": "final_answer"}])
        yield f"incomplete by {reason}", events([*start(), *says(0), end], named=True), answer
    failed = response("failed", error={"code": "server_error", "message": "this is why"})
    end = event(responses.ResponseFailedEvent, type="response.failed", response=failed)
    failure = expected(finish=None, failure="this is why")
    yield "it failed", events([*start(), end], named=True), failure
    error = event(responses.ResponseErrorEvent, type="error", code="server_error", message="this is why")
    yield "an error", events([*start(), error], named=True), failure


def anthropic_samples():
    begun = claude.RawMessageStartEvent(
        type="message_start",
        message={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-5",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 10,
                "output_tokens": 1,
                "cache_creation_input_tokens": 30,
                "cache_read_input_tokens": 20,
            },
        },
    )

    def block(index, content, *deltas):
        yield claude.RawContentBlockStartEvent(type="content_block_start", index=index, content_block=content)
        for delta in deltas:
            yield claude.RawContentBlockDeltaEvent(type="content_block_delta", index=index, delta=delta)
        yield claude.RawContentBlockStopEvent(type="content_block_stop", index=index)

    def end(reason):
        yield claude.RawMessageDeltaEvent(
            type="message_delta",
            delta={"stop_reason": reason, "stop_sequence": None},
            usage={"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 5}},
        )
        yield claude.RawMessageStopEvent(type="message_stop")

    counts = (60, 9, 20, 30, 5)
    thinking = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm"},
        {"type": "signature_delta", "signature": "signed"},
    )
    text = block(
        1,
        {"type": "text", "text": ""},
        {"type": "text_delta", "text": "Hel"},
        {"type": "text_delta", "text": "lo"},
    )
    stream = events([begun, *thinking, *text, *end("end_turn")], named=True)
    answer = expected("Hello", "Hm", usage=counts, data=[{"signature": "signed"}])
    yield "a stream", stream, answer
    redacted = block(0, {"type": "redacted_thinking", "data": "sealed"})
    call = block(
        1,
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        {"type": "input_json_delta", "partial_json": CITY_JSON[:6]},
        {"type": "input_json_delta", "partial_json": CITY_JSON[6:]},
    )
    stream = events([begun, *redacted, *call, *end("tool_use")], named=True)
    yield "a call", stream, expected(calls=[("weather", CITY)], usage=counts, data=[{"redacted": "sealed"}])
    for reason, finish in (("max_tokens", "length"), ("refusal", "refusal"), ("stop_sequence", "stop")):
        one = block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"})
        stream = events([begun, *one, *end(reason)], named=True)
        yield f"ended by {reason}", stream, expected("Hi", finish=finish, usage=counts)
    whole = claude.Message(
        id="msg_1",
        type="message",
        role="assistant",
        model="claude-opus-5",
        content=[
            {"type": "thinking", "thinking": "Hm", "signature": "signed"},
            {"type": "text", "text": "Hello"},
        ],
        stop_reason="end_turn",
        stop_sequence=None,
        usage={
            "input_tokens": 10,
            "output_tokens": 9,
            "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 5},
        },
    )
    yield "not streamed", json.dumps(dumped(whole)), answer


def gemini_samples():
    def response(parts, finish=None, usage=None):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish is not None:
            candidate["finish_reason"] = finish
        fields = {"candidates": [candidate], "model_version": "gemini-3.8-flash"}
        if usage is not None:
            fields["usage_metadata"] = usage
        return gemini.GenerateContentResponse(**fields)

    usage = {
        "prompt_token_count": 60,
        "cached_content_token_count": 20,
        "candidates_token_count": 4,
        "thoughts_token_count": 5,
        "total_token_count": 69,
    }
    counts = (60, 9, 20, None, 5)
    # Of bytes, which the API sends in base64.
    signature = b"signed"
    data = {"thoughtSignature": "c2lnbmVk"}
    stream = [response([{"text": "Hm", "thought": True}]), response([{"text": "Hel"}])]
    stream += [response([{"text": "lo", "thought_signature": signature}], "STOP", usage)]
    yield "a stream", events(stream), expected("Hello", "Hm", usage=counts, data=[data])
    call = {"function_call": {"id": "f", "name": "weather", "args": CITY}, "thought_signature": signature}
    yield "a call", events([response([call], "STOP")]), expected(calls=[("weather", CITY)], data=[data])
    for reason, finish in (
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("SPII", "content_filter"),
    ):
        yield f"ended by {reason}", events([response([{"text": "Hi"}], reason)]), expected("Hi", finish=finish)
    blocked = gemini.GenerateContentResponse(prompt_feedback={"block_reason": "PROHIBITED_CONTENT"})
    yield "a blocked prompt", events([blocked]), expected(finish="content_filter")


def ollama_samples():
    def line(message, **fields):
        return ollama.ChatResponse(
            model="qwen3", created_at="2026-11-28T00:00:00Z", message={"role": "assistant", **message}, **fields
        )

    end = {"done": True, "prompt_eval_count": 60, "eval_count": 9, "total_duration": 7}
    counts = (60, 9, None, None, None)
    stream = [line({"content": "", "thinking": "Hm"}, done=False), line({"content": "Hel"}, done=False)]
    stream += [line({"content": "lo"}, done=False), line({"content": ""}, done_reason="stop", **end)]
    yield "a stream", lines(stream), expected("Hello", "Hm", usage=counts)
    call = {"function": {"name": "weather", "arguments": CITY}}
    stream = [line({"content": "", "tool_calls": [call]}, done=False)]
    stream += [line({"content": ""}, done_reason="stop", **end)]
    yield "a call", lines(stream), expected(calls=[("weather", CITY)], usage=counts)
    whole = line({"content": "Hello"}, done_reason="length", **end)
    yield "not streamed", json.dumps(dumped(whole)), expected("Hello", finish="length", usage=counts)


SAMPLES = {
    "openai": openai_samples,
    "responses": responses_samples,
    "anthropic": anthropic_samples,
    "gemini": gemini_samples,
    "ollama": ollama_samples,
}


def main():
    samples = [
        {"protocol": protocol, "name": name, "body": body, "expected": contains}
        for protocol, made in SAMPLES.items()
        for name, body, contains in made()
    ]
    text = json.dumps(samples, indent=1, ensure_ascii=False) + "\n"
    path = Path(__file__).parent / "samples.json"
    if "--check" not in sys.argv:
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        print("samples.json is not what the packages' models make: run samples.py, and the tests that read it")
        sys.exit(1)
    print(f"{len(samples)} samples in {len(SAMPLES)} protocols")


if __name__ == "__main__":
    main()
